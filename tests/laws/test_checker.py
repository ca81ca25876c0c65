"""The checker bites: each rule about orders, their stock and their payments finds the one row that breaks it."""

import uuid
from typing import LiteralString

import pytest
from django.conf import LazySettings

from tests import invariants
from tests.guards import guards_asleep
from tests.laws.workers import raw
from tests.till import Till, entry, run_drain
from worker import payments
from worker.providers.simulator import Simulator

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
STANDS = "a payment stands as the command does that asked for it"
WAITS = "an order waits for the provider exactly while its command does"
SETTLED = "what a provider was asked is settled exactly when its command has ended"
ASKED = "every command that waits for a provider has asked it"
TAKEN = "the simulated provider has moved what payments and refunds say, or is asked still"
MOVES = "only successful commands move stock, but one that waits for a provider reserves"

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


ONLINE_BREACHES: dict[str, tuple[LiteralString, set[str]]] = {
    "a payment that no command has asked for": (
        "UPDATE payment SET command_id = gen_random_uuid() WHERE status = 'pending'",
        {STANDS},
    ),
    "captured before the provider said so": (
        "UPDATE payment SET status = 'captured' WHERE status = 'pending'",
        {STANDS, PAID, BOOKS, TAKEN},
    ),
    "declined before the provider said so": (
        "UPDATE payment SET status = 'declined' WHERE status = 'pending'",
        {STANDS},
    ),
    "pending after the provider said no": (
        "DELETE FROM payment WHERE status = 'pending'; UPDATE payment SET status = 'pending' WHERE status = 'declined'",
        {STANDS},
    ),
    "an order that waits no longer": (
        "UPDATE orders SET asked_by = NULL WHERE asked_by IS NOT NULL",
        {WAITS, RESERVED, MOVED},
    ),
    "an order that waits for nobody": (
        "UPDATE orders SET asked_by = gen_random_uuid() WHERE status = 'paid'",
        {WAITS},
    ),
    "an order that waits for another's command": (
        "UPDATE orders SET asked_by = (SELECT id FROM command WHERE status = 'running') WHERE status = 'paid'",
        {WAITS},
    ),
    "an answer without an end": (
        "UPDATE provider_request SET is_yes = true, settled_at = now(), next_attempt_at = NULL "
        "WHERE settled_at IS NULL",
        {SETTLED},
    ),
    "an end without an answer": (
        "UPDATE provider_request SET settled_at = NULL, next_attempt_at = now() WHERE is_yes",
        {SETTLED},
    ),
    "a yes that ended as a no": (
        "UPDATE provider_request SET is_yes = true WHERE NOT is_yes",
        {SETTLED},
    ),
    "a question of no command": (
        "UPDATE provider_request SET id = gen_random_uuid() WHERE NOT is_yes",
        {SETTLED},
    ),
    "nobody is asked": ("DELETE FROM provider_request WHERE settled_at IS NULL", {ASKED}),
    "charged twice": (
        "INSERT INTO simulated_payment (id, amount, currency, is_yes) VALUES (gen_random_uuid(), 1998, 'EUR', true)",
        {TAKEN},
    ),
    "charged too much": (
        "UPDATE simulated_payment SET amount = amount + 1 WHERE charge_id IS NULL AND is_yes",
        {TAKEN},
    ),
    "charged after all": ("UPDATE simulated_payment SET is_yes = true WHERE NOT is_yes", {TAKEN}),
    "never charged": (
        "DELETE FROM simulated_payment WHERE charge_id IS NOT NULL; DELETE FROM simulated_payment WHERE is_yes",
        {TAKEN},
    ),
    "never given back": ("DELETE FROM simulated_payment WHERE charge_id IS NOT NULL", {TAKEN}),
    "kept reserved after a no": (
        "DELETE FROM stock_movement WHERE kind = 'release'; UPDATE product SET reserved = reserved + 2",
        {MOVES, RESERVED, MOVED},
    ),
    "not reserved while it waits": (
        "DELETE FROM stock_movement WHERE command_id = (SELECT id FROM command WHERE status = 'running')",
        {MOVEMENTS, MOVED},
    ),
    "off the shelf while it waits": (
        "UPDATE stock_movement SET on_hand_delta = -2 "
        "WHERE command_id = (SELECT id FROM command WHERE status = 'running')",
        {MOVEMENTS, MOVES, MOVED},
    ),
}


def draft(till: Till) -> str:
    """The id of an order of two teas."""
    order_id: str = till.run("order.create", {"items": [{"sku": "TEA", "qty": 2}]})["order_id"]
    return order_id


def pay_online(till: Till, order_id: str, payment_method: str) -> None:
    """Begin; the provider has not been asked yet."""
    till.run("order.pay", {"method": "online", "payment_method": payment_method}, order_id=order_id)


def ask_and_settle() -> None:
    """Have the provider answer what waits."""
    payments.ask(lambda _name: Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)
    run_drain()


@pytest.mark.parametrize(("breach", "rules"), ONLINE_BREACHES.values(), ids=ONLINE_BREACHES)
def test_finds_online(manager: Till, settings: LazySettings, breach: LiteralString, rules: set[str]) -> None:
    """Beside an order that was paid online and refunded in part, one whose payment was declined and one that waits."""
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", stock=10)
    paid = draft(manager)
    pay_online(manager, paid, "approve")
    pay_online(manager, draft(manager), "decline")
    ask_and_settle()
    manager.run("order.refund", {"amount": "1", "reason": "late"}, order_id=paid)
    ask_and_settle()
    pay_online(manager, draft(manager), "approve")
    invariants.check(raw())
    with guards_asleep():
        raw().execute(breach)
    assert invariants.broken_rules(raw()).keys() == rules


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
