"""Stock, history, movements and payments, attacked by hand at the SQL prompt: the database itself refuses."""

from functools import partial
from typing import LiteralString

import pytest
from django.db import Error

from tests.guards import guards_asleep
from tests.store.shop import Shop, execute, refused, value

LEDGERS = ("order_history", "stock_movement")
RECORDS = (*LEDGERS, "payment", "command")


@pytest.mark.parametrize(
    "change",
    [
        "on_hand = -1",
        "on_hand = on_hand - 100",
        "reserved = -1",
        "reserved = on_hand + 1",
        "on_hand = reserved - 1, reserved = reserved",
    ],
)
def test_stock_is_never_negative_and_never_reserved_beyond_what_is_on_hand(shop: Shop, change: LiteralString) -> None:
    shop.pending()
    attack: LiteralString = "UPDATE product SET " + change
    refused(lambda: execute(attack), "product_stock")
    with guards_asleep():
        refused(lambda: execute(attack), "product_stock")


def test_a_price_is_never_negative(shop: Shop) -> None:
    refused(lambda: execute("UPDATE product SET price = -1"), "product_price")


def test_a_sku_is_unique(shop: Shop) -> None:
    refused(lambda: execute("UPDATE product SET sku = 'TEA'"))


@pytest.mark.parametrize("table", LEDGERS)
def test_a_ledger_is_append_only(shop: Shop, table: LiteralString) -> None:
    shop.paid()
    before = value("SELECT count(*) FROM " + table)
    assert before >= 2
    key: LiteralString = "product_id" if table == "stock_movement" else "order_id"
    update: LiteralString = "UPDATE " + table + " SET command_id = gen_random_uuid()"
    same: LiteralString = "UPDATE " + table + " SET " + key + " = " + key
    delete: LiteralString = "DELETE FROM " + table
    for attack in (update, same, delete):
        refused(partial(execute, attack), "append-only")
    assert value("SELECT count(*) FROM " + table) == before


@pytest.mark.parametrize("table", RECORDS)
def test_no_record_is_emptied_at_a_stroke(shop: Shop, table: LiteralString) -> None:
    shop.paid()
    attack: LiteralString = "TRUNCATE " + table + " CASCADE"
    refused(lambda: execute(attack), error=Error)
    assert value("SELECT count(*) FROM " + table) >= 1


def test_a_movement_that_moves_nothing_is_refused(shop: Shop) -> None:
    attack: LiteralString = (
        "INSERT INTO stock_movement (product_id, id, kind, on_hand_delta, reserved_delta, command_id, created_at) "
        "VALUES (%s, gen_random_uuid(), 'sale', 0, 0, gen_random_uuid(), now())"
    )
    refused(lambda: execute(attack, shop.tea["id"]), "stock_movement_moves")


def test_a_version_of_an_order_has_one_line_of_history(shop: Shop) -> None:
    shop.paid()
    attack: LiteralString = (
        "INSERT INTO order_history (order_id, version, to_status, changed_by, command_id, changed_at) "
        "SELECT order_id, version, to_status, changed_by, command_id, changed_at FROM order_history"
    )
    refused(lambda: execute(attack))


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "tendered = 1",
        "currency = 'USD'",
        "method = 'card'",
        "order_id = (SELECT id FROM orders WHERE status = 'draft' LIMIT 1)",
        "command_id = gen_random_uuid()",
        "id = gen_random_uuid()",
        "created_at = now()",
        "status = 'pending'",
    ],
)
def test_a_payment_never_changes(shop: Shop, change: LiteralString) -> None:
    shop.draft()
    shop.paid()
    attack: LiteralString = "UPDATE payment SET " + change
    refused(lambda: execute(attack))


def test_a_payment_is_refunded_once_and_for_good_and_never_deleted(shop: Shop) -> None:
    shop.paid()
    refused(lambda: execute("DELETE FROM payment"), "never deleted")
    assert execute("UPDATE payment SET status = 'refunded'") == 1
    refused(lambda: execute("UPDATE payment SET status = 'captured'"))
    refused(lambda: execute("DELETE FROM payment"), "never deleted")


def test_nobody_pays_twice(shop: Shop) -> None:
    shop.paid()
    attack: LiteralString = (
        "INSERT INTO payment (id, order_id, command_id, method, amount, currency, created_at) "
        "SELECT gen_random_uuid(), order_id, command_id, method, amount, currency, created_at FROM payment"
    )
    refused(lambda: execute(attack), "payment_once")


def test_a_product_with_movements_or_lines_is_never_deleted(shop: Shop) -> None:
    shop.draft()
    refused(lambda: execute("DELETE FROM product"))


def test_every_change_of_stock_is_a_movement_that_names_its_command(shop: Shop) -> None:
    order_id = shop.paid()
    shop.manager.run("order.cancel", order_id=order_id)
    shop.manager.run("stock.adjust", {"sku": "TEA", "delta": -3, "reason": "broken"})
    shop.pending()
    by_movements: LiteralString = (
        "SELECT bool_and((on_hand, reserved) = (SELECT sum(on_hand_delta), sum(reserved_delta) FROM stock_movement "
        "WHERE product_id = product.id)) FROM product"
    )
    assert value(by_movements) is True
    nameless: LiteralString = (
        "SELECT count(*) FROM stock_movement WHERE NOT EXISTS (SELECT FROM command "
        "WHERE command.id = command_id AND command.order_id IS NOT DISTINCT FROM stock_movement.order_id)"
    )
    assert value(nameless) == 0
