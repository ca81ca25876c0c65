"""The simulated provider: each way to answer, and books that are right whoever asks and dies."""

import os
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from config.processes import PROJECT
from store import db, simulated
from tests.concurrency.workers import at_once
from tests.deployment.test_operations import OPERATIONS
from tests.polling import until
from tests.test_docs import table
from tests.worker.providers.asking import a_charge, a_return
from worker.providers import Answer, Charge, NoAnswer
from worker.providers.simulator import METHODS, Simulator

pytestmark = pytest.mark.usefixtures("database")


class Clock:
    """Lets time pass without waiting; `passed` is how long each pause was."""

    def __init__(self) -> None:
        self.passed: list[float] = []

    def simulator(self, timeout_seconds: float = 10.0) -> Simulator:
        return Simulator(timeout_seconds, self.passed.append)


def heard(simulator: Simulator, charge: Charge) -> Answer | str:
    """The answer, or that there was none."""
    try:
        return simulator.charge(charge)
    except NoAnswer:
        return "no answer"


def yes(charge: Charge) -> Answer:
    return Answer(is_yes=True, reference=f"simulated_{charge.id}")


NO = Answer(is_yes=False, detail="The simulator declined the payment, as its payment method asks for.")


@pytest.mark.parametrize(
    ("method", "is_yes", "found", "is_yes_again", "passed"),
    [
        # method, the first answer, what a look-up finds then, the answer when asked again, seconds spent
        ("approve", True, True, True, []),
        ("decline", False, False, False, []),
        ("answer_late", True, True, True, [3.0]),
        ("time_out", None, None, True, [10.0]),
        ("answer_after_giving_up", None, True, True, [10.0]),
        ("decline_after_giving_up", None, False, False, [10.0]),
        ("pm_card_visa", True, True, True, []),
        ("pm_card_chargeDeclined", False, False, False, []),
        ("pm_card_visa_chargeDeclined", False, False, False, []),
        ("pm_card_chargeCustomerFail", False, False, False, []),
    ],
)
def test_answers_as_the_payment_method_says(
    method: str, is_yes: bool | None, found: bool | None, is_yes_again: bool, passed: list[float]
) -> None:
    clock, charge = Clock(), a_charge(method)
    simulator = clock.simulator()
    words = {True: yes(charge), False: NO}
    assert heard(simulator, charge) == (words[is_yes] if is_yes is not None else "no answer")
    assert simulator.look_up(charge) == (words[found] if found is not None else None)
    assert heard(simulator, charge) == words[is_yes_again]
    assert simulator.look_up(charge) == words[is_yes_again]
    assert clock.passed == passed


def test_every_payment_method_has_its_row_above() -> None:
    [rows] = [mark.args[1] for mark in test_answers_as_the_payment_method_says.pytestmark]  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == list(METHODS)


def test_the_handbook_has_them_all() -> None:
    assert [row[2] for row in table(OPERATIONS, "Take online payments")] == list(METHODS)


def test_a_late_answer_comes_in_time_however_short_the_time_is() -> None:
    clock = Clock()
    clock.simulator(timeout_seconds=2).charge(a_charge("answer_late"))
    assert clock.passed == [1.0]


def test_time_really_passes_before_it_gives_up() -> None:
    with pytest.raises(NoAnswer, match=r"0\.01 s"):
        Simulator(0.01).charge(a_charge("time_out"))


def test_an_unknown_payment_method_is_declined_with_those_that_are_known() -> None:
    answer = Simulator(1).charge(a_charge("visa"))
    assert not answer.is_yes
    assert answer.detail is not None
    assert all(method in answer.detail for method in METHODS)


def test_asked_twice_it_charges_once() -> None:
    charge = a_charge("approve")
    assert [Simulator(1).charge(charge) for _ in range(2)] == [yes(charge)] * 2
    known = simulated.find(charge.id)
    assert known is not None
    assert known.asked == 2


@pytest.mark.parametrize("method", ["approve", "time_out"])
def test_the_same_id_with_another_amount_gets_no_answer_and_changes_nothing(method: str) -> None:
    simulator, charge = Clock().simulator(), a_charge(method)
    heard(simulator, charge)
    before = simulator.look_up(charge)
    for other in (replace(charge, amount=charge.amount + 1), replace(charge, currency="USD")):
        with pytest.raises(NoAnswer, match="another amount"):
            simulator.charge(other)
    assert simulator.look_up(charge) == before


def test_what_was_never_asked_for_is_not_found() -> None:
    assert Simulator(1).look_up(a_charge("approve")) is None
    assert Simulator(1).look_up(a_return("simulated_x", 1)) is None


def test_gives_back_what_is_left_and_no_more() -> None:
    simulator = Simulator(1)
    paid = simulator.charge(a_charge("approve", 1000)).reference
    first, too_much, rest = (a_return(paid, amount) for amount in (600, 401, 400))
    assert simulator.give_back(first).reference == f"simulated_{first.id}"
    assert simulator.give_back(first).is_yes  # asked again: nothing more is given back
    refused = simulator.give_back(too_much)
    assert (refused.is_yes, refused.detail) == (False, "More than what is left of the payment.")
    assert simulator.give_back(rest).is_yes
    assert not simulator.give_back(too_much).is_yes
    assert [answer.is_yes for each in (first, too_much, rest) if (answer := simulator.look_up(each))] == [
        *(True, False, True)
    ]


def test_gives_nothing_back_of_what_was_never_paid() -> None:
    simulator = Simulator(1)
    declined = a_charge("decline", 1000)
    simulator.charge(declined)
    euros = simulator.charge(a_charge("approve", 1000)).reference
    for wanted in (
        a_return(f"simulated_{declined.id}", 1),
        a_return(f"simulated_{uuid.uuid4()}", 1),
        a_return("pi_of_another_provider", 1),
        a_return(euros, 1, "USD"),
    ):
        assert not simulator.give_back(wanted).is_yes


def test_racing_for_one_id_makes_one_charge() -> None:
    charge = a_charge("approve")
    assert at_once(8, lambda: Simulator(1).charge(charge)) == [yes(charge)] * 8
    known = simulated.find(charge.id)
    assert known is not None
    assert known.asked == 8


@pytest.mark.parametrize("locked", [True, False], ids=["with the charge locked", "control without it"])
def test_racing_refunds_never_give_back_more_than_was_paid(monkeypatch: pytest.MonkeyPatch, locked: bool) -> None:
    paid = Simulator(1).charge(a_charge("approve", 1000)).reference
    if not locked:
        monkeypatch.setattr(simulated, "_LOCK", simulated._LOCK.removesuffix("FOR NO KEY UPDATE"))
        together, rows = threading.Barrier(3), db.rows

        def rows_together(*args: Any) -> Any:
            written = rows(*args)
            together.wait(timeout=10)  # nobody commits before all have written
            return written

        monkeypatch.setattr(db, "rows", rows_together)
    answers = at_once(3, lambda: Simulator(1).give_back(a_return(paid, 600)))
    assert sum(answer.is_yes for answer in answers) == (1 if locked else 3)


def test_racing_for_one_refund_gives_back_once() -> None:
    paid = Simulator(1).charge(a_charge("approve", 1000)).reference
    wanted = a_return(paid, 600)
    assert all(answer.is_yes for answer in at_once(8, lambda: Simulator(1).give_back(wanted)))
    assert Simulator(1).give_back(a_return(paid, 400)).is_yes


_ASK = """
import django; django.setup()
import sys, uuid
from tests.worker.providers.asking import a_charge
from worker.providers.simulator import Simulator
Simulator(3600).charge(a_charge("answer_after_giving_up", id=uuid.UUID(sys.argv[1])))
"""


def test_what_was_charged_stays_charged_when_the_process_that_asked_is_killed() -> None:
    charge = a_charge("answer_after_giving_up")
    database = {"DATABASE_URL": _address_of_the_test_database()}
    process = subprocess.Popen([sys.executable, "-c", _ASK, str(charge.id)], cwd=PROJECT, env=os.environ | database)
    try:
        until(lambda: simulated.find(charge.id), "the charge is in the books")
    finally:
        process.kill()
        process.wait()
    assert Simulator(1).look_up(charge) == yes(charge)
    assert Simulator(1).charge(charge) == yes(charge)


def _address_of_the_test_database() -> str:
    server, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return f"{server}/{connection.settings_dict['NAME']}"
