"""The books: what each change of money or goods means in double entry. The chart of accounts and the entries' rules.

An amount is in minor units, a debit above zero and a credit below; the postings of an entry add up to nothing.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from domain.orders import Line, Order
from domain.outcome import Applied


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart; `type` is asset, liability, income or expense."""

    code: str
    name: str
    type: str


CHART = (
    Account("cash", "Cash in the tills", "asset"),
    Account("card_clearing", "Card payments on their way from the terminals", "asset"),
    Account("provider_clearing", "Online payments on their way from the provider", "asset"),
    Account("inventory", "Goods on the shelf, at cost", "asset"),
    Account("tax_payable", "Tax taken for the state", "liability"),
    Account("revenue", "Sales without tax", "income"),
    Account("cost_of_goods", "Cost of what was sold", "expense"),
    Account("stock_adjustments", "Goods received, counted and lost, at cost", "expense"),
)
MONEY_OF = {"cash": "cash", "card": "card_clearing", "online": "provider_clearing"}
"""The account that a payment by a method goes to, and its refunds come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A journal entry: signed amounts by account, none of them zero. `reverses_payment`: it undoes the order's sale as
    a whole."""

    kind: str
    currency: str
    postings: dict[str, int]
    reverses_payment: bool = False

    def __post_init__(self) -> None:
        assert sum(self.postings.values()) == 0, f"{self.kind}: {self.postings} do not balance"
        assert all(self.postings.values()), f"{self.kind}: {self.postings} have an idle account"


def entry(applied: Applied, before: Order | None) -> Entry | None:
    """The entry that a yes makes; None where neither money nor anything of a known cost has moved."""
    order = applied.order
    if order is None:
        return _received_or_counted(applied)
    if applied.payment is not None:
        return _entry("payment", order, _sale(order.total, order.tax_total, _cost(order.lines), applied.payment.method))
    if before is None or before.status != "paid":
        return None
    if order.status == "cancelled":
        untouched = before.refunded_total == 0 and not any(line.refunded_qty for line in before.lines)
        refund = _sale(before.remainder, before.tax_remainder, _cost(before.lines), before.paid_by)
        return _entry("cancellation", order, _undone(refund), reverses_payment=untouched)
    if applied.refund is None:
        return None
    returned = _cost(before.lines) - _cost(order.lines) if applied.refund.restock else 0
    return _entry("refund", order, _undone(_sale(applied.refund.amount, applied.refund.tax, returned, order.paid_by)))


def _received_or_counted(applied: Applied) -> Entry | None:
    [product], [movement] = applied.products, applied.movements
    value = movement.on_hand_delta * (product.cost or 0)
    if not value:
        return None
    kind = "receipt" if movement.kind == "receive" else "adjustment"
    return Entry(kind=kind, currency=product.currency, postings={"inventory": value, "stock_adjustments": -value})


def _entry(kind: str, order: Order, postings: dict[str, int], *, reverses_payment: bool = False) -> Entry | None:
    moved = {account: amount for account, amount in postings.items() if amount}
    if not moved:
        return None
    return Entry(kind=kind, currency=order.currency, postings=moved, reverses_payment=reverses_payment)


def _sale(amount: int, tax: int, cost: int, method: str | None) -> dict[str, int]:
    postings: Counter[str] = Counter()
    if amount:
        assert method is not None, "money was taken in some way"
        postings[MONEY_OF[method]] += amount
        postings["revenue"] -= amount - tax
        postings["tax_payable"] -= tax
    postings["cost_of_goods"] += cost
    postings["inventory"] -= cost
    return postings


def _undone(postings: dict[str, int]) -> dict[str, int]:
    return {account: -amount for account, amount in postings.items()}


def _cost(lines: Iterable[Line]) -> int:
    """What the pieces cost that have not been refunded."""
    return sum(line.qty_left * (line.unit_cost or 0) for line in lines)
