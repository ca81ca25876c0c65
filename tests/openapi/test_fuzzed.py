"""Schemathesis against a real web server: whatever is sent, the answer is one that the description has."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import empty
from tests.openapi.document import closed
from tests.till import Till
from tests.web import web_server
from tests.webhooks import endpoint

CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENTRIES_APART = "/api/v1/commands/batch"
"""Its answer is 200 whatever is wrong with an entry."""
BEYOND_A_SCHEMA = {
    ("cursor", "malformed"),
    ("If-Match", "malformed"),
    ("", "not-money"),  # more digits than its currency
    ("/price", "out-of-range"),
    *(("", code) for code in ("nul", "not-an-integer", "not-before-expiry", "refused-address", "unchangeable")),
    ("", "wrong-check-digits"),
}
"""Rules that JSON Schema cannot say, at this place or at any; all others it says. A whole number may be 1.0 there."""

# A stream has no end; tests/acceptance/test_stream.py reads it.
api = schemathesis.openapi.from_dict(closed()).exclude(path="/api/v1/commands/stream")
# A key that is known and a precondition that is false are told before anything that is wrong with the body.
REFUSALS = ["400", "401", "403", "404", "406", "409", "412", "415", "422"]
api.config.checks.negative_data_rejection.expected_statuses = REFUSALS


@dataclass(frozen=True, slots=True)
class Shop:
    """A web server, a manager's key to it, and an id of everything that has one, by its name in paths."""

    url: str
    key: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def shop(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """One for all operations: what one of them does is there for the others."""
    folder = tmp_path_factory.mktemp("web")
    with django_db_blocker.unblock():
        empty()
        manager = Till.register("manager-1", "manager")
        with web_server(folder, WEBHOOK_ALLOWED_NETWORKS="127.0.0.1/32") as (port, _pid):
            yield Shop(f"http://127.0.0.1:{port}", manager.key, ids_of(manager))


def ids_of(manager: Till) -> dict[str, str]:
    """One of everything."""
    product = manager.product("OAT-1L", stock=50)
    created = manager.run("order.create", {"items": [{"sku": "OAT-1L", "qty": 1}]})
    customer = manager.post("/customers", {"name": "Sol"}).body
    endpoint_id = str(endpoint(of=manager).id)
    delivery = manager.post(f"/webhooks/endpoints/{endpoint_id}/ping").body
    return {
        "command_id": created["id"],
        "order_id": created["order_id"],
        "product_id": product["id"],
        "customer_id": customer["id"],
        "endpoint_id": endpoint_id,
        "delivery_id": delivery["id"],
    }


@api.parametrize()
@settings(max_examples=20, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: Any, shop: Shop) -> None:
    is_good = case.meta.generation.mode.is_positive
    prepare(case, shop, is_good=is_good)
    authorization = {"Authorization": f"Api-Key {shop.key}"}
    rejected = [] if case.path == ENTRIES_APART else [negative_data_rejection]
    answer = case.call_and_validate(base_url=shop.url, headers=authorization, checks=CHECKS + rejected, timeout=20)
    if is_good and answer.status_code == 400:
        sayable = [each for each in errors(answer.json()) if not BEYOND_A_SCHEMA & {each, ("", each[1])}]
        assert sayable == [], case.as_curl_command()


def prepare(case: Any, shop: Shop, *, is_good: bool) -> None:
    """Half of all ids become ones that exist, good requests get keys of their own, and nobody waits for a worker."""
    for name, value in dict(case.path_parameters or {}).items():
        if name in shop.ids and is_even(value):
            case.path_parameters[name] = shop.ids[name]
    if case.headers:
        case.headers.pop("Prefer", None)
        if is_good and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid.uuid4())


def is_even(value: object) -> bool:
    try:
        return uuid.UUID(str(value)).int % 2 == 0
    except ValueError:
        return False


def errors(problem: dict[str, Any]) -> set[tuple[str, str]]:
    places = ("pointer", "parameter", "header")
    return {(next(each[place] for place in places if place in each), each["code"]) for each in problem["errors"]}
