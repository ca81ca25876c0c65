"""Customers over HTTP: their tax ids checked, read by all, kept by managers and integrations, never deleted."""

import base64
import json
import uuid
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.customers import Email
from api.tax_ids import TaxId
from domain.fields import Invalid
from store.models import Customer
from tests.till import Till

ADA: dict[str, Any] = {"name": "Ada"}
FULL: dict[str, Any] = {
    "name": "Ada Lovelace",
    "tax_id": "12ABC34501DE35",
    "email": "ada@example.org",
    "phone": "+44 20 7946 0000",
    "address": "12 St James's Square\nLondon",
    "is_active": False,
}


def create(till: Till, **members: Any) -> dict[str, Any]:
    answer = till.post("/customers", ADA | members)
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.body
    return body


def patch(till: Till, customer: dict[str, Any], body: object, **headers: str) -> Any:
    return till.request("PATCH", f"/customers/{customer['id']}", body, None, **headers)


def names(till: Till, query: str = "") -> list[str]:
    return [customer["name"] for customer in chain(*till.pages(f"/customers{query}"))]


def test_creates_a_customer(manager: Till) -> None:
    answer = manager.post("/customers", ADA)
    assert (answer.status, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"/api/v1/customers/{uuid.UUID(answer.body['id'])}"
    assert {name: value for name, value in answer.body.items() if name != "id"} == {
        "name": "Ada",
        "tax_id": None,
        "email": None,
        "phone": None,
        "address": None,
        "is_active": True,
        "version": 1,
    }
    read = manager.get(answer.headers["location"])
    assert (read.status, read.body, read.headers["etag"]) == (200, answer.body, '"1"')


def test_keeps_all_that_was_sent(manager: Till) -> None:
    body = create(manager, **FULL)
    assert {name: body[name] for name in FULL} == FULL


def test_all_may_read(manager: Till, pos: Till, integration: Till, auditor: Till) -> None:
    customer = create(manager)
    for till in (manager, pos, integration, auditor):
        assert till.get(f"/customers/{customer['id']}").body == customer
        assert till.get("/customers").body["results"] == [customer]


def test_managers_and_integrations_alone_may_write(manager: Till, pos: Till, integration: Till, auditor: Till) -> None:
    path = f"/customers/{create(integration)['id']}"
    for till in (pos, auditor):
        till.post("/customers", ADA).problem(403, "forbidden")
        till.post("/customers", {"colour": 1}).problem(403, "forbidden")
        till.request("PATCH", path, {"name": "Eve"}).problem(403, "forbidden")
        till.request("DELETE", path).problem(403, "forbidden")
    assert integration.request("PATCH", path, {"phone": "1"}).status == 200
    assert integration.request("DELETE", path).status == 204
    assert [(row.name, row.phone, row.is_active) for row in Customer.objects.all()] == [("Ada", "1", False)]


TAX_IDS = {
    # The example of the Receita Federal, the first CNPJ ever, and CPFs with their punctuation.
    "12ABC34501DE35": "12ABC34501DE35",
    "12.ABC.345/01DE-35": "12ABC34501DE35",
    " 12.abc.345/01de-35 ": "12ABC34501DE35",
    "00.000.000/0001-91": "00000000000191",
    "11222333000181": "11222333000181",
    "1 1.2-2/2 333.0001-81": "11222333000181",
    "529.982.247-25": "52998224725",
    "52998224725": "52998224725",
    "390 533 447 05": "39053344705",
    "52998224725\u00a0": "52998224725",
    "52998224724": None,
    "529.982.247-26": None,
    "00000000000": None,
    "111.111.111-11": None,
    "99999999999": None,
    "12ABC34501DE34": None,
    "12ABC34502DE35": None,
    "11222333000180": None,
    "00000000000000": None,
    "11111111111111": None,
    "DE123456789012": None,
    "DE 123.456.789": "DE 123.456.789",
    "  12-3456789\t": "12-3456789",
    "1234567890": "1234567890",
    "12ABC34501DEX5": "12ABC34501DEX5",
    "12ÄBC34501DE35": "12ÄBC34501DE35",
    "12\u017fBC34501DE35": "12\u017fBC34501DE35",
    "\u0665" * 11: "\u0665" * 11,
    "529_982_247_25": "529_982_247_25",
    "./-": "./-",
    "x" * 50: "x" * 50,
}
"""What is sent, and what is kept; None where the check digits are wrong."""


@pytest.mark.parametrize(("sent", "kept"), TAX_IDS.items())
def test_brazilian_tax_ids_are_checked_and_foreign_ones_kept(manager: Till, sent: str, kept: str | None) -> None:
    answer = manager.post("/customers", ADA | {"tax_id": sent})
    if kept is None:
        assert answer.errors() == [("/tax_id", "wrong-check-digits")]
    else:
        assert (answer.status, answer.body["tax_id"]) == (201, kept)


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"name": None}, [("/name", "required")]),
        ({"name": ""}, [("/name", "too-short")]),
        ({"name": "x" * 201}, [("/name", "too-long")]),
        ({"name": 7}, [("/name", "not-a-string")]),
        ({"tax_id": ""}, [("/tax_id", "too-short")]),
        ({"tax_id": " \t"}, [("/tax_id", "too-short")]),
        ({"tax_id": "x" * 51}, [("/tax_id", "too-long")]),
        ({"tax_id": 52998224725}, [("/tax_id", "not-a-string")]),
        ({"email": ""}, [("/email", "not-an-email")]),
        ({"email": "ada"}, [("/email", "not-an-email")]),
        ({"email": "ada@x"}, [("/email", "not-an-email")]),
        ({"email": "ada@example.org\n"}, [("/email", "not-an-email")]),
        ({"email": "ada@" + "x" * 251}, [("/email", "too-long")]),
        ({"email": ["ada@example.org"]}, [("/email", "not-a-string")]),
        ({"phone": "1" * 51}, [("/phone", "too-long")]),
        ({"phone": {}}, [("/phone", "not-a-string")]),
        ({"address": "x" * 501}, [("/address", "too-long")]),
        ({"is_active": 1}, [("/is_active", "not-a-boolean")]),
        ({"version": 1}, [("/version", "unknown-field")]),
        ({"id": str(uuid.UUID(int=1))}, [("/id", "unknown-field")]),
        ({"name": None, "tax_id": "1" * 11}, [("/name", "required"), ("/tax_id", "wrong-check-digits")]),
    ],
)
def test_names_everything_that_is_wrong(manager: Till, members: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert manager.post("/customers", ADA | members).errors() == errors
    assert not Customer.objects.exists()
    customer = create(manager)
    assert patch(manager, customer, members).errors() == errors
    assert manager.get(f"/customers/{customer['id']}").body == customer


def test_takes_values_at_their_bounds(manager: Till) -> None:
    email = f"{'x' * 62}@{'.'.join(['a' * 62] * 3)}.{'b' * 2}"
    create(manager, name="🙂" * 200, email=email.rjust(254, "x"), phone="1" * 50, address="ä" * 500)


@given(st.text(max_size=300) | st.text(max_size=80).map(lambda text: f"ada@{text}"), st.sampled_from([Email, TaxId]))
def test_any_text_is_taken_or_refused(text: str, kind: type[Email | TaxId]) -> None:
    with suppress(Invalid):
        assert 0 < len(kind().parse(text, "")) <= len(text)


def test_changes_what_is_sent_alone(manager: Till) -> None:
    customer = create(manager, **FULL)
    answer = patch(manager, customer, {"name": "Countess", "tax_id": "529.982.247-25"})
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    assert answer.body == customer | {"name": "Countess", "tax_id": "52998224725", "version": 2}
    assert manager.get(f"/customers/{customer['id']}").body == answer.body


def test_null_resets_what_is_optional(manager: Till) -> None:
    customer = create(manager, **FULL)
    reset = dict.fromkeys(("tax_id", "email", "phone", "address"))
    assert patch(manager, customer, reset).body == customer | reset | {"version": 2}


@pytest.mark.parametrize("body", [None, {}, {"name": FULL["name"]}, {"tax_id": " 12.abc.345/01de-35"}, FULL])
def test_an_edit_that_changes_nothing_keeps_the_version(manager: Till, body: object) -> None:
    customer = create(manager, **FULL)
    answer = patch(manager, customer, body)
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, customer, '"1"')


def test_an_unknown_customer_is_not_found(manager: Till) -> None:
    path = f"/customers/{uuid.uuid4()}"
    manager.get(path).problem(404, "not-found")
    manager.request("PATCH", path, {"name": "Eve"}).problem(404, "not-found")
    manager.request("PATCH", path, {"name": 7}, If_Match='"1"').problem(404, "not-found")
    manager.request("DELETE", path).problem(404, "not-found")


def test_a_deleted_customer_is_inactive_and_can_come_back(manager: Till) -> None:
    customer = create(manager)
    path = f"/customers/{customer['id']}"
    for _ in range(2):
        answer = manager.request("DELETE", path)
        assert (answer.status, answer.raw) == (204, b"")
        assert manager.get(path).body == customer | {"is_active": False, "version": 2}
    assert patch(manager, customer, {"is_active": True}).body == customer | {"version": 3}


def test_lists_active_ones_unless_asked_for_others(manager: Till) -> None:
    for name in ("Eve", "Ada", "Bob"):
        create(manager, name=name, is_active=name != "Bob")
    cases = {
        "": ["Ada", "Eve"],
        "?is_active=true": ["Ada", "Eve"],
        "?is_active=false": ["Bob"],
        "?is_active=any": ["Ada", "Bob", "Eve"],
    }
    assert {query: names(manager, query) for query in cases} == cases


def test_finds_a_tax_id_however_it_is_written(manager: Till) -> None:
    create(manager, name="CNPJ", tax_id="12.ABC.345/01DE-35")
    create(manager, name="CPF", tax_id="52998224725")
    create(manager, name="foreign", tax_id="AB 1")
    create(manager, name="none")
    cases = {
        "?tax_id=12abc34501de35": ["CNPJ"],
        "?tax_id=12.ABC.345%2F01DE-35": ["CNPJ"],
        "?tax_id=529.982.247-25": ["CPF"],
        "?tax_id=%20AB+1": ["foreign"],
        "?tax_id=ab+1": [],
        "?tax_id=39053344705": [],
    }
    assert {query: names(manager, query) for query in cases} == cases
    assert manager.get("/customers?tax_id=52998224724").errors() == [("tax_id", "wrong-check-digits")]


@pytest.mark.parametrize("size", [1, 2, 3, 200])
def test_lists_by_name_page_by_page_also_namesakes_and_strange_names(manager: Till, size: int) -> None:
    for name in ("Bob", "Ada", "Bob", "🙂" * 200, "\x01" * 200, '"\\' * 100, "Bob", "Ä", " "):
        create(manager, name=name)
    rows = [str(row.id) for row in Customer.objects.order_by("name", "id")]
    link = f"/customers?page_size={size}"
    assert [each["id"] for each in chain(*manager.pages(link))] == rows
    while (following := manager.get(link).body["next"]) is not None:
        link = following
    assert [each["id"] for each in chain(*reversed(list(manager.pages(link, "previous"))))] == rows


NO_NAMES: tuple[Any, ...] = ("", "x" * 201, "\0", "a\ud800", 7, None, ["Ada"], {}, 1e30)


@pytest.mark.parametrize(
    "position",
    [
        *(["Ada"], ["Ada", "x"], ["Ada", str(uuid.UUID(int=1)), "x"], [str(uuid.UUID(int=1)), "Ada"], "Ada", None),
        *([name, str(uuid.UUID(int=1))] for name in NO_NAMES),
    ],
)
def test_a_made_up_cursor_is_refused(manager: Till, position: Any) -> None:
    text = json.dumps(["next", *position] if isinstance(position, list) else position, separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    assert manager.get(f"/customers?cursor={cursor}").errors() == [("cursor", "malformed")]


def test_an_order_is_for_a_customer_who_is_there_and_active(manager: Till) -> None:
    ada, eve = create(manager, name="Ada"), create(manager, name="Eve")
    order_id = manager.run("order.create", {"customer_id": ada["id"]})["order_id"]
    manager.run("order.create", {"customer_id": eve["id"]})
    assert manager.get(f"/orders/{order_id}").body["customer_id"] == ada["id"]
    found = manager.get(f"/orders?customer_id={ada['id']}").body["results"]
    assert [order["id"] for order in found] == [order_id]
    assert manager.request("DELETE", f"/customers/{ada['id']}").status == 204
    refused = {ada["id"]: "customer-inactive", str(uuid.uuid4()): "customer-not-found"}
    for customer_id, code in refused.items():
        final = manager.run("order.create", {"customer_id": customer_id})
        assert (final["status"], final["error"]["code"]) == ("failed", code)
    assert manager.get(f"/orders/{order_id}").body["customer_id"] == ada["id"]
    assert patch(manager, ada, {"is_active": True}).status == 200
    assert manager.run("order.create", {"customer_id": ada["id"]})["status"] == "succeeded"
