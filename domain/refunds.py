"""What a refund takes: money, its tax and pieces, so that refunds in any parts end at exactly what was captured.

Of the money M and the tax T that are left, a refund of m takes a tax t with t <= m and T - t <= M - m: what is left can
always be refunded too, and with the last of the money goes the last of the tax.
"""

import dataclasses
import uuid
from dataclasses import dataclass

from domain import money, stock, tax
from domain.items import Item
from domain.orders import Line, Order
from domain.outcome import Refused, refund_exceeds_payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Money and tax in minor units, pieces by product, and the lines after it."""

    amount: int
    tax: int
    pieces: dict[uuid.UUID, int]
    lines: tuple[Line, ...]


def all_left(order: Order) -> Taken | Refused:
    """The remainder and every piece left."""
    if not order.takes_refunds():
        return refund_exceeds_payment("Everything has been refunded.")
    lines = tuple(dataclasses.replace(line, refunded_qty=line.qty) for line in order.lines)
    return Taken(amount=order.remainder, tax=order.tax_remainder, pieces=order.quantities(), lines=lines)


def of_amount(order: Order, amount: int) -> Taken | Refused:
    """Money without pieces; of the tax that is left its share, rounded half up."""
    if amount > order.remainder:
        return _exceeds(order, amount)
    share = (2 * order.tax_remainder * amount + order.remainder) // (2 * order.remainder)
    return Taken(amount=amount, tax=_fitting(order, amount, share), pieces={}, lines=order.lines)


def of_items(order: Order, items: tuple[Item, ...]) -> Taken | Refused:
    """Pieces at the price and the tax that were paid for them, from the newest line of a product first."""
    named = {key: line.product_id for line in order.lines for key in (line.product_id, line.sku)}
    for item in items:
        if item.key not in named:
            return Refused("item-not-found", f"The order has no item {item.key}.")
    pieces = stock.summed((named[item.key], item.qty) for item in items)
    left = dict(pieces)
    lines: list[Line] = []
    for line in reversed(order.lines):
        taken = min(left.get(line.product_id, 0), line.qty_left)
        lines.insert(0, dataclasses.replace(line, refunded_qty=line.refunded_qty + taken))
        if taken:
            left[line.product_id] -= taken
    if any(left.values()):
        return refund_exceeds_payment("Fewer pieces are left to refund.")
    changes = list(zip(order.lines, lines, strict=True))
    amount = sum(_refunded(after) - _refunded(before) for before, after in changes)
    if amount > order.remainder:
        return _exceeds(order, amount)
    paid_tax = sum(_refunded_tax(after) - _refunded_tax(before) for before, after in changes)
    return Taken(amount=amount, tax=_fitting(order, amount, paid_tax), pieces=pieces, lines=tuple(lines))


def _fitting(order: Order, amount: int, wanted: int) -> int:
    least = max(0, order.tax_remainder - (order.remainder - amount))
    most = min(amount, order.tax_remainder)
    return min(max(wanted, least), most)


def _refunded(line: Line) -> int:
    return line.refunded_qty * line.unit_price


def _refunded_tax(line: Line) -> int:
    return tax.included(_refunded(line), line.tax_rate)


def _exceeds(order: Order, amount: int) -> Refused:
    left, wanted = (money.to_text(minor, order.currency) for minor in (order.remainder, amount))
    return refund_exceeds_payment(f"{wanted} {order.currency} is more than the {left} that are left to refund.")
