"""Every page is there for whoever reads, whatever is asked, in as many queries for many rows as for few."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from store import deliveries
from store.models import AuditEntry, Client, Command, Customer, Delivery, Endpoint, Order, Product
from tests.console.desk import Desk
from tests.console.rows import dead_letter, queued
from tests.guards import guards_asleep
from tests.store.shop import Shop
from tests.webhooks import claim, deliver, endpoint, tried

KINDS = ("command", "order", "product", "customer", "endpoint", "delivery", "client", "auditentry")


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop with one of everything."""
    customer = Customer.objects.create(name="Ana Lima", tax_id="52998224725")
    created = shop.pos.run("order.create", {"customer_id": str(customer.id), "items": [{"sku": "TEA", "qty": 2}]})
    shop.pos.run("order.pay", {"method": "cash", "tendered": "50"}, order_id=created["order_id"])
    where = endpoint()
    deliver(where, 2)
    deliveries.record([tried(claim(1)[0], 503, error="busy")])
    AuditEntry.objects.create(actor="ana", via="cli", action="key.issued", subject_type="client", subject_id="x")
    return shop


def row_of(kind: str) -> Any:
    models: dict[str, Any] = {
        "command": Command.objects.filter(type="order.pay"),
        "order": Order.objects,
        "product": Product.objects.filter(sku="TEA"),
        "customer": Customer.objects,
        "endpoint": Endpoint.objects,
        "delivery": Delivery.objects.filter(attempts_made=1),
        "client": Client.objects.filter(name="till-1"),
        "auditentry": AuditEntry.objects.filter(via="cli"),
    }
    return models[kind].first()


@pytest.mark.parametrize("kind", KINDS)
def test_list_and_page_are_there_and_offer_an_auditor_nothing_to_do(busy: Shop, reader: Desk, kind: str) -> None:
    for path in (f"store/{kind}/", f"store/{kind}/{row_of(kind).pk}/change/"):
        answer = reader.get(path)
        assert answer.status_code == 200
        body = answer.content.decode()
        assert 'class="button grave"' not in body
        for act in ("cancel", "retry", "hasten", "edit", "disable", "ping", "issue-key", "deactivate", "new"):
            assert f'href="../{act}/"' not in body
            assert f'href="{act}/"' not in body


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("command", ["Accepted", "Started", "Succeeded", "order.create", '"method": "cash"', "till-1", "UTC"]),
        ("order", ["19.98 EUR", "paid", "draft", "sale", "-2", "cash", "50.00 EUR", "order.create", "Ana Lima"]),
        ("product", ["On hand 8", "Reserved 0", "receipt", "+10", "sale"]),
        ("customer", ["52998224725", "19.98 EUR"]),
        ("endpoint", ["https://example.com/", "Pending deliveries 2", "Every try has failed"]),
        ("delivery", ["503", "busy", "5 ms", "command_id"]),
        ("client", ["pos", "Keys", "order.pay"]),
        ("auditentry", ["key.issued", "cli"]),
    ],
)
def test_a_page_tells_what_an_operator_asks(busy: Shop, reader: Desk, kind: str, words: list[str]) -> None:
    told = reader.text(f"store/{kind}/{row_of(kind).pk}/change/")
    assert [word for word in words if word not in told] == []


GARBAGE = (
    *("%00", "'", "%25", "a" * 5_000, "-1", "9" * 40, "%ED%A0%80", "(((", str(uuid.UUID(int=0)), "..", "%F0%9F%92%A9"),
)
PARAMETERS = (
    *(
        "status",
        "type",
        "age",
        "client",
        "lane",
        "dead",
        "state",
        "role",
        "active",
        "kind",
        "action",
        "via",
        "archived",
    ),
    *("inactive", "workflow", "o", "all", "e", "payload__x", "id__in", "client__name__regex", "_facets"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_nonsense_finds_nothing_and_breaks_nothing(busy: Shop, boss: Desk, kind: str) -> None:
    for garbage in GARBAGE:
        asked = "&".join(f"{name}={garbage}" for name in PARAMETERS)
        queries = (asked, f"q={garbage}", f"p={garbage}", f"_popup={garbage}", f"_to_field={garbage}")
        paths = [f"store/{kind}/?{query}" for query in queries]
        paths += [f"store/{kind}/{garbage}/change/", f"store/{kind}/{garbage}/retry/", f"search/?s={garbage}&page=x"]
        for path in paths:
            assert boss.get(path).status_code < 500, path


def test_an_unknown_row_leads_back_with_a_word(boss: Desk) -> None:
    answer = boss.http.get(f"/admin/store/order/{uuid.uuid4()}/change/", follow=True)
    assert "Perhaps it was deleted?" in answer.content.decode()


SEARCHES = {
    "command": ("id", "order_id", "idempotency_key"),
    "order": ("id", "customer_id"),
    "product": ("id", "sku"),
    "customer": ("id", "name", "tax_id"),
    "endpoint": ("id", "url"),
    "delivery": ("id", "event_id", "endpoint_id"),
    "client": ("name",),
    "auditentry": ("subject_id",),
}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in SEARCHES.items() for field in fields])
def test_the_search_is_exact(busy: Shop, reader: Desk, kind: str, field: str) -> None:
    row = row_of(kind)
    link = f"/admin/store/{kind}/{row.pk}/change/"
    assert link in reader.get(f"store/{kind}/?q={getattr(row, field)}").content.decode()
    assert link not in reader.get(f"store/{kind}/?q={getattr(row, field)}x").content.decode()


@pytest.mark.parametrize(
    ("kind", "field"), [("command", "id"), ("order", "id"), ("product", "sku"), ("client", "name"),
                        ("command", "idempotency_key"), ("customer", "tax_id"), ("delivery", "id")]
)  # fmt: skip
def test_one_field_finds_anything(busy: Shop, reader: Desk, kind: str, field: str) -> None:
    row = row_of(kind)
    assert f"/admin/store/{kind}/{row.pk}/change/" in reader.get(f"search/?s={getattr(row, field)}").content.decode()


def test_filters_narrow(shop: Shop, reader: Desk) -> None:
    dead, waits = dead_letter(shop.pos), queued(shop.pos)
    lane = Command.objects.get(id=waits).lane

    def shown(query: str) -> set[str]:
        body = reader.get(f"store/command/?{query}").content.decode()
        return {each for each in (dead, waits) if each in body}

    assert shown("") == {dead, waits}
    assert shown("status=queued") == shown(f"status=queued&lane={lane}") == {waits}
    assert shown("status=failed") == shown("dead=yes") == {dead}
    assert shown("client=till-1&age=last:1h") == {dead, waits}
    assert (
        shown("client=nobody")
        == shown("age=before:1h")
        == shown("type=order.pay")
        == shown("lane=x")
        == shown("age=x")
        == set()
    )


def test_lists_are_leafed_through_without_being_counted(shop: Shop, reader: Desk) -> None:
    for _ in range(51):
        queued(shop.pos)
    with CaptureQueriesContext(connection) as queries:
        first = reader.text("store/command/")
    with_count = [each["sql"] for each in queries if "COUNT(" in each["sql"].upper() and "command" in each["sql"]]
    assert with_count == []
    assert "Next page" in first
    second = reader.text("store/command/?p=2")
    assert "Next page" not in second
    assert "Newer" in second


@pytest.mark.parametrize("kind", ["command", "order", "endpoint", "delivery", "client"])
def test_more_rows_take_no_more_queries(busy: Shop, reader: Desk, kind: str) -> None:
    few = reader.queries(f"store/{kind}/")
    for number in range(5):
        customer = Customer.objects.create(name=f"Customer {number}")
        busy.pos.run("order.create", {"customer_id": str(customer.id)})
        deliver(endpoint(f"https://example.com/{number}", failing_since=Now()), 1)
        Client.objects.create(name=f"till-{uuid7()}", role="pos")
    assert reader.queries(f"store/{kind}/") == few <= 7


def test_a_purged_command_says_so(shop: Shop, reader: Desk) -> None:
    command_id = shop.pos.run("order.create", {})["id"]
    with guards_asleep():
        Command.objects.filter(id=command_id).update(payload=None, result=None, purged_at=Now())
    assert "no longer kept" in reader.text(f"store/command/{command_id}/change/")


def test_nothing_is_added_changed_or_deleted_in_djangos_own_way(busy: Shop, boss: Desk) -> None:
    for kind in KINDS:
        pk = row_of(kind).pk
        for path in (f"store/{kind}/add/", f"store/{kind}/{pk}/delete/", f"store/{kind}/{pk}/history/"):
            assert boss.confirm(path, post="yes").status_code in {302, 404}, path
        assert boss.confirm(f"store/{kind}/{pk}/change/", status="paid", name="x").status_code == 200
        assert boss.confirm(f"store/{kind}/", action="delete_selected", _selected_action=pk).status_code in {200, 302}
        assert row_of(kind).pk == pk
