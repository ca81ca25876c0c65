"""Commands before they are sent: what a till wants, under the key that every attempt to send it carries.

A product is named by its sku (text) or by its id (a UUID). Money is a Decimal or text, never a float.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict, Unpack
from uuid import UUID

type Id = UUID | str
type Money = Decimal | str
type Items = Mapping[str, int] | Mapping[UUID, int]
"""How many of which: `{"MUG-WHITE": 2}`."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NOT_IN_KEYS = frozenset('",\\')


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One command. Sent twice, it is carried out once: keep the draft, or its key, to send it again.

    `expected_version`: refused if the order has another one when its turn comes. `expires_at`: not executed from then
    on. `not_before`: not executed before. `occurred_at`, `device_sequence`: kept with the command, decide nothing.
    Raises ValueError for a time without an offset or a malformed key.
    """

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    order_id: Id | None = None
    expected_version: int | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    occurred_at: datetime | None = None
    device_sequence: int | None = None
    idempotency_key: str = field(default_factory=new_key)

    def __post_init__(self) -> None:
        for name in ("expires_at", "not_before", "occurred_at"):
            time: datetime | None = getattr(self, name)
            if time is not None and time.utcoffset() is None:
                raise ValueError(f"{name} needs an offset, as in datetime.now(UTC)")
        if not _KEY.fullmatch(self.idempotency_key) or _NOT_IN_KEYS & set(self.idempotency_key):
            raise ValueError("an idempotency key is 1 to 255 of ASCII's visible characters without \" , and \\")

    def body(self) -> dict[str, Any]:
        """As the server wants it, without what is absent and without the key."""
        members = {
            "type": self.type,
            "order_id": self.order_id,
            "payload": self.payload,
            "expected_version": self.expected_version,
            "expires_at": self.expires_at,
            "not_before": self.not_before,
            "occurred_at": self.occurred_at,
            "device_sequence": self.device_sequence,
        }
        return {name: value for name, value in members.items() if value is not None}

    def entry(self) -> bytes:
        """As it stands in a batch, key and all."""
        return encode({"idempotency_key": self.idempotency_key, **self.body()})


class Options(TypedDict, total=False):
    """What any command may have besides its payload; see Draft."""

    idempotency_key: str
    expected_version: int
    expires_at: datetime
    not_before: datetime
    occurred_at: datetime
    device_sequence: int


def create_order(
    *,
    items: Items | None = None,
    order_id: Id | None = None,
    workflow: Literal["counter", "fulfilment"] | None = None,
    currency: str | None = None,
    customer_id: Id | None = None,
    note: str | None = None,
    **options: Unpack[Options],
) -> Draft:
    """Open an order, of the workflow `counter` unless another is named; `fulfilment` reserves its items at once.

    Choose `order_id` to fill and pay the order without waiting for this command.
    """
    lines = None if items is None else _lines(items)
    payload = _given(workflow=workflow, currency=currency, customer_id=customer_id, items=lines, note=note)
    return Draft(type="order.create", order_id=order_id, payload=payload, **options)


def add_items(order_id: Id, items: Items, **options: Unpack[Options]) -> Draft:
    """Put items into a counter draft, at today's prices."""
    return Draft(type="order.add_items", order_id=order_id, payload={"items": _lines(items)}, **options)


def remove_item(order_id: Id, product: UUID | str, *, qty: int | None = None, **options: Unpack[Options]) -> Draft:
    """Take so many of a product out of a counter draft, or all of them; the newest line first."""
    payload = _named(product) | _given(qty=qty)
    return Draft(type="order.remove_item", order_id=order_id, payload=payload, **options)


def pay(
    order_id: Id,
    *,
    method: Literal["cash", "card"],
    amount: Money | None = None,
    tendered: Money | None = None,
    reference: str | None = None,
    **options: Unpack[Options],
) -> Draft:
    """Pay the whole of a counter order. `amount` has to be its total, and guards against paying another one;
    `tendered` is the cash that was given, `reference` the terminal's."""
    payload = _given(method=method, amount=_money(amount), tendered=_money(tendered), reference=reference)
    return Draft(type="order.pay", order_id=order_id, payload=payload, **options)


def pay_online(
    order_id: Id,
    payment_method: str,
    *,
    amount: Money | None = None,
    reference: str | None = None,
    **options: Unpack[Options],
) -> Draft:
    """Pay the whole of a counter order through the deployment's payment provider; `payment_method` is its token.

    While nobody knows whether the customer was charged, the command is `uncertain`: wait on, hand nothing over, and
    take no other money. Raises InvalidRequestError where the deployment has no provider.
    """
    payload = _given(method="online", payment_method=payment_method, amount=_money(amount), reference=reference)
    return Draft(type="order.pay", order_id=order_id, payload=payload, **options)


def refund(
    order_id: Id,
    *,
    reason: str,
    items: Items | None = None,
    amount: Money | None = None,
    restock: bool | None = None,
    **options: Unpack[Options],
) -> Draft:
    """Give money of a paid order back: for these items, so much, or without either all that is left; for managers.

    Items go back on the shelf unless `restock` is False. Raises ValueError for items and an amount at once.
    """
    if items is not None and amount is not None:
        raise ValueError("a refund has items or an amount, not both")
    lines = None if items is None else _lines(items)
    payload = _given(items=lines, amount=_money(amount), restock=restock, reason=reason)
    return Draft(type="order.refund", order_id=order_id, payload=payload, **options)


def cancel(order_id: Id, *, reason: str | None = None, **options: Unpack[Options]) -> Draft:
    """Cancel an order in any status that allows it, with its refund or the release of its stock; for managers."""
    return Draft(type="order.cancel", order_id=order_id, payload=_given(reason=reason), **options)


def cancel_draft(order_id: Id, *, reason: str | None = None, **options: Unpack[Options]) -> Draft:
    """Cancel a draft."""
    return Draft(type="order.cancel_draft", order_id=order_id, payload=_given(reason=reason), **options)


def change_status(order_id: Id, to: str, *, note: str | None = None, **options: Unpack[Options]) -> Draft:
    """Move a fulfilment order on."""
    return Draft(type="order.change_status", order_id=order_id, payload=_given(to=to, note=note), **options)


def archive(order_id: Id, **options: Unpack[Options]) -> Draft:
    """Put a cancelled or delivered order away."""
    return Draft(type="order.archive", order_id=order_id, **options)


def receive_stock(product: UUID | str, qty: int, *, reason: str | None = None, **options: Unpack[Options]) -> Draft:
    """Goods have come in."""
    payload = _named(product) | _given(qty=qty, reason=reason)
    return Draft(type="stock.receive", payload=payload, **options)


def adjust_stock(product: UUID | str, delta: int, *, reason: str, **options: Unpack[Options]) -> Draft:
    """Correct the stock by so many, up or down."""
    payload = _named(product) | _given(delta=delta, reason=reason)
    return Draft(type="stock.adjust", payload=payload, **options)


def encode(value: object) -> bytes:
    """JSON, with ids, times and Decimals as the text that the server wants."""
    return json.dumps(value, default=_text, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _text(value: object) -> str:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case Decimal():
            return _plain(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _money(value: Money | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return _plain(value)
    raise TypeError(f"money is a Decimal or text, not {type(value).__name__}")


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no amount of money")
    return f"{value:f}"  # never with an exponent


def _lines(items: Items) -> list[dict[str, Any]]:
    return [_named(product) | {"qty": qty} for product, qty in items.items()]


def _named(product: UUID | str) -> dict[str, Any]:
    return {"product_id": str(product)} if isinstance(product, UUID) else {"sku": product}


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
