"""The laws of the pure core, held against thousands of random commands beside a model written apart from it."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import asking, decision, stock
from domain.commands import add_items, remove_item
from domain.orders import Line, Order, with_added, with_removed
from domain.outcome import Refused
from domain.registry import Command
from domain.stock import Moved, Product
from domain.workflow import StockEffect
from domain.world import World
from tests.domain.scene import PRECEDENCE
from tests.laws.asks import Ask
from tests.laws.model import ASKED, ASKING, OK, WHO
from tests.laws.shop import Shop, play

CHANCE = st.randoms(use_true_random=False)


class Shopping(RuleBasedStateMachine):
    """Clients ask, in any order, what is usual, what is not, and what nobody should."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()

    @rule(random=CHANCE)
    def the_usual(self, random: Random) -> None:
        self._play(self.shop.asker(random).usual())

    @rule(random=CHANCE)
    def the_usual_by_somebody_or_at_some_version_or_too_late(self, random: Random) -> None:
        self._play(self.shop.asker(random).twisted())

    @rule(random=CHANCE)
    def anything(self, random: Random) -> None:
        self._play(self.shop.asker(random).anything())

    @rule(random=CHANCE)
    def stock(self, random: Random) -> None:
        self._play(self.shop.asker(random).stock())

    @rule(random=CHANCE)
    def the_catalogue_changes(self, random: Random) -> None:
        self.shop.change_catalogue(random)

    @invariant()
    def the_laws_hold(self) -> None:
        self.shop.check()

    def _play(self, ask: Ask) -> None:
        note(str(ask))
        self.shop.play(ask)


TestShopping = Shopping.TestCase
TestShopping.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)


def test_the_commands_reach_every_outcome_of_every_type() -> None:
    """Laws that nothing comes near are no laws: with this seed, every code and every yes is there."""
    seen = play(Random(7), shops=60, commands=100)
    assert {code for _type, code in seen} == {OK, ASKED, *PRECEDENCE}
    assert {type_ for type_, code in seen if code == OK} == set(WHO)
    for code in (ASKED, "payment-declined"):
        assert {type_ for type_, said in seen if said == code} == set(ASKING)
    assert ("payment.settle", "invalid-transition") in seen


def forgets_to_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stock._SIGNS, StockEffect.RELEASE, (0, 0))


def takes_from_the_oldest_line_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def oldest_first(lines: tuple[Line, ...], product_id: uuid.UUID, qty: int | None) -> tuple[Line, ...]:
        return with_removed(lines[::-1], product_id, qty)[::-1]

    monkeypatch.setattr(remove_item, "with_removed", oldest_first)


def adds_at_the_former_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_the_former_price(lines: tuple[Line, ...], additions: list[tuple[Product, int]]) -> tuple[Line, ...]:
        prices = {line.product_id: line.unit_price for line in lines}
        return with_added(
            lines, [(dataclasses.replace(p, price=prices.get(p.id, p.price)), qty) for p, qty in additions]
        )

    monkeypatch.setattr(add_items, "with_added", at_the_former_price)


def archives_what_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "is_over", lambda order: order.status in {"paid", "cancelled", "delivered"})


def sells_and_keeps_the_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    def sold(products: Mapping[uuid.UUID, Product], quantities: Mapping[uuid.UUID, int]) -> Moved:
        moved = stock.move(products, quantities, StockEffect.DEBIT)
        assert isinstance(moved, Moved)
        return moved

    monkeypatch.setattr(stock, "sell_reserved", sold)


def gives_back_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "through_provider", lambda _command, _order, outcome: outcome)


def lets_others_at_an_order_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "_refusal_of_any", _but_for_waiting(decision._refusal_of_any))


def _but_for_waiting(refusal_of_any: Callable[[Command, World, datetime], Refused | None]) -> Any:
    def lenient(command: Command, world: World, now: datetime) -> Refused | None:
        refused = refusal_of_any(command, world, now)
        return None if refused and "provider is being asked" in refused.detail else refused

    return lenient


@pytest.mark.parametrize(
    "mistake",
    [
        forgets_to_release,
        takes_from_the_oldest_line_first,
        adds_at_the_former_price,
        archives_what_is_paid,
        sells_and_keeps_the_reservation,
        gives_back_without_asking,
        lets_others_at_an_order_that_waits,
    ],
)
def test_a_mistake_in_the_core_breaks_a_law(
    monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The control of them all."""
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        play(Random(7), shops=60, commands=100)
