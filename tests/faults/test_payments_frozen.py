"""Stripe that freezes, cannot be reached or loses its answer: payments wait for it, and nothing else does."""

import signal
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from config import embedded
from tests.client.cutting import Cut, CuttingProxy, cutting
from tests.faults.buying import PIECES, Buyer, attempts_made, check_payments
from tests.faults.system import System, command_line, running
from tests.polling import until
from tests.stripe_stand_in import KEY, StandIn, localstripe

VISA = "pm_card_visa"
PAYMENTS = 20


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A Stripe, in which nothing was ever paid."""
    with localstripe(tmp_path_factory.mktemp("localstripe") / "log") as port, StandIn(port).serving() as stripe:
        yield stripe


@pytest.fixture(scope="module")
def line(stripe: StandIn) -> Iterator[CuttingProxy]:
    """The line to it."""
    with cutting(stripe.port) as line:
        yield line


@pytest.fixture(scope="module")
def system(line: CuttingProxy) -> Iterator[System]:
    """The whole system, which takes payments through it."""
    with running(PAYMENT_PROVIDER="stripe", STRIPE_API_KEY=KEY, STRIPE_API_BASE=line.url) as system:
        yield system


@pytest.fixture(autouse=True)
def sound(system: System, buyer: Buyer, stripe: StandIn) -> Iterator[None]:
    """Whatever a test has done: Stripe's books hold what ours do, each charge once."""
    yield
    check_payments(system, buyer)
    with system.connect() as connection:
        query = (
            "SELECT provider_reference, amount::bigint FROM payment WHERE provider = 'stripe' AND status <> 'declined'"
        )
        booked = Counter(connection.execute(query).fetchall())
        query = "SELECT provider_reference, amount::bigint FROM refund"
        given_back = Counter(connection.execute(query).fetchall())
    assert Counter((each["id"], each["amount"]) for each in stripe.charged()) == booked
    assert Counter((each["id"], each["amount"]) for each in stripe.refunded()) == given_back


def test_a_payment_is_made_and_given_back_at_stripe(buyer: Buyer, stripe: StandIn) -> None:
    order = buyer.draft()
    command = buyer.end_of(buyer.pay(order, VISA))
    assert command["status"] == "succeeded"
    assert times_charged(stripe, command["id"]) == 1
    wanted = [("order.refund", {"amount": "0.50", "reason": "late"}), ("order.cancel", {"reason": "wrong"})]
    assert [buyer.end_of(buyer.submit(*each, order))["status"] for each in wanted] == ["succeeded"] * 2
    assert (buyer.order(order)["status"], buyer.order(order)["refunded_total"]) == ("cancelled", "3.00")
    declined = buyer.end_of(buyer.pay(buyer.draft(), "pm_card_chargeCustomerFail"))
    assert (declined["status"], declined["error"]["code"]) == ("failed", "payment-declined")


def test_while_stripe_is_frozen_payments_stay_uncertain_and_nothing_else_waits(buyer: Buyer, stripe: StandIn) -> None:
    """More payments than there are threads to ask for them."""
    frozen = process_of(stripe)
    orders = [buyer.draft() for _ in range(PAYMENTS)]
    frozen.send_signal(signal.SIGSTOP)
    try:
        commands = [buyer.pay(order, VISA) for order in orders]
        for command in commands:
            assert buyer.doubt_of(command)["error"]["code"] == "payment-uncertain"
        others_go_on(buyer)
        assert [buyer.order(order)["payment_pending"] for order in orders] == [True] * PAYMENTS
        assert buyer.reserved() == PAYMENTS * PIECES
    finally:
        frozen.send_signal(signal.SIGCONT)
    assert [buyer.end_of(command)["status"] for command in commands] == ["succeeded"] * PAYMENTS
    assert [times_charged(stripe, command) for command in commands] == [1] * PAYMENTS


def test_whoever_waits_for_a_frozen_stripe_may_be_killed(system: System, buyer: Buyer, stripe: StandIn) -> None:
    """What it had asked for is done when Stripe goes on, and nobody there knows that nobody waits for it."""
    frozen = process_of(stripe)
    frozen.send_signal(signal.SIGSTOP)
    try:
        came_before = len(stripe.asked)
        command = buyer.pay(buyer.draft(), VISA)
        until(lambda: len(stripe.asked) > came_before, "Stripe has been asked")
        for process in system.processes("payments@"):
            process.kill()
    finally:
        frozen.send_signal(signal.SIGCONT)
    assert buyer.end_of(command)["status"] == "succeeded"
    assert times_charged(stripe, command) == 1
    assert attempts_made(system, command) >= 2


def test_a_database_that_crashes_while_stripe_is_asked_loses_no_payment(
    system: System, buyer: Buyer, stripe: StandIn
) -> None:
    """The card is charged while nobody here can write it down."""
    frozen = process_of(stripe)
    frozen.send_signal(signal.SIGSTOP)
    try:
        came_before = len(stripe.asked)
        command = buyer.pay(buyer.draft(), VISA)
        until(lambda: len(stripe.asked) > came_before, "Stripe has been asked")
        embedded.stop_postgres(system.data_dir, mode="immediate")
    finally:
        frozen.send_signal(signal.SIGCONT)
    until(lambda: times_charged(stripe, command) == 1, "the card is charged")
    embedded.start_postgres(system.data_dir)
    assert buyer.end_of(command)["status"] == "succeeded"
    assert times_charged(stripe, command) == 1


def test_while_stripe_cannot_be_reached_payments_stay_uncertain_and_nothing_else_waits(
    buyer: Buyer, stripe: StandIn, line: CuttingProxy
) -> None:
    order = buyer.draft()
    line.go_away()
    try:
        command = buyer.pay(order, VISA)
        assert buyer.doubt_of(command)["error"]["code"] == "payment-uncertain"
        others_go_on(buyer)
        assert buyer.order(order)["payment_pending"]
        assert buyer.reserved() == PIECES
    finally:
        line.come_back()
    assert buyer.end_of(command)["status"] == "succeeded"
    assert times_charged(stripe, command) == 1


def test_a_charge_whose_answer_was_lost_is_looked_up_and_not_asked_for_again(
    buyer: Buyer, stripe: StandIn, line: CuttingProxy
) -> None:
    order = buyer.draft()
    line.will(Cut.ANSWER_LOST)
    command = buyer.end_of(buyer.pay(order, VISA))
    assert line.suffered == [Cut.ANSWER_LOST]
    assert command["status"] == "succeeded"
    assert times_charged(stripe, command["id"]) == 1
    assert sum(each.key == command["id"] for each in stripe.asked) == 1


def others_go_on(buyer: Buyer) -> None:
    """Money that no provider takes is taken, by the very workers that have asked the provider."""
    for _time in range(5):
        order = buyer.draft()
        assert buyer.end_of(buyer.submit("order.pay", {"method": "cash"}, order))["status"] == "succeeded"


def times_charged(stripe: StandIn, command: str) -> int:
    """How often the card was charged for the command."""
    return sum(each["metadata"]["orderly_payment"] == command for each in stripe.charged())


def process_of(stripe: StandIn) -> psutil.Process:
    """localstripe's."""
    [process] = [
        each for each in psutil.Process().children() if command_line(each)[-1:] == [str(stripe.localstripe_port)]
    ]
    return process
