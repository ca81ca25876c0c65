"""The checker bites: each rule about orders and their stock finds the one row that breaks it."""

import uuid
from typing import LiteralString

import pytest

from tests import invariants
from tests.guards import guards_asleep
from tests.laws.workers import raw
from tests.till import Till, entry, run_drain

MOVEMENTS = "stock is the sum of its movements"
RESERVED = "what is reserved is what orders hold that have not been shipped"
SHIPPED = "a shipped order has left the shelf once, by the sum of its lines, and no other has"
MOVED = "what an order has moved is what its status says; pieces refunded may have come back or not"
PAID = "a paid order has one captured payment of its total until all of it went back, and no other order has any"
BOOKS = "what was taken for an order and given back is what its payments and refunds say"
HELD = "the books hold what was captured less what was refunded, and its tax"
TAX = "a cancelled order has given all of its money back, and with the last money went the last tax"
STEPS = "an order's history has no gap: each step begins where the last one ended"
LAST = "an order's history leads from its creation to its status"
ARCHIVED = "only what is over is archived"

BREACHES: dict[str, tuple[LiteralString, set[str]]] = {
    "reserved for nobody": ("UPDATE product SET reserved = reserved + 1", {MOVEMENTS, RESERVED}),
    "held without a reservation": (
        "UPDATE orders SET status = 'picked' WHERE status = 'shipped'",
        {LAST, MOVED, RESERVED, SHIPPED},
    ),
    "shipped twice": (
        """INSERT INTO stock_movement
               (id, created_at, product_id, kind, on_hand_delta, reserved_delta, order_id, command_id)
           SELECT gen_random_uuid(), now(), product_id, kind, on_hand_delta, reserved_delta, order_id, command_id
           FROM stock_movement WHERE kind = 'ship'""",
        {MOVEMENTS, MOVED, SHIPPED},
    ),
    "shipped too little": (
        "UPDATE stock_movement SET on_hand_delta = -1, reserved_delta = -1 WHERE kind = 'ship'",
        {MOVEMENTS, MOVED, SHIPPED},
    ),
    "sold under another order": (
        """UPDATE stock_movement SET order_id = (SELECT id FROM orders WHERE status = 'shipped') WHERE kind = 'sale'""",
        {MOVED},
    ),
    "paid less": ("UPDATE payment SET amount = amount - 1", {PAID, BOOKS}),
    "refunded without a refund": ("UPDATE orders SET refunded_total = 1 WHERE status = 'paid'", {BOOKS, HELD}),
    "the last money without its tax": (
        """UPDATE orders SET refunded_total = paid_total WHERE status = 'paid';
           UPDATE order_line SET tax_rate = 2300""",
        {PAID, BOOKS, TAX, HELD},
    ),
    "refunded and still paid": ("UPDATE payment SET status = 'refunded'", {PAID}),
    "a step left out": ("DELETE FROM order_history WHERE to_status = 'confirmed'", {STEPS}),
    "archived too early": ("UPDATE orders SET archived = true WHERE status = 'paid'", {ARCHIVED}),
}


@pytest.mark.parametrize(("breach", "rules"), BREACHES.values(), ids=BREACHES)
def test_finds(manager: Till, breach: LiteralString, rules: set[str]) -> None:
    """Beside a paid and a shipped order, of which nothing is wrong before."""
    manager.product("TEA", stock=10)
    items = {"items": [{"sku": "TEA", "qty": 2}]}
    paid, shipped = str(uuid.uuid4()), str(uuid.uuid4())
    manager.batch(
        entry("order.create", items, order_id=paid),
        entry("order.pay", {"method": "cash"}, order_id=paid),
        entry("order.create", {"workflow": "fulfilment", **items}, order_id=shipped),
        *(entry("order.change_status", {"to": to}, order_id=shipped) for to in ("confirmed", "picked", "shipped")),
    )
    run_drain()
    invariants.check(raw())
    with guards_asleep():
        raw().execute(breach)
    assert invariants.broken_rules(raw()).keys() == rules
