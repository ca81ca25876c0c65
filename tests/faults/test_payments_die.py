"""Online payments while processes die: one charge at most, no reservation lost or left, and every command ends."""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from config import embedded
from tests.faults.buying import PIECES, Buyer, asked_simulator, attempts_made, check_payments, time_passes
from tests.faults.system import System
from tests.polling import until

TOKENS = {
    "approve": "succeeded",
    "decline": "failed",
    "answer_late": "succeeded",
    "time_out": "succeeded",
    "answer_after_giving_up": "succeeded",
    "decline_after_giving_up": "failed",
    "pm_card_visa": "succeeded",
    "unheard_of": "failed",
}
STORM_ORDERS, STORM_BUYERS, STORM_KILLS = 40, 16, 4


@pytest.fixture(autouse=True)
def sound(system: System, buyer: Buyer) -> Iterator[None]:
    """Whatever a test has done."""
    yield
    check_payments(system, buyer)


@pytest.mark.parametrize(
    ("fault", "leases"),
    [
        ("die-before-asking", 2),
        ("die-before-keeping-the-answer", 2),
        ("die-before-ringing-the-lane", 1),
        ("die-after-ringing-the-lane", 1),
    ],
)
def test_whoever_asks_the_provider_may_die_at_any_step(system: System, buyer: Buyer, fault: str, leases: int) -> None:
    with system.suffering(fault):
        command = buyer.pay(buyer.draft(), "approve")
    assert buyer.end_of(command)["status"] == "succeeded"
    assert asked_simulator(system, command) == (True, 1), "who comes after a death looks first what has come of it"
    assert attempts_made(system, command) >= leases


@pytest.mark.parametrize("type_", ["order.pay", "payment.settle"])
@pytest.mark.parametrize("fault", ["die-before-commit", "die-during-commit", "die-after-commit", "lose-commit-answer"])
def test_a_worker_may_die_at_the_commit_of_the_question_and_of_the_answer(
    system: System, buyer: Buyer, fault: str, type_: str
) -> None:
    with system.suffering(f"{fault}-of-{type_}"):
        order = buyer.draft()
        command = buyer.pay(order, "approve")
    assert buyer.end_of(command)["status"] == "succeeded"
    assert asked_simulator(system, command) == (True, 1)
    assert buyer.order(order)["paid_total"] == "3.00"


def test_an_answer_whose_settlement_kills_worker_after_worker_is_settled_all_the_same(
    system: System, buyer: Buyer
) -> None:
    """It ends as poisoned, and the command that waits for it is not forgotten."""
    fault = "die-before-commit-of-payment.settle"
    with system.suffering(fault):
        command = buyer.pay(buyer.draft(), "approve")
    for _time in range(2):
        system.suffer(fault)
    with system.connect() as connection:
        ended = "SELECT error ->> 'code' FROM command WHERE idempotency_key = %s"
        until(lambda: connection.execute(ended, [f"settle-{command}"]).fetchone() == ("poisoned",), "it is poisoned")
    assert buyer.end_of(command)["status"] == "succeeded"
    assert asked_simulator(system, command) == (True, 1)


def test_each_payment_that_nobody_knows_about_stays_uncertain_and_ends_as_the_provider_says(
    system: System, buyer: Buyer
) -> None:
    silent = ["time_out", "answer_after_giving_up", "decline_after_giving_up"]
    with system.lasting("long-delays"):
        orders = {token: buyer.draft() for token in [*silent, "answer_late"]}
        commands = {token: buyer.pay(order, token) for token, order in orders.items()}
        for token in silent:
            found = buyer.doubt_of(commands[token])
            assert (found["error"]["code"], found["finished_at"]) == ("payment-uncertain", None)
        assert buyer.end_of(commands["answer_late"])["status"] == "succeeded"
        assert [buyer.order(orders[token])["payment_pending"] for token in silent] == [True] * 3
        assert buyer.reserved() == 3 * PIECES
    time_passes(system)
    assert {token: buyer.end_of(commands[token])["status"] for token in silent} == {
        token: TOKENS[token] for token in silent
    }
    asked = {token: asked_simulator(system, commands[token]) for token in orders}
    assert asked == {
        "time_out": (True, 2),
        "answer_after_giving_up": (True, 1),
        "decline_after_giving_up": (False, 1),
        "answer_late": (True, 1),
    }


def test_a_broker_that_is_away_delays_a_payment_and_loses_none(system: System, buyer: Buyer) -> None:
    """One payment is being asked for when it goes, and is answered without it; another is not even begun."""
    first, second = buyer.draft(), buyer.draft()
    with system.connect() as provider:
        provider.execute("BEGIN; LOCK TABLE simulated_payment")
        commands = [buyer.pay(first, "approve")]
        until(lambda: attempts_made(system, commands[0]), "the provider is being asked")
        embedded.stop_valkey(system.data_dir)
        provider.execute("COMMIT")
    commands.append(buyer.pay(second, "approve"))
    with system.connect() as connection:
        known = "SELECT is_yes FROM provider_request WHERE id = %s"
        until(lambda: connection.execute(known, [commands[0]]).fetchone() in {(True,), (None,)}, "an answer or none")
    assert [buyer.command(each)["finished_at"] for each in commands] == [None, None]
    embedded.start_valkey(system.data_dir)
    assert [buyer.end_of(each)["status"] for each in commands] == ["succeeded", "succeeded"]
    assert [asked_simulator(system, each) for each in commands] == [(True, 1), (True, 1)]


def test_a_storm_of_payments_refunds_and_cancellations_passes_while_processes_die(system: System, buyer: Buyer) -> None:
    plan = enumerate(itertools.islice(itertools.cycle(TOKENS), STORM_ORDERS))
    with ThreadPoolExecutor(STORM_BUYERS) as threads:
        shopping = [threads.submit(_shop, buyer, number, token) for number, token in plan]
        for kill in range(STORM_KILLS):
            _wait_for(shopping, kill * STORM_ORDERS // STORM_KILLS)
            _kill(system, "payments@" if kill % 2 else "commands@")
        moved = [command for each in shopping for command in each.result(timeout=80)]
    asked = [asked_simulator(system, command) for command in moved]
    assert all(each is not None and each[0] for each in asked)


def _wait_for(shopping: Sequence[Future[list[str]]], count: int) -> None:
    """Until so many orders are over."""
    until(lambda: sum(each.done() for each in shopping) >= count, "the storm goes on")


def _shop(buyer: Buyer, number: int, token: str) -> list[str]:
    """Pay an order; of three paid ones, one is refunded in part, one cancelled, and one both: what moved money."""
    order = buyer.draft()
    paid = buyer.pay(order, token)
    assert buyer.end_of(paid)["status"] == TOKENS[token]
    if TOKENS[token] == "failed":
        return []
    moved = [paid]
    wanted = [("order.refund", {"amount": "0.50", "reason": "late"}), ("order.cancel", {"reason": "wrong"})]
    for type_, payload in wanted[number % 3 == 0 : 1 + (number % 3 < 2)]:
        moved.append(buyer.submit(type_, payload, order))
        assert buyer.end_of(moved[-1])["status"] == "succeeded"
    return moved


def _kill(system: System, mark: str) -> None:
    """Every process of these at once."""
    for process in until(lambda: system.processes(mark), f"{mark} is there"):
        process.kill()
