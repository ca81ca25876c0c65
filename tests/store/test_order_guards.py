"""Orders and their lines, attacked by hand at the SQL prompt: the database itself refuses."""

import contextlib
import uuid
from functools import partial
from typing import LiteralString

import pytest
from django.db import IntegrityError, transaction

from domain import workflow
from tests.guards import guards_asleep
from tests.store.shop import Shop, execute, refused, value

MOVE = "UPDATE orders SET status = %s, version = version + 1 WHERE id = %s"


def order_in(name: str, status: str) -> uuid.UUID:
    """An order put into this status past the guards."""
    order_id = uuid.uuid4()
    with guards_asleep():
        execute(
            "INSERT INTO orders (id, workflow, status, version, currency, total, created_at, updated_at) "
            "VALUES (%s, %s, %s, 1, 'EUR', 0, now(), now())",
            order_id, name, status,
        )  # fmt: skip
    return order_id


@pytest.mark.parametrize("source", workflow.STATUSES)
@pytest.mark.parametrize("name", workflow.WORKFLOWS)
def test_a_status_moves_only_as_the_workflow_table_says(database: None, name: str, source: str) -> None:
    moved = []
    for target in workflow.STATUSES:
        order_id = order_in(name, source)
        with contextlib.suppress(IntegrityError):
            execute(MOVE, target, order_id)
        if value("SELECT status FROM orders WHERE id = %s", order_id) == target:
            moved.append(target)
    allowed = {*workflow.allowed(name, source), source}
    assert set(moved) == allowed


@pytest.mark.parametrize("status", workflow.STATUSES)
@pytest.mark.parametrize("name", workflow.WORKFLOWS)
def test_an_order_begins_only_as_the_workflow_table_says(database: None, name: str, status: str) -> None:
    def insert() -> int:
        return execute(
            "INSERT INTO orders (id, workflow, status, version, currency, total, created_at, updated_at) "
            "VALUES (%s, %s, %s, 1, 'EUR', 0, now(), now())",
            uuid.uuid4(), name, status,
        )  # fmt: skip

    if status == workflow.birth(name).target:
        assert insert() == 1
    else:
        refused(insert, "an order begins as")


@pytest.mark.parametrize("status", ["", "open", "DRAFT", "paid "])
def test_a_status_that_no_workflow_has_is_refused(shop: Shop, status: str) -> None:
    order_id = shop.draft()
    refused(lambda: execute(MOVE, status, order_id))


@pytest.mark.parametrize("version", [0, 1, 2, 3, 5, 99])
def test_a_version_can_neither_stand_nor_be_skipped_nor_go_back(shop: Shop, version: int) -> None:
    order_id = shop.draft()
    for _ in range(2):
        execute("UPDATE orders SET version = version + 1 WHERE id = %s", order_id)
    attack: LiteralString = "UPDATE orders SET version = %s, note = 'x' WHERE id = %s"
    refused(lambda: execute(attack, version, order_id))
    assert execute(attack, 4, order_id) == 1


def test_an_order_begins_at_version_one(database: None) -> None:
    refused(
        lambda: execute(
            "INSERT INTO orders (id, workflow, status, version, currency, total, created_at, updated_at) "
            "VALUES (%s, 'counter', 'draft', 2, 'EUR', 0, now(), now())",
            uuid.uuid4(),
        ),
        "version 1",
    )


@pytest.mark.parametrize("change", ["total = total + 1", "total = 0", "currency = 'USD'"])
@pytest.mark.parametrize("state", ["paid", "pending"])
def test_the_total_of_an_order_that_is_no_draft_is_frozen(shop: Shop, state: str, change: LiteralString) -> None:
    order_id = shop.paid() if state == "paid" else shop.pending()
    attack: LiteralString = "UPDATE orders SET " + change + ", version = version + 1 WHERE id = %s"
    refused(lambda: execute(attack, order_id), "total and currency are frozen")


def test_the_total_of_a_paid_order_cannot_change_on_its_way_to_cancelled(shop: Shop) -> None:
    order_id = shop.paid()
    attack: LiteralString = "UPDATE orders SET status = 'cancelled', total = 0, version = version + 1 WHERE id = %s"
    refused(lambda: execute(attack, order_id), "total and currency are frozen")


LINE_ATTACKS: dict[str, LiteralString] = {
    "more pieces": "UPDATE order_line SET qty = qty + 1 WHERE order_id = %s",
    "another price": "UPDATE order_line SET unit_price = 1 WHERE order_id = %s",
    "another name": "UPDATE order_line SET name = 'x' WHERE order_id = %s",
    "fewer lines": "DELETE FROM order_line WHERE order_id = %s AND position = 0",
    "one more line": "INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price) "
    "SELECT order_id, 9, product_id, sku, name, 1, 1 FROM order_line WHERE order_id = %s AND position = 0",
}


@pytest.mark.parametrize("attack", LINE_ATTACKS.values(), ids=LINE_ATTACKS)
@pytest.mark.parametrize("state", ["paid", "pending", "cancelled"])
def test_the_lines_of_an_order_that_is_no_draft_are_frozen(shop: Shop, state: str, attack: LiteralString) -> None:
    order_id = shop.pending() if state == "pending" else shop.paid()
    if state == "cancelled":
        shop.manager.run("order.cancel", order_id=order_id)
    refused(lambda: execute(attack, order_id), "frozen")


@pytest.mark.parametrize("attack", LINE_ATTACKS.values(), ids=LINE_ATTACKS)
def test_the_lines_of_a_draft_may_change(shop: Shop, attack: LiteralString) -> None:
    assert execute(attack, shop.draft()) >= 1


def test_a_line_cannot_move_from_one_order_to_another(shop: Shop) -> None:
    draft, other, paid = shop.draft(), shop.draft(), shop.paid()
    attack: LiteralString = "UPDATE order_line SET order_id = %s, position = 9 WHERE order_id = %s AND position = 0"
    for source, target in ((draft, paid), (paid, draft), (draft, other)):
        refused(partial(execute, attack, target, source), "frozen")


def test_a_line_without_pieces_or_with_a_negative_price_is_refused(shop: Shop) -> None:
    order_id = shop.draft()
    refused(lambda: execute("UPDATE order_line SET qty = 0 WHERE order_id = %s", order_id), "order_line_qty")
    refused(lambda: execute("UPDATE order_line SET unit_price = -1 WHERE order_id = %s", order_id), "order_line_price")


def test_lines_of_a_fulfilment_order_come_with_it_in_one_transaction_and_no_later(shop: Shop) -> None:
    order_id = order_in("fulfilment", "pending")
    line: LiteralString = (
        "INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price) "
        "VALUES (%s, 0, %s, 'TEA', 'Tea', 1, 1)"
    )
    refused(lambda: execute(line, order_id, shop.tea["id"]), "frozen")
    with transaction.atomic():
        fresh = order_in("fulfilment", "pending")
        assert execute(line, fresh, shop.tea["id"]) == 1


@pytest.mark.parametrize(
    "change", ["id = gen_random_uuid()", "workflow = 'fulfilment'", "created_at = now() - interval '1 day'"]
)
def test_what_an_order_is_never_changes(shop: Shop, change: LiteralString) -> None:
    shop.draft()
    attack: LiteralString = "UPDATE orders SET " + change + ", version = version + 1"
    refused(lambda: execute(attack))


def test_an_archived_order_stays_archived(database: None) -> None:
    order_id = order_in("counter", "cancelled")
    execute("UPDATE orders SET archived = true, version = version + 1 WHERE id = %s", order_id)
    attack: LiteralString = "UPDATE orders SET archived = false, version = version + 1 WHERE id = %s"
    refused(lambda: execute(attack, order_id), "archiving")


@pytest.mark.parametrize("status", workflow.STATUSES)
@pytest.mark.parametrize("name", workflow.WORKFLOWS)
def test_only_an_order_that_is_over_is_archived(database: None, name: str, status: str) -> None:
    order_id = order_in(name, status)
    attack: LiteralString = "UPDATE orders SET archived = true, version = version + 1 WHERE id = %s"
    if status in {"cancelled", "delivered"}:
        assert execute(attack, order_id) == 1
    else:
        refused(lambda: execute(attack, order_id), "that is over")


def test_an_archived_order_does_not_come_back_by_a_move(database: None) -> None:
    order_id = order_in("fulfilment", "delivered")
    execute("UPDATE orders SET archived = true, version = version + 1 WHERE id = %s", order_id)
    refused(lambda: execute(MOVE, "shipped", order_id))


@pytest.mark.parametrize("state", ["draft", "paid", "pending", "empty"])
def test_an_order_is_never_deleted(shop: Shop, state: str) -> None:
    make = {"draft": shop.draft, "paid": shop.paid, "pending": shop.pending}
    order_id = make[state]() if state in make else shop.pos.run("order.create")["order_id"]
    refused(lambda: execute("DELETE FROM orders WHERE id = %s", order_id))
    assert value("SELECT count(*) FROM orders WHERE id = %s", order_id) == 1


def test_a_negative_total_is_refused(shop: Shop) -> None:
    order_id = shop.draft()
    attack: LiteralString = "UPDATE orders SET total = -1, version = version + 1 WHERE id = %s"
    refused(lambda: execute(attack, order_id), "orders_total|orders_refunds")
