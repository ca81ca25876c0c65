"""Online payments attacked by hand at the SQL prompt: the database itself refuses."""

from collections.abc import Callable
from functools import partial
from typing import Any, LiteralString

import pytest
from django.conf import LazySettings
from django.db import Error

from tests.guards import guards_asleep
from tests.store.shop import Shop, execute, refused, value
from tests.till import run_drain
from worker import payments
from worker.providers.simulator import Simulator

SOMEBODY: LiteralString = "asked_by = gen_random_uuid()"
THAW: LiteralString = "asked_by = NULL"


@pytest.fixture(autouse=True)
def simulated(settings: LazySettings) -> None:
    """A deployment with the simulator."""
    settings.PAYMENT_PROVIDER = "simulator"


def answer() -> None:
    """Have the provider answer what waits, and settle it."""
    payments.ask(lambda _name: Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)
    run_drain()


def asked(shop: Shop, payment_method: str = "approve") -> str:
    """The id of a draft whose payment the provider is asked for."""
    order_id = shop.draft()
    paid = {"method": "online", "payment_method": payment_method}
    assert shop.pos.run("order.pay", paid, order_id=order_id)["status"] == "running"
    return order_id


def paid(shop: Shop) -> str:
    """The id of an order that was paid online."""
    order_id = asked(shop)
    answer()
    assert value("SELECT status FROM orders WHERE id = %s", order_id) == "paid"
    return order_id


def refunding(shop: Shop) -> str:
    """The id of a paid order of which the provider is asked to give back a part."""
    order_id = paid(shop)
    ended = shop.manager.run("order.refund", {"amount": "1", "reason": "x"}, order_id=order_id)
    assert ended["status"] == "running", ended
    return order_id


WAYS: dict[str, Callable[[Shop], str]] = {"a payment": asked, "a refund": refunding}


@pytest.mark.parametrize("make", [Shop.draft, Shop.paid], ids=["draft", "paid"])
def test_an_order_is_frozen_and_thawed_in_its_version(shop: Shop, make: Callable[[Shop], str]) -> None:
    order_id = make(shop)
    for change in (SOMEBODY, THAW, SOMEBODY):
        attack: LiteralString = "UPDATE orders SET " + change + " WHERE id = %s"
        assert execute(attack, order_id) == 1


@pytest.mark.parametrize("make", [Shop.draft, asked], ids=["frozen", "thawed"])
@pytest.mark.parametrize(
    "change",
    [
        "note = 'x'",
        "status = 'cancelled'",
        "status = 'paid', paid_total = total",
        "total = total + 1",
        "currency = 'USD'",
        "version = version + 2",
        "version = version - 1",
        "updated_at = now()",
    ],
)
def test_nothing_else_changes_when_it_is(shop: Shop, make: Callable[[Shop], str], change: LiteralString) -> None:
    order_id = make(shop)
    freeze = SOMEBODY if make is Shop.draft else THAW
    attack: LiteralString = "UPDATE orders SET " + freeze + ", " + change + " WHERE id = %s"
    refused(lambda: execute(attack, order_id))


@pytest.mark.parametrize("asking", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "change", ["note = 'x'", "status = 'cancelled', refunded_total = paid_total", SOMEBODY, "asked_by = asked_by"]
)
def test_no_version_comes_while_the_provider_is_asked(
    shop: Shop, asking: Callable[[Shop], str], change: LiteralString
) -> None:
    order_id = asking(shop)
    attack: LiteralString = "UPDATE orders SET version = version + 1, " + change + " WHERE id = %s"
    refused(lambda: execute(attack, order_id), "while the payment provider is asked")


def test_an_order_waits_for_one_command_until_that_is_answered(shop: Shop) -> None:
    order_id = asked(shop)
    attack: LiteralString = "UPDATE orders SET " + SOMEBODY + " WHERE id = %s"
    refused(lambda: execute(attack, order_id), "the version rises")
    nothing: LiteralString = "UPDATE orders SET asked_by = asked_by WHERE id = %s"
    refused(lambda: execute(nothing, order_id), "the version rises")


@pytest.mark.parametrize(
    ("asking", "change"),
    [
        (asked, "note = 'x'"),
        (asked, "status = 'cancelled'"),
        (asked, "total = 0"),
        (refunding, "note = 'x'"),
        (refunding, "refunded_tax = refunded_total"),
    ],
)
def test_with_the_answer_comes_what_was_asked_and_nothing_else(
    shop: Shop, asking: Callable[[Shop], str], change: LiteralString
) -> None:
    order_id = asking(shop)
    attack: LiteralString = "UPDATE orders SET version = version + 1, " + THAW + ", " + change + " WHERE id = %s"
    refused(lambda: execute(attack, order_id))


@pytest.mark.parametrize(
    ("asking", "change"),
    [
        (asked, "status = 'paid', paid_total = total"),
        (refunding, "refunded_total = refunded_total + 100"),
        (refunding, "status = 'cancelled', refunded_total = paid_total"),
    ],
)
def test_an_answer_pays_refunds_or_cancels(shop: Shop, asking: Callable[[Shop], str], change: LiteralString) -> None:
    order_id = asking(shop)
    move: LiteralString = "UPDATE orders SET version = version + 1, " + THAW + ", " + change + " WHERE id = %s"
    assert execute(move, order_id) == 1


def test_whom_money_was_paid_by_never_changes(shop: Shop) -> None:
    for order_id in (paid(shop), shop.paid(), shop.draft()):
        attack: LiteralString = "UPDATE orders SET version = version + 1, paid_by = 'other' WHERE id = %s"
        refused(partial(execute, attack, order_id), "from the payment on")


def test_only_a_draft_or_a_paid_order_waits(shop: Shop) -> None:
    over = shop.draft()
    shop.pos.run("order.cancel_draft", order_id=over)
    for order_id in (shop.pending(), over):
        attack: LiteralString = "UPDATE orders SET " + SOMEBODY + " WHERE id = %s"
        refused(partial(execute, attack, order_id), "orders_asked")


def test_an_order_does_not_begin_waiting(shop: Shop) -> None:
    attack: LiteralString = (
        "INSERT INTO orders (id, workflow, status, version, currency, total, asked_by, created_at, updated_at) "
        "VALUES (gen_random_uuid(), 'counter', 'draft', 1, 'EUR', 0, gen_random_uuid(), now(), now())"
    )
    refused(lambda: execute(attack), "begins")


@pytest.mark.parametrize("asking", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE order_line SET qty = qty + 1 WHERE order_id = %s",
        "UPDATE order_line SET refunded_qty = refunded_qty + 1 WHERE order_id = %s",
        "UPDATE order_line SET unit_price = 1 WHERE order_id = %s",
        "DELETE FROM order_line WHERE order_id = %s AND position = 0",
        "INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price) "
        "SELECT order_id, 9, product_id, sku, name, 1, 1 FROM order_line WHERE order_id = %s AND position = 0",
    ],
)
def test_the_lines_are_frozen_while_the_provider_is_asked(
    shop: Shop, asking: Callable[[Shop], str], attack: LiteralString
) -> None:
    order_id = asking(shop)
    refused(lambda: execute(attack, order_id), "frozen")


@pytest.mark.parametrize("status", ["pending", "captured"])
@pytest.mark.parametrize("make", [asked, paid], ids=["pending", "captured"])
def test_two_payments_of_one_order_cannot_both_be_open_or_captured(
    shop: Shop, make: Callable[[Shop], str], status: str
) -> None:
    make(shop)
    attack: LiteralString = (
        "INSERT INTO payment (id, order_id, command_id, method, provider, amount, currency, status, created_at) "
        "SELECT gen_random_uuid(), order_id, gen_random_uuid(), method, provider, amount, currency, %s, now() "
        "FROM payment"
    )
    refused(lambda: execute(attack, status), "payment_once")
    assert execute(attack, "declined") == 1


def test_a_payment_without_a_provider_is_captured_at_once(shop: Shop) -> None:
    order_id = shop.draft()
    attack: LiteralString = (
        "INSERT INTO payment (id, order_id, command_id, method, amount, currency, status, created_at) "
        "VALUES (gen_random_uuid(), %s, gen_random_uuid(), 'card', 1, 'EUR', %s, now())"
    )
    for status in ("pending", "declined"):
        refused(partial(execute, attack, order_id, status), "payment_status")
    assert execute(attack, order_id, "captured") == 1


@pytest.mark.parametrize("source", ["pending", "captured", "declined", "refunded"])
def test_a_payment_moves_from_pending_to_captured_or_declined_and_from_captured_to_refunded(
    shop: Shop, source: str
) -> None:
    asked(shop)
    moved = []
    for target in ("pending", "captured", "declined", "refunded"):
        with guards_asleep():
            execute("UPDATE payment SET status = %s", source)
        try:
            execute("UPDATE payment SET status = %s", target)
        except Error:
            continue
        moved.append(target)
    allowed = {"pending": ["captured", "declined"], "captured": ["captured", "refunded"]}
    assert moved == allowed.get(source, [])


PAYMENT_COLUMNS: dict[str, LiteralString] = {
    "id": "gen_random_uuid()",
    "order_id": "(SELECT id FROM orders WHERE asked_by IS NULL AND status = 'draft' LIMIT 1)",
    "command_id": "gen_random_uuid()",
    "method": "'card'",
    "provider": "'stripe'",
    "amount": "amount + 1",
    "tendered": "1",
    "currency": "'USD'",
    "reference": "'another'",
    "created_at": "now()",
}


@pytest.mark.parametrize("status", ["captured", "declined"])
@pytest.mark.parametrize("column", PAYMENT_COLUMNS)
def test_what_a_payment_is_never_changes_also_with_the_answer(shop: Shop, column: LiteralString, status: str) -> None:
    shop.draft()
    asked(shop)
    attack: LiteralString = (
        "UPDATE payment SET status = %s, provider_reference = 'r', " + column + " = " + PAYMENT_COLUMNS[column]
    )
    refused(lambda: execute(attack, status))


def test_the_providers_reference_is_written_with_the_answer_and_never_again(shop: Shop) -> None:
    paid(shop)
    for change in ("provider_reference = 'another'", "provider_reference = NULL"):
        attack: LiteralString = "UPDATE payment SET " + change
        refused(partial(execute, attack), "payment")
        again: LiteralString = "UPDATE payment SET status = 'refunded', " + change
        refused(partial(execute, again), "payment")


REQUEST_COLUMNS: dict[str, LiteralString] = {
    "id": "gen_random_uuid()",
    "order_id": "gen_random_uuid()",
    "payment_id": "(SELECT id FROM payment WHERE id <> provider_request.payment_id)",
    "amount": "amount + 1",
    "payment_method": "'another'",
    "asked_at": "now()",
}


@pytest.mark.parametrize("column", REQUEST_COLUMNS)
def test_what_a_provider_was_asked_never_changes(shop: Shop, column: LiteralString) -> None:
    paid(shop)
    asked(shop)
    attack: LiteralString = (
        "UPDATE provider_request SET " + column + " = " + REQUEST_COLUMNS[column] + " WHERE settled_at IS NULL"
    )
    refused(lambda: execute(attack), "what was asked never changes")


@pytest.mark.parametrize(
    "change",
    [
        "is_yes = false",
        "is_yes = NULL",
        "reference = 'another'",
        "reference = NULL",
        "detail = 'another'",
        "is_yes = true, reference = 'r', detail = NULL",
    ],
)
def test_the_first_answer_stands(shop: Shop, change: LiteralString) -> None:
    asked(shop)
    execute("UPDATE provider_request SET is_yes = true, reference = 'r', detail = 'd', attempts_made = 2")
    attack: LiteralString = "UPDATE provider_request SET " + change
    refused(lambda: execute(attack), "the first answer stands")
    assert execute("UPDATE provider_request SET attempts_made = 3, next_attempt_at = now() + interval '1 s'") == 1


def test_without_an_answer_nothing_is_settled_and_what_is_not_settled_is_due(shop: Shop) -> None:
    asked(shop)
    for change in (
        "settled_at = now(), next_attempt_at = NULL",
        "settled_at = now()",
        "next_attempt_at = NULL",
        "is_yes = true, next_attempt_at = NULL",
        "is_yes = true, settled_at = now()",
    ):
        attack: LiteralString = "UPDATE provider_request SET " + change
        refused(partial(execute, attack), "provider_request_due")


@pytest.mark.parametrize(
    "change",
    [
        "is_yes = NOT is_yes",
        "settled_at = now()",
        "settled_at = NULL, next_attempt_at = now()",
        "detail = 'another'",
        "attempts_made = attempts_made + 1",
    ],
)
def test_what_is_settled_never_changes(shop: Shop, change: LiteralString) -> None:
    paid(shop)
    attack: LiteralString = "UPDATE provider_request SET " + change
    refused(lambda: execute(attack), "what was asked never changes")


def test_one_command_asks_once(shop: Shop) -> None:
    asked(shop)
    attack: LiteralString = (
        "INSERT INTO provider_request (id, order_id, payment_id, amount, asked_at, next_attempt_at) "
        "SELECT id, order_id, payment_id, amount, now(), now() FROM provider_request"
    )
    refused(lambda: execute(attack), "provider_request_pkey")


def test_an_attempt_that_was_made_is_never_forgotten(shop: Shop) -> None:
    """By it somebody looks first whether the provider has got the request already."""
    asked(shop)
    execute("UPDATE provider_request SET attempts_made = 2")
    refused(lambda: execute("UPDATE provider_request SET attempts_made = 0"), "what was asked never changes")


@pytest.mark.parametrize("settled", [False, True])
def test_what_was_asked_is_never_deleted(shop: Shop, settled: bool) -> None:
    (paid if settled else asked)(shop)
    refused(lambda: execute("DELETE FROM provider_request"), "never deleted")
    for attack in ("TRUNCATE provider_request", "TRUNCATE provider_request CASCADE", "TRUNCATE payment CASCADE"):
        refused(partial(execute, attack), error=Error)
    assert value("SELECT count(*) FROM provider_request") == 1


def test_what_is_asked_is_worth_something(shop: Shop) -> None:
    asked(shop)
    with guards_asleep():
        refused(lambda: execute("UPDATE provider_request SET amount = 0"), "provider_request_amount")


def ended(status: str) -> tuple[LiteralString, list[Any]]:
    """A change of a command to this status that its constraints allow."""
    final = status in {"succeeded", "failed", "cancelled", "expired"}
    change: LiteralString = (
        "UPDATE command SET status = %s, finished_at = CASE WHEN %s THEN now() END, "
        "result = CASE WHEN %s THEN '{}'::jsonb END WHERE type = 'order.pay'"
    )
    return change, [status, final, status == "succeeded"]


@pytest.mark.parametrize("source", ["running", "uncertain"])
def test_a_command_that_has_asked_ends_by_its_answer(shop: Shop, source: str) -> None:
    asked(shop)
    assert execute("UPDATE command SET status = %s WHERE type = 'order.pay'", source) == 1
    for status in ("queued", "cancelled", "expired"):
        change, parameters = ended(status)
        refused(partial(execute, change, *parameters), "ends by its answer")


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_an_answer_that_waits_to_be_settled_is_never_given_up(shop: Shop, status: str) -> None:
    """Nobody would settle it afterwards: its key is taken, and the order would wait for ever."""
    asked(shop)
    payments.ask(lambda _name: Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)
    attack: LiteralString = "UPDATE command SET status = %s, finished_at = now() WHERE type = 'payment.settle'"
    refused(lambda: execute(attack, status), "always executed")
    run_drain()
    assert value("SELECT status FROM command WHERE type = 'payment.settle'") == "succeeded"


@pytest.mark.parametrize("code", ["poisoned", "internal-error"])
def test_a_command_that_has_asked_does_not_fail_so_that_it_could_be_queued_again(shop: Shop, code: str) -> None:
    asked(shop)
    attack: LiteralString = (
        "UPDATE command SET status = 'failed', finished_at = now(), error = jsonb_build_object('code', %s::text) "
        "WHERE type = 'order.pay'"
    )
    refused(lambda: execute(attack, code), "ends by its answer")
    assert execute(attack, "payment-declined") == 1


@pytest.mark.parametrize("status", ["running", "uncertain"])
def test_what_waits_is_neither_purged_nor_deleted(shop: Shop, status: str) -> None:
    asked(shop)
    execute("UPDATE command SET status = %s WHERE type = 'order.pay'", status)
    purge: LiteralString = (
        "UPDATE command SET payload = NULL, result = NULL, error = NULL, purged_at = now() WHERE type = 'order.pay'"
    )
    refused(lambda: execute(purge), "purged")
    refused(lambda: execute("DELETE FROM command WHERE type = 'order.pay'"), "never deleted")
