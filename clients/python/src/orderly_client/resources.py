"""What the server shows, typed. Members that this version does not know are ignored, so that a server may add some.

Every `of` raises KeyError, TypeError or ValueError when a member is missing or is not what it should be.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self
from uuid import UUID

from orderly_client.errors import CommandFailedError, CommandOpenError
from orderly_client.problems import Problem

type Shown = Mapping[str, Any]

_FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as the result of a command shows it."""

    id: UUID
    status: str
    version: int
    total: Decimal
    currency: str

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            id=UUID(shown["id"]),
            status=shown["status"],
            version=shown["version"],
            total=_money(shown["total"]),
            currency=shown["currency"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What was paid; `tendered` and `change` of cash alone, and only when the till said what it was given."""

    method: str
    amount: Decimal
    tendered: Decimal | None
    change: Decimal | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            method=shown["method"],
            amount=_money(shown["amount"]),
            tendered=_optional_money(shown.get("tendered")),
            change=_optional_money(shown.get("change")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A product's stock as the result of a `stock.*` command shows it."""

    id: UUID
    sku: str
    on_hand: int
    reserved: int
    available: int

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            id=UUID(shown["id"]),
            sku=shown["sku"],
            on_hand=shown["on_hand"],
            reserved=shown["reserved"],
            available=shown["available"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as it stands. Only a final one has an outcome; `error` says why one failed, expired or is uncertain."""

    id: UUID
    type: str
    status: str
    order_id: UUID | None
    idempotency_key: str
    client: str
    result: Shown | None
    error: Problem | None
    attempts: int
    expected_version: int | None
    expires_at: datetime | None
    not_before: datetime | None
    occurred_at: datetime | None
    device_sequence: int | None
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    replayed: bool = False
    """The server knew the key already, so an earlier request made this command."""
    shown: Shown = field(default_factory=dict, repr=False, compare=False)
    """As it came, with members that this version does not know."""

    @classmethod
    def of(cls, shown: Shown, *, replayed: bool = False) -> Self:
        return cls(
            id=UUID(shown["id"]),
            type=shown["type"],
            status=shown["status"],
            order_id=UUID(shown["order_id"]) if shown.get("order_id") else None,
            idempotency_key=shown["idempotency_key"],
            client=shown["client"],
            result=shown.get("result"),
            error=Problem.of(shown["error"]) if shown.get("error") else None,
            attempts=shown["attempts"],
            expected_version=shown.get("expected_version"),
            expires_at=_optional_time(shown.get("expires_at")),
            not_before=_optional_time(shown.get("not_before")),
            occurred_at=_optional_time(shown.get("occurred_at")),
            device_sequence=shown.get("device_sequence"),
            accepted_at=datetime.fromisoformat(shown["accepted_at"]),
            started_at=_optional_time(shown.get("started_at")),
            finished_at=_optional_time(shown.get("finished_at")),
            replayed=replayed,
            shown=shown,
        )

    @property
    def is_final(self) -> bool:
        """Whether the outcome is known."""
        return self.status in _FINAL

    @property
    def is_uncertain(self) -> bool:
        """Whether a payment provider was asked for money and has not answered: it may have been moved or not.

        It ends by itself, once the provider has told. Until then the order waits.
        """
        return self.status == "uncertain"

    @property
    def succeeded(self) -> bool:
        """Whether it took effect."""
        return self.status == "succeeded"

    @property
    def order(self) -> OrderState | None:
        """The order after a successful `order.*` command."""
        return OrderState.of(self.result["order"]) if self.result and "order" in self.result else None

    @property
    def payment(self) -> Payment | None:
        """The payment after a successful `order.pay`."""
        return Payment.of(self.result["payment"]) if self.result and "payment" in self.result else None

    @property
    def product(self) -> Stock | None:
        """The product's stock after a successful `stock.*` command."""
        return Stock.of(self.result["product"]) if self.result and "product" in self.result else None

    def raise_for_failure(self) -> Self:
        """Itself if it succeeded. Raises CommandFailedError, or CommandOpenError while there is no outcome."""
        if not self.is_final:
            raise CommandOpenError(self)
        if not self.succeeded:
            raise CommandFailedError(self)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of an order, at the price and the tax rate (percent) that its product had when the line was added."""

    product_id: UUID
    sku: str
    name: str
    qty: int
    unit_price: Decimal
    line_total: Decimal
    tax_rate: Decimal
    tax: Decimal

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            product_id=UUID(shown["product_id"]),
            sku=shown["sku"],
            name=shown["name"],
            qty=shown["qty"],
            unit_price=_money(shown["unit_price"]),
            line_total=_money(shown["line_total"]),
            tax_rate=_money(shown["tax_rate"]),
            tax=_money(shown["tax"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A whole order. While `payment_pending`, a payment provider is asked, and nothing else is done to it."""

    id: UUID
    workflow: str
    status: str
    version: int
    currency: str
    total: Decimal
    tax_total: Decimal
    paid_total: Decimal
    refunded_total: Decimal
    payment_pending: bool
    customer_id: UUID | None
    note: str | None
    items: tuple[Item, ...]
    archived: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            id=UUID(shown["id"]),
            workflow=shown["workflow"],
            status=shown["status"],
            version=shown["version"],
            currency=shown["currency"],
            total=_money(shown["total"]),
            tax_total=_money(shown["tax_total"]),
            paid_total=_money(shown["paid_total"]),
            refunded_total=_money(shown["refunded_total"]),
            payment_pending=shown["payment_pending"],
            customer_id=UUID(shown["customer_id"]) if shown.get("customer_id") else None,
            note=shown.get("note"),
            items=tuple(map(Item.of, shown["items"])),
            archived=shown["archived"],
            created_at=datetime.fromisoformat(shown["created_at"]),
            updated_at=datetime.fromisoformat(shown["updated_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product of the catalogue with its stock; it is low when `available` is `low_stock_at` or less."""

    id: UUID
    sku: str
    name: str
    description: str
    price: Decimal
    currency: str
    tax_rate: Decimal
    on_hand: int
    reserved: int
    available: int
    low_stock_at: int | None
    is_active: bool
    version: int

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            id=UUID(shown["id"]),
            sku=shown["sku"],
            name=shown["name"],
            description=shown["description"],
            price=_money(shown["price"]),
            currency=shown["currency"],
            tax_rate=_money(shown["tax_rate"]),
            on_hand=shown["on_hand"],
            reserved=shown["reserved"],
            available=shown["available"],
            low_stock_at=shown.get("low_stock_at"),
            is_active=shown["is_active"],
            version=shown["version"],
        )


def _money(shown: str) -> Decimal:
    try:
        return Decimal(shown)
    except InvalidOperation:
        raise ValueError(f"{shown!r} is no amount of money") from None


def _optional_money(shown: str | None) -> Decimal | None:
    return None if shown is None else _money(shown)


def _optional_time(shown: str | None) -> datetime | None:
    return None if shown is None else datetime.fromisoformat(shown)
