"""The order aggregate: its lines, its total, its status; what it may become, decided by the workflow table."""

import dataclasses
import uuid
from dataclasses import dataclass
from datetime import datetime

from domain import stock, tax, workflow
from domain.stock import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Some pieces of one product at the price and the tax rate it had when it was added.

    `unit_price` in minor units, tax included; `tax_rate` in basis points; `unit_cost` is what the product cost when its
    line was begun.
    """

    product_id: uuid.UUID
    sku: str
    name: str
    qty: int
    unit_price: int
    tax_rate: int = 0
    refunded_qty: int = 0
    unit_cost: int | None = None

    def __post_init__(self) -> None:
        assert self.qty > 0, f"line of {self.sku}: qty {self.qty}"
        assert 0 <= self.refunded_qty <= self.qty, f"line of {self.sku}: {self.refunded_qty} of {self.qty} refunded"

    @property
    def total(self) -> int:
        """Minor units."""
        return self.qty * self.unit_price

    @property
    def tax(self) -> int:
        """What of the total is tax, in minor units."""
        return tax.included(self.total, self.tax_rate)

    @property
    def qty_left(self) -> int:
        """Pieces that have not been refunded."""
        return self.qty - self.refunded_qty


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order and its lines, oldest first; `total` in minor units of `currency` is always the sum of the lines.

    `paid_total` is what was taken for it by the method `paid_by`: all of the total, or nothing yet.
    `refunded_total` of that has gone back, and `refunded_tax` of that is tax. `asked_by` is the command that has asked
    the payment provider: until there is an answer, nothing else changes.
    """

    id: uuid.UUID
    workflow: str
    status: str
    version: int
    currency: str
    total: int
    lines: tuple[Line, ...]
    customer_id: uuid.UUID | None
    note: str | None
    archived: bool
    created_at: datetime
    paid_by: str | None = None
    paid_total: int = 0
    refunded_total: int = 0
    refunded_tax: int = 0
    asked_by: uuid.UUID | None = None

    def __post_init__(self) -> None:
        assert self.version >= 1, f"order {self.id}: version {self.version}"
        assert self.total == sum(line.total for line in self.lines), f"order {self.id}: total is not its lines' sum"
        assert self.paid_total in {0, self.total}, f"order {self.id}: {self.paid_total} paid of {self.total}"
        assert 0 <= self.refunded_tax <= self.refunded_total <= self.paid_total, f"order {self.id}: refunds too much"

    @property
    def tax_total(self) -> int:
        """What of the total is tax: the sum of the lines' rounded taxes, in minor units."""
        return sum(line.tax for line in self.lines)

    @property
    def remainder(self) -> int:
        """What was paid and has not gone back."""
        return self.paid_total - self.refunded_total

    @property
    def tax_remainder(self) -> int:
        """What of the remainder is tax."""
        return self.tax_total - self.refunded_tax if self.paid_total else 0

    def takes_items(self) -> bool:
        """Whether lines may still change: only in a counter draft."""
        return self.status == "draft" and not self.archived and self.asked_by is None

    def takes_refunds(self) -> bool:
        """Whether money or pieces may still go back while it stays paid."""
        return self.status == "paid" and (self.remainder > 0 or any(line.qty_left for line in self.lines))

    def is_over(self) -> bool:
        """Whether it may be archived."""
        return self.status in workflow.OVER

    def may(self, verb: str) -> bool:
        """Whether its workflow has a move by this verb from where it stands."""
        return bool(workflow.allowed(self.workflow, self.status, verb))

    def quantities(self) -> dict[uuid.UUID, int]:
        """Pieces of each product that have not been refunded, summed over the lines."""
        return stock.summed((line.product_id, line.qty_left) for line in self.lines if line.qty_left)

    def frozen(self, command_id: uuid.UUID) -> "Order":
        """The order, of the same version, while the provider is asked for this command."""
        assert self.asked_by is None, f"order {self.id}: {self.asked_by} has asked already"
        assert self.status in {"draft", "paid"}, f"order {self.id}: nothing to ask for while {self.status}"
        return dataclasses.replace(self, asked_by=command_id)

    def thawed(self) -> "Order":
        """The order as it was before the provider was asked."""
        assert self.asked_by is not None, f"order {self.id}: nobody has asked"
        return dataclasses.replace(self, asked_by=None)

    def moved(self, target: str) -> "Order":
        """The order one version on, in another status; the caller has checked the move."""
        assert target in workflow.allowed(self.workflow, self.status), f"order {self.id}: {self.status} to {target}"
        return dataclasses.replace(self, status=target, version=self.version + 1)

    def paid(self, method: str) -> "Order":
        """The order one version on, paid in full; the caller has checked the move."""
        assert self.status == "draft", f"order {self.id}: paid while {self.status}"
        return dataclasses.replace(self, status="paid", version=self.version + 1, paid_by=method, paid_total=self.total)

    def refunded(self, amount: int, tax_amount: int, lines: "tuple[Line, ...]") -> "Order":
        """The order one version on, so much of its money and the pieces of these lines returned."""
        assert self.status == "paid", f"order {self.id}: refunded while {self.status}"
        return dataclasses.replace(
            self,
            version=self.version + 1,
            lines=lines,
            refunded_total=self.refunded_total + amount,
            refunded_tax=self.refunded_tax + tax_amount,
        )

    def cancelled(self) -> "Order":
        """The order one version on, cancelled, and whatever money is left returned; the caller has checked the move."""
        return dataclasses.replace(
            self.moved("cancelled"), refunded_total=self.paid_total, refunded_tax=self.refunded_tax + self.tax_remainder
        )

    def with_lines(self, lines: tuple[Line, ...]) -> "Order":
        """The order one version on, with other lines."""
        assert self.takes_items(), f"order {self.id}: lines are frozen"
        return dataclasses.replace(self, lines=lines, total=sum(line.total for line in lines), version=self.version + 1)

    def set_aside(self) -> "Order":
        """The order one version on, archived."""
        assert self.is_over(), f"order {self.id}: archived while {self.status}"
        assert not self.archived, f"order {self.id}: archived twice"
        return dataclasses.replace(self, archived=True, version=self.version + 1)


def with_added(lines: tuple[Line, ...], additions: list[tuple[Product, int]]) -> tuple[Line, ...]:
    """The lines after adding pieces: the same product at the same price is one line, at another price a second, and at
    another tax rate too."""
    merged = {(line.product_id, line.unit_price, line.tax_rate): line for line in lines}
    for product, qty in additions:
        key = (product.id, product.price, product.tax_rate)
        present = merged.get(key)
        merged[key] = dataclasses.replace(present, qty=present.qty + qty) if present else _line(product, qty)
    return tuple(merged.values())


def _line(product: Product, qty: int) -> Line:
    return Line(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        qty=qty,
        unit_price=product.price,
        tax_rate=product.tax_rate,
        unit_cost=product.cost,
    )


def with_removed(lines: tuple[Line, ...], product_id: uuid.UUID, qty: int | None) -> tuple[Line, ...]:
    """The lines after taking pieces of one product from the newest line first; all its pieces when `qty` is None."""
    kept: list[Line] = []
    left = sum(line.qty for line in lines if line.product_id == product_id) if qty is None else qty
    for line in reversed(lines):
        taken = min(left, line.qty) if line.product_id == product_id else 0
        left -= taken
        if taken < line.qty:
            kept.append(dataclasses.replace(line, qty=line.qty - taken) if taken else line)
    return tuple(reversed(kept))
