"""Money of one order, paid online or at the counter: whatever is asked and answered, all sums agree to the cent."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import books
from domain.commands import settle_payment
from domain.orders import Line, Order
from domain.outcome import Applied, Asked, Outcome, Refused, Settled
from domain.world import World
from tests.domain.scene import COMMAND_ID, ORDER_ID, Scene, line, order, product

SKUS = ("TEA", "MUG", "POT")
COSTS = {"TEA": 400, "MUG": 0, "POT": 7}
MONEY = set(books.MONEY_OF.values())


@dataclass(slots=True)
class Account:
    """One order and all that was said of its money: by decisions, and by the books."""

    world: World
    captured: int = 0
    refunded: int = 0
    refunded_tax: int = 0
    booked: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    value_moved: int = 0

    @property
    def order(self) -> Order:
        """As it stands."""
        return self.world.orders[ORDER_ID]

    def ask(self, type_: str, payload: dict[str, Any], *, is_yes: bool) -> Outcome:
        """Ask for something and, if the provider has to answer, let it say yes or no: what has come of it."""
        outcome = self._decide(Scene(type=type_, payload=payload))
        if isinstance(outcome, Asked):
            self._apply(outcome.applied, happened=False)
            answer = {"command_id": str(COMMAND_ID), "is_yes": is_yes, "reference": "r"}
            outcome = self._decide(Scene(type=settle_payment.TYPE, payload=answer, asked=(type_, payload)))
            assert isinstance(outcome, Settled)
            assert (outcome.refused is None) == is_yes
            self._apply(outcome.applied, happened=is_yes)
        elif isinstance(outcome, Applied):
            self._apply(outcome, happened=True)
        return outcome

    def check(self) -> None:
        """Captured less refunded is what the order says and what the books hold, and so is the tax of it."""
        found = self.order
        assert (found.paid_total, found.refunded_total) == (self.captured, self.refunded)
        assert found.remainder == self.captured - self.refunded
        tax_left = (found.tax_total if self.captured else 0) - self.refunded_tax
        assert (found.refunded_tax, found.tax_remainder) == (self.refunded_tax, tax_left)
        assert 0 <= tax_left <= found.remainder
        assert sum(self.booked[account] for account in MONEY) == found.remainder
        assert self.booked["tax_payable"] == -tax_left
        assert self.booked["revenue"] == tax_left - found.remainder
        assert self.booked["inventory"] == -self.booked["cost_of_goods"] == self.value_moved

    def _decide(self, scene: Scene) -> Outcome:
        products = tuple(self.world.products.values())
        return scene.but(order=self.order, products=products).decide()

    def _apply(self, applied: Applied, *, happened: bool) -> None:
        entry = books.entry(applied, self.order)
        assert happened or (entry, applied.payment, applied.refund) == (None, None, None)
        if entry:
            self.entries += 1
            self.booked.update(entry.postings)
        if applied.payment:
            self.captured += applied.payment.amount
        if applied.refund:
            self.refunded += applied.refund.amount
            self.refunded_tax += applied.refund.tax
        costs = {each.id: each.cost or 0 for each in self.world.products.values()}
        self.value_moved += sum(moved.on_hand_delta * costs[moved.product_id] for moved in applied.movements)
        self.world.apply(applied)


LINES = st.lists(
    st.builds(
        lambda sku, qty, price, tax_rate: line(sku, qty, price, tax_rate=tax_rate, unit_cost=COSTS[sku]),
        st.sampled_from(SKUS),
        st.integers(1, 4),
        st.sampled_from((0, 1, 3, 99, 999, 1_999)),
        st.sampled_from((0, 2300, 9900)),
    ),
    min_size=1,
    max_size=4,
)
REFUNDS = st.one_of(
    st.builds(lambda places: {"places": places}, st.lists(st.integers(0, 3), min_size=1, max_size=2)),
    st.builds(lambda percent: {"percent": percent}, st.sampled_from((1, 10, 33, 50, 75, 99, 101))),
    st.sampled_from(({"items": [{"sku": "NONE", "qty": 1}]}, {})),
)
REFUND = st.builds(
    lambda how, restock: ("order.refund", {"reason": "x", "restock": restock} | how), REFUNDS, st.booleans()
)
MOSTLY_YES = st.sampled_from((True, True, False))
STEPS = st.lists(st.tuples(REFUND, MOSTLY_YES), min_size=1, max_size=8)
ONLINE: dict[str, Any] = {"method": "online", "payment_method": "a token"}
PAYMENTS = st.sampled_from((ONLINE, ONLINE, {"method": "cash"}))


def payload_of(wanted: dict[str, Any], paid: Order) -> dict[str, Any]:
    """What a client sends: pieces of some of the lines, or a percentage of what is left as an amount of money."""
    payload = {name: value for name, value in wanted.items() if name not in {"percent", "places"}}
    if "percent" in wanted:
        minor = max(1, paid.remainder * wanted["percent"] // 100)
        payload["amount"] = f"{minor // 100}.{minor % 100:02}"
    if "places" in wanted:
        lines = [paid.lines[place % len(paid.lines)] for place in wanted["places"]]
        payload["items"] = [{"sku": each.sku, "qty": 1} for each in lines]
    return payload


def account(lines: Sequence[Line]) -> Account:
    """A draft of these lines, and plenty of everything."""
    shelf = [product(sku, on_hand=100, cost=COSTS[sku]) for sku in SKUS]
    return Account(Scene(type="order.pay", payload={}, order=order(*lines), products=tuple(shelf)).world())


@settings(max_examples=1_000, deadline=None)
@given(LINES, PAYMENTS, st.lists(st.just(False), max_size=2), STEPS, st.booleans())
def test_whatever_is_paid_declined_refunded_and_kept_adds_up(
    lines: list[Line],
    payment: dict[str, Any],
    declined: list[bool],
    steps: list[tuple[tuple[str, Any], bool]],
    cancels_at_once: bool,
) -> None:
    """Nos of the provider first, then a yes, then refunds and cancellations, some of which the provider refuses."""
    found = account(lines)
    draft = found.order
    for is_yes in (*declined, True):
        found.ask("order.pay", payment, is_yes=is_yes)
        found.check()
    assert found.captured == draft.total
    last: tuple[str, Any] = ("order.cancel", {})
    for (type_, payload), is_yes in [*steps, (last, cancels_at_once), (last, True)]:
        before, entries = found.order, found.entries
        outcome = found.ask(type_, payload_of(payload, before), is_yes=is_yes)
        found.check()
        if isinstance(outcome, Refused) or (isinstance(outcome, Settled) and outcome.refused):
            assert (found.order, found.entries) == (before, entries)
    assert (found.order.status, found.order.remainder, found.order.tax_remainder) == ("cancelled", 0, 0)
    assert not any(amount for name, amount in found.booked.items() if name not in {"inventory", "cost_of_goods"})


@settings(max_examples=100, deadline=None)
@given(LINES, st.integers(1, 3))
def test_a_declined_charge_leaves_the_draft_its_stock_and_the_books_as_they_were(lines: list[Line], times: int) -> None:
    found = account(lines)
    before = dataclasses.replace(found.order), dict(found.world.products)
    for _time in range(times):
        outcome = found.ask("order.pay", ONLINE, is_yes=False)
        if isinstance(outcome, Settled):
            assert (found.order, found.world.products) == before
            assert not found.entries
