"""How long those go on who ask payment providers, and when they call for another."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from store import asking
from tests.till import Till
from worker import payments
from worker.bell import bell
from worker.providers.simulator import Simulator

TIMEOUT_SECONDS = 0.6


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the bell has been rung for another."""
    rings: list[str] = []
    monkeypatch.setattr(bell, "ring_payments", lambda: rings.append("ring"))
    return rings


@pytest.fixture
def pay(manager: Till, settings: LazySettings, rung: list[str]) -> Callable[..., None]:
    """Begins an online payment."""
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", stock=9)

    def begin(payment_method: str = "approve") -> None:
        order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
        manager.run("order.pay", {"method": "online", "payment_method": payment_method}, order_id=order_id)
        rung.clear()

    return begin


def ask() -> int:
    """What the payments process does at a bell."""
    return payments.ask(lambda _name: Simulator(TIMEOUT_SECONDS), TIMEOUT_SECONDS)


def test_with_one_thing_to_ask_it_calls_nobody(pay: Callable[..., None], rung: list[str]) -> None:
    pay()
    assert (ask(), rung) == (1, [])


def test_with_more_it_calls_one_other_however_much_there_is(pay: Callable[..., None], rung: list[str]) -> None:
    """With a call for each, an hour without a provider would fill the broker."""
    for _time in range(4):
        pay()
    assert (ask(), rung) == (4, ["ring"])


def test_it_makes_room_when_its_time_is_up_and_leaves_the_rest_to_another(
    pay: Callable[..., None], rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it could not be stopped while a provider is away."""
    monkeypatch.setattr(payments, "SECONDS_MAX", TIMEOUT_SECONDS / 2)
    for _time in range(2):
        pay("answer_late")  # which takes half of the time-out
    assert (ask(), rung) == (1, ["ring"])
    assert asking.is_due()
    assert (ask(), asking.is_due()) == (1, False)
