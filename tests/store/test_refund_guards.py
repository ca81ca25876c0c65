"""Refunds attacked by hand at the SQL prompt: the database itself refuses."""

from functools import partial
from typing import LiteralString

import pytest

from tests.store.shop import Shop, execute, refused, value

ORDER: LiteralString = "UPDATE orders SET version = version + 1, "


@pytest.fixture
def refunded(shop: Shop) -> str:
    """A paid order of 24.48 of which one tea went back."""
    order_id = shop.paid()
    ended = shop.manager.run("order.refund", {"items": [{"sku": "TEA", "qty": 1}], "reason": "x"}, order_id=order_id)
    assert ended["status"] == "succeeded", ended
    return order_id


@pytest.mark.parametrize(
    "change",
    [
        "paid_total = 0",
        "paid_total = total - 1",
        "refunded_total = refunded_total - 1",
        "refunded_total = paid_total + 1",
        "refunded_total = 0, refunded_tax = 0",
        "refunded_tax = refunded_total + 1",
        "refunded_tax = -1",
        "status = 'cancelled'",
    ],
)
def test_what_was_paid_never_changes_and_what_went_back_only_rises_to_that(
    refunded: str, change: LiteralString
) -> None:
    attack = ORDER + change + " WHERE id = %s"
    refused(lambda: execute(attack, refunded))


def test_a_draft_is_paid_in_full_or_not_at_all(shop: Shop) -> None:
    order_id = shop.draft()
    for change in ("paid_total = total", "status = 'paid'", "status = 'paid', paid_total = 1", "refunded_total = 1"):
        attack: LiteralString = ORDER + change + " WHERE id = %s"
        refused(partial(execute, attack, order_id))
    assert execute(ORDER + "status = 'paid', paid_total = total WHERE id = %s", order_id) == 1


@pytest.mark.parametrize(
    "change",
    [
        "refunded_qty = 0",
        "refunded_qty = qty + 1",
        "refunded_qty = 2, unit_price = 1",
        "qty = qty + 1",
        "tax_rate = 100",
    ],
)
def test_a_line_of_a_paid_order_changes_by_pieces_that_go_back_alone(refunded: str, change: LiteralString) -> None:
    line: LiteralString = " WHERE order_id = %s AND sku = 'TEA'"
    attack: LiteralString = "UPDATE order_line SET " + change + line
    refused(lambda: execute(attack, refunded))
    assert execute("UPDATE order_line SET refunded_qty = 2" + line, refunded) == 1


def test_a_refund_is_written_once_and_for_good(refunded: str) -> None:
    refused(lambda: execute("UPDATE refund SET amount = 1"), "append-only")
    refused(lambda: execute("DELETE FROM refund"), "append-only")
    copy: LiteralString = (
        "INSERT INTO refund (id, payment_id, order_id, command_id, amount, tax, currency, restock, created_at) "
        "SELECT gen_random_uuid(), payment_id, order_id, command_id, amount, tax, currency, restock, now() FROM refund"
    )
    refused(lambda: execute(copy), "command_id")
    assert value("SELECT count(*) FROM refund") == 1
