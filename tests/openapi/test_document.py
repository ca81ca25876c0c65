"""The description is whole and sound: every route, type, code and event is in it, and every example is true."""

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLResolver
from openapi_spec_validator import validate

from api import urls
from api.explanations import ADVICE
from api.problems import HTTP_TITLES, TITLES_BY_CODE
from api.schema.commands import kinds
from api.schema.operation import Operation
from api.schema.operations import Place, openapi
from api.schema.problems import HTTP_CODES, name_of
from domain import registry
from domain.events import CATALOGUE
from domain.fields import parse
from domain.result import TITLES
from tests.openapi.document import breaches, document, operations, resolved
from tests.till import Till

OPERATIONS = list(operations())
_each = pytest.mark.parametrize("described", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
UNKNOWN_ID = "01970000-0000-7000-8000-00000000ffff"
PAGES = {""}
PUBLIC = ("/health", "/metrics", "/problems/", "/api/schema/", "/api/docs/", "/api/v1/auth/token")


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and view of each route of the API that is not said to be none of its business."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif path not in PAGES and getattr(getattr(pattern.callback, "cls", None), "schema", True) is not None:
            yield "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path.strip("^$").replace("/?", "/")), pattern.callback


def methods(view: Any) -> set[str]:
    """What a view answers beside HEAD and OPTIONS."""
    if not hasattr(view, "cls"):
        return {"GET"}
    return set(view.cls(**view.initkwargs).allowed_methods) - {"HEAD", "OPTIONS"}


def test_every_method_of_every_route_is_described() -> None:
    there = {(method, path) for path, view in routes(urls.urlpatterns) for method in methods(view)}
    assert {(each.method, each.path) for each in OPERATIONS} == there
    assert ("POST", "/api/v1/commands") in there


def test_it_is_made_without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yaml"))


def test_it_is_openapi() -> None:
    validate(document())
    assert document()["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    text = str(document())
    refs = set(re.findall(r"#/components/(\w+)/([\w.-]+)", text))
    components = document()["components"]
    assert [ref for ref in refs if ref[1] not in components[ref[0]]] == []
    unused = {name for name in components["schemas"] if ("schemas", name) not in refs}
    # These are answers that belong to no operation: what is wrong with the method, or with us.
    assert unused == {name_of("method-not-allowed"), name_of("internal-error")}


def test_every_command_type_is_a_branch_of_the_union_with_its_payload_and_roles() -> None:
    union = document()["components"]["schemas"]["NewCommand"]
    mapping = union["discriminator"]["mapping"]
    assert sorted(mapping) == list(registry.names())
    assert [each["$ref"] for each in union["oneOf"]] == list(mapping.values())
    for kind in kinds():
        branch = resolved({"$ref": mapping[kind.name]})
        assert branch["properties"]["type"]["const"] == kind.name
        assert set(branch["x-roles"]) == kind.roles
        assert set(resolved(branch["properties"]["payload"])["properties"]) <= set(kind.payload.__slots__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_the_example_of_a_command_type_is_accepted(manager: Till, kind: registry.CommandType) -> None:
    parse(kind.payload, dict(kind.example))
    shown = document()["paths"]["/api/v1/commands"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    body = shown[kind.name]["value"]
    assert manager.post("/commands", body, Idempotency_Key=kind.name).status == 202


def test_a_new_command_type_is_described_without_another_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TYPES", dict(registry._TYPES))
    registry.command("order.wrap", roles=("pos",))(type("WrapOrder", (kinds()[0].payload,), {"__doc__": "As a gift."}))
    route = Operation(id="wrap", answers={}, text="Wrap", commands=("order.wrap",))
    shown = openapi(route, Place("POST", "/api/v1/orders/{order_id}/wrap", public=False))
    assert shown["x-roles"] == ["pos"]
    assert shown["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/WrapOrder")


def test_every_code_is_described_and_explained() -> None:
    schemas = document()["components"]["schemas"]
    assert set(HTTP_CODES) >= set(HTTP_TITLES)
    for code in HTTP_CODES:
        assert schemas[name_of(code)]["properties"]["code"]["const"] == code
    assert schemas["CommandError"]["properties"]["code"]["enum"] == list(TITLES)
    assert ADVICE.keys() == TITLES_BY_CODE.keys()


@pytest.mark.parametrize("code", TITLES_BY_CODE)
def test_every_code_has_a_page_that_says_what_to_do(manager: Till, code: str) -> None:
    answer = manager.get(f"/problems/{code}", Authorization=None)
    assert answer.status == 200
    page = re.sub("</?code>", "`", html.unescape(answer.raw.decode()))
    assert f"<h1>{TITLES_BY_CODE[code]}</h1><p>{ADVICE[code]}" in page
    assert ADVICE[code].endswith(".")


def test_every_event_is_a_webhook_with_the_headers_of_standard_webhooks() -> None:
    webhooks = document()["webhooks"]
    assert list(webhooks) == list(CATALOGUE)
    for name, methods in webhooks.items():
        content = methods["post"]["requestBody"]["content"]["application/json"]
        assert breaches(content["schema"], content["example"]) == []
        assert content["schema"]["properties"]["type"] == {"const": name}
        headers = [each["name"] for each in methods["post"]["parameters"]]
        assert headers == ["webhook-id", "webhook-timestamp", "webhook-signature"]


def test_every_example_is_as_its_schema_says() -> None:
    seen = 0
    for name, schema in document()["components"]["schemas"].items():
        for example in schema.get("examples", []):
            assert breaches({"$ref": f"#/components/schemas/{name}"}, example) == []
            seen += 1
    for each in OPERATIONS:
        assert bool(each.bodies) == ("requestBody" in each.operation)
        for example in each.bodies:
            assert breaches(each.operation["requestBody"]["content"]["application/json"]["schema"], example) == []
            seen += 1
    assert seen > 60


@_each
def test_an_operation_says_what_it_is(described: Any) -> None:
    operation = described.operation
    assert operation["summary"]
    assert "**Who:**" in operation["description"]
    assert operation["tags"][0] in {tag["name"] for tag in document()["tags"]}
    twice = [name for name, count in Counter(each.operation["operationId"] for each in OPERATIONS).items() if count > 1]
    assert twice == []


@_each
def test_a_caller_without_a_key_is_answered_as_described(manager: Till, described: Any) -> None:
    path = re.sub(r"{\w+}", UNKNOWN_ID, described.path)
    body = next(iter(described.bodies), None)
    answer = manager.request(described.method, path, body, Authorization=None, Idempotency_Key="k")
    assert (answer.status == 401) == ("401" in described.operation["responses"])
    assert (described.roles is None) == described.path.startswith(PUBLIC)


@_each
@pytest.mark.parametrize("role", registry.ROLES)
def test_a_role_that_is_not_named_is_refused_and_the_others_are_not(database: None, described: Any, role: str) -> None:
    if described.roles is None:
        return
    till = Till.register("someone", role)
    submitter = till if role != "auditor" else Till.register("submitter", "manager")
    command_id = submitter.submit("order.create").body["id"]
    path = re.sub(r"{\w+}", UNKNOWN_ID, described.path.replace("{command_id}", command_id))
    answers = [till.request(described.method, path, body, Idempotency_Key="k") for body in described.bodies or [None]]
    if role in described.roles:
        assert {answer.status for answer in answers} != {403}
    else:
        for answer in answers:
            answer.problem(403, "forbidden")
