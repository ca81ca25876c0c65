"""What clients ask: random commands, usual where their order stands, or wrong in every way the contract names.

All chance comes from one `Random`: Hypothesis's own, whose choices shrink, or one with a seed.
"""

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from uuid_utils.compat import uuid7

from tests.laws.model import DIGITS, FOLLOWS, WHO, Model

UNKNOWN = uuid.UUID(int=0xDEAD)
SETTLE = "payment.settle"
STATUSES = (*FOLLOWS, "delivered", "draft", "paid", "cancelled")
ROLES = ("pos", "integration", "manager", "auditor", None)
USUAL = {
    "draft": ("add_items",) * 4 + ("remove_item",) * 3 + ("pay",) * 5 + ("cancel_draft", "cancel"),
    "paid": ("refund",) * 5 + ("cancel", "cancel", "pay", "add_items", "archive"),
    "pending": ("change_status", "change_status", "change_status", "cancel"),
    "confirmed": ("change_status", "change_status", "change_status", "cancel"),
    "picked": ("change_status",),
    "shipped": ("change_status",),
    "delivered": ("archive", "cancel"),
    "cancelled": ("archive", "cancel", "cancel_draft", "pay"),
}
"""What somebody may well ask of an order in this status."""
AT_ONCE = 3
"""How many orders are worked on at a time; the next begins when one has been archived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A command as a client sends it, or Orderly itself once the payment provider has answered.

    `expires_in` counts seconds from its execution, `role` is the client's.
    """

    id: uuid.UUID = dataclasses.field(default_factory=uuid7)
    type: str
    payload: dict[str, Any]
    order_id: uuid.UUID | None = None
    role: str | None = "manager"
    expected_version: int | None = None
    expires_in: int | None = None

    def put_to(self, model: Model) -> str:
        """What the model says."""
        return model.play(
            self.id, self.type, self.payload, self.order_id, self.role, self.expected_version, self.expires_in
        )


@dataclass(slots=True)
class Asker:
    """Asks about these orders and products; knows from the model where they stand."""

    random: Random
    model: Model
    orders: Sequence[uuid.UUID]
    skus: Sequence[str]

    def usual(self) -> Ask:
        """What somebody who knows the order asks next."""
        alive = [each for each in self.orders if not self.model.orders.get(each, {}).get("archived")][:AT_ONCE]
        order_id = self.random.choice(alive or self.orders)
        order = self.model.orders.get(order_id)
        if order and order["asked"] and self.random.randrange(4):
            return self.answer(order_id)
        return self._of(self.random.choice(USUAL[order["status"]]) if order else "create", order_id)

    def answer(self, order_id: uuid.UUID) -> Ask:
        """What the provider says of whatever this order waits for."""
        return self.answer_to(str(self.model.orders[order_id]["asked"]["id"]), order_id)

    def twisted(self) -> Ask:
        """The usual, by whoever it may be, at some version, in time or too late."""
        ask = self.usual()
        if ask.type == SETTLE:
            return ask  # an answer comes from nobody and is in time
        twist = self.random.randrange(3)
        if twist == 0:
            return dataclasses.replace(ask, role=self.random.choice(ROLES))
        if twist == 1:
            return dataclasses.replace(ask, expires_in=self.random.choice((-60, 0, 3_600)))
        if ask.type == "order.create":
            return ask
        version = self.model.orders[ask.order_id]["version"] + self.random.choice((-1, 0, 0, 1))
        return dataclasses.replace(ask, expected_version=version)

    def anything(self) -> Ask:
        """Any command on any order, by anybody who comes."""
        type_ = self.random.choice([each for each in WHO if not each.startswith("stock.")])
        if type_ == SETTLE:
            waiting = [str(order["asked"]["id"]) for order in self.model.orders.values() if order["asked"]]
            command_id = self.random.choice((*waiting, *self.model.answered, str(UNKNOWN)))
            return self.answer_to(command_id, self.random.choice(self.orders))
        order_id = self.random.choice(self.orders if type_ == "order.create" else (*self.orders, UNKNOWN))
        role = self.random.choice((*ROLES, "manager", "manager"))
        return dataclasses.replace(self._of(type_.removeprefix("order."), order_id), role=role)

    def stock(self) -> Ask:
        """Pieces that arrive or are counted."""
        role = self.random.choice(("manager", "manager", "manager", "integration", "pos"))
        product = self._product(self.skus)
        if self.random.randrange(2):
            return Ask(type="stock.receive", payload=product | {"qty": self.random.randint(1, 12)}, role=role)
        delta = self.random.choice([delta for delta in range(-6, 7) if delta])
        return Ask(type="stock.adjust", payload=product | {"delta": delta, "reason": "counted"}, role=role)

    def some(self) -> Ask:
        """One of a long sequence about orders: mostly the usual."""
        return self.random.choice((self.usual, self.usual, self.usual, self.twisted, self.anything))()

    def answer_to(self, command_id: str, order_id: uuid.UUID) -> Ask:
        """What the provider may say to this command."""
        answer = {"is_yes": True, "reference": f"r-{command_id}"} if self.random.randrange(3) else {"is_yes": False}
        return Ask(type=SETTLE, payload={"command_id": command_id, **answer}, order_id=order_id, role=None)

    def _of(self, verb: str, order_id: uuid.UUID) -> Ask:
        payloads: dict[str, Callable[[uuid.UUID], dict[str, Any]]] = {
            "create": self._create,
            "add_items": self._add_items,
            "remove_item": self._remove_item,
            "pay": self._pay,
            "refund": self._refund,
            "change_status": self._change_status,
        }
        reason = {} if verb == "archive" else {"reason": "changed my mind"}
        payload = payloads[verb](order_id) if verb in payloads else reason
        return Ask(type=f"order.{verb}", payload=payload, order_id=order_id)

    def _create(self, _order_id: uuid.UUID) -> dict[str, Any]:
        payload: dict[str, Any] = {"workflow": self.random.choice(("counter", "fulfilment")), "items": []}
        sku = self.random.choice(self.skus)
        if self.random.randrange(8):
            payload["items"] = self._items(self.model.products[sku]["currency"])
        if self.random.randrange(6) == 0:
            payload["currency"] = self.random.choice(list(DIGITS))
        if self.random.randrange(4) == 0:
            payload["customer_id"] = self.random.choice((*self.model.customers, *self.model.customers, str(UNKNOWN)))
        return payload

    def _add_items(self, order_id: uuid.UUID) -> dict[str, Any]:
        return {"items": self._items(self.model.orders.get(order_id, {}).get("currency", "EUR"))}

    def _remove_item(self, order_id: uuid.UUID) -> dict[str, Any]:
        lines = self.model.orders.get(order_id, {}).get("lines", [])
        known = lines and self.random.randrange(8)
        payload = {"sku": self.random.choice(lines)["sku"]} if known else self._product(self.skus)
        return payload | ({"qty": self.random.randint(1, 3)} if self.random.randrange(3) else {})

    def _pay(self, order_id: uuid.UUID) -> dict[str, Any]:
        order = self.model.orders.get(order_id)
        due = self.model.total(order_id) if order else 100
        currency = order["currency"] if order else "EUR"
        payload: dict[str, Any] = {"method": self.random.choice(("cash", "card", "online", "online"))}
        if payload["method"] == "online":
            payload["payment_method"] = "a token"
        if self.random.randrange(3) == 0:
            payload["amount"] = self._money(due, currency)
        if payload["method"] == "cash" and self.random.randrange(2):
            payload["tendered"] = self._money(max(0, due + self.random.choice((-100, 0, 500))), currency)
        return payload

    def _refund(self, order_id: uuid.UUID) -> dict[str, Any]:
        order = self.model.orders.get(order_id, {"currency": "EUR", "lines": [], "paid": 100, "refunded": 0})
        payload: dict[str, Any] = {"reason": "returned"} | ({"restock": False} if self.random.randrange(3) == 0 else {})
        way = self.random.randrange(8)
        if way == 0:
            return payload
        if way < 3:
            left = order["paid"] - order["refunded"]
            return payload | {"amount": self._money(max(2, left // self.random.randint(1, 3)), order["currency"])}
        skus = [line["sku"] for line in order["lines"] if self.random.randrange(2)]
        items = [{"sku": sku, "qty": self.random.randint(1, 2)} for sku in skus]
        return payload | {"items": items or [self._product(self.skus) | {"qty": 1}]}

    def _money(self, minor: int, currency: str) -> str:
        """Mostly this amount; sometimes one unit less or more, or more digits than any currency here has."""
        wrong = self.random.randrange(6)
        amount = Decimal(max(0, minor + (wrong == 0) - (wrong == 1))).scaleb(-DIGITS[currency])
        return f"{amount:.4f}"[:-1] + "1" if wrong == 2 else f"{amount}"

    def _change_status(self, order_id: uuid.UUID) -> dict[str, Any]:
        status = self.model.orders.get(order_id, {}).get("status")
        usual = FOLLOWS.get(status or "", "confirmed")
        return {"to": usual if self.random.randrange(8) else self.random.choice(STATUSES), "note": "moved"}

    def _items(self, currency: str) -> list[dict[str, Any]]:
        """Pieces of products of this currency, or now and then of another."""
        fitting = [sku for sku in self.skus if self.model.products[sku]["currency"] == currency]
        skus = fitting if fitting and self.random.randrange(12) else self.skus
        return [self._product(skus) | {"qty": self.random.randint(1, 3)} for _item in range(self.random.randint(1, 3))]

    def _product(self, skus: Sequence[str]) -> dict[str, Any]:
        """One of these by id or by sku; once in a while one that does not exist."""
        sku = self.random.choice(skus)
        by_id = self.random.randrange(2)
        if self.random.randrange(40) == 0:
            return {"product_id": str(UNKNOWN)} if by_id else {"sku": "NONE"}
        return {"product_id": str(self.model.products[sku]["id"])} if by_id else {"sku": sku}
