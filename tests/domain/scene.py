"""A scene to decide on: one command, the orders and products it finds, and the time.

A `Refusal` is one row of a command's table of cases: a code, and the fault that makes it apply to a scene which would
otherwise get a yes. Faults are put in one after the other, so that several apply at once.
"""

import copy
import dataclasses
import itertools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from domain import fields, registry
from domain.customers import Customer
from domain.decision import decide
from domain.orders import Line, Order
from domain.outcome import Applied, Asked, Outcome, Refused, Settled
from domain.registry import Command
from domain.stock import Product
from domain.world import World

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORDER_ID = uuid.UUID(int=0x0DE)
UNKNOWN_ID = uuid.UUID(int=0xDEAD)
COMMAND_ID = uuid.UUID(int=0xC0)
ANSWER_ID = uuid.UUID(int=0xA0)

PRECEDENCE = (
    *("expired", "forbidden", "order-exists", "order-not-found", "version-conflict", "order-frozen"),
    *("invalid-transition", "item-not-found", "order-empty", "customer-not-found", "customer-inactive"),
    *("product-not-found", "product-inactive", "currency-mismatch", "amount-mismatch", "tendered-too-low"),
    *("refund-exceeds-payment", "insufficient-stock", "payment-declined"),
)
"""The documented order: of several refusals that apply, the first wins."""


def product(sku: str, price: int = 999, on_hand: int = 10, reserved: int = 0, **changes: Any) -> Product:
    """A product of one currency, active; its id follows from its sku."""
    members: dict[str, Any] = {"name": sku.title(), "currency": "EUR", "is_active": True} | changes
    return Product(id=id_of(sku), sku=sku, price=price, on_hand=on_hand, reserved=reserved, **members)


def id_of(sku: str) -> uuid.UUID:
    """The id of the product that `product` makes of this sku."""
    return uuid.uuid5(uuid.NAMESPACE_URL, sku)


def line(sku: str, qty: int, unit_price: int = 999, **changes: int) -> Line:
    """Some pieces of a product."""
    return Line(product_id=id_of(sku), sku=sku, name=sku.title(), qty=qty, unit_price=unit_price, **changes)


def order(*lines: Line, status: str = "draft", version: int = 3, **changes: Any) -> Order:
    """An order with these lines, oldest first; a counter order in euros unless said otherwise."""
    members: dict[str, Any] = {
        "workflow": "counter",
        "currency": "EUR",
        "customer_id": None,
        "note": None,
        "archived": False,
        "created_at": NOW - timedelta(hours=1),
    } | changes
    total = sum(each.total for each in lines)
    return Order(id=ORDER_ID, status=status, version=version, total=total, lines=lines, **members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The payload is JSON, as a client sends it. `asked` is the type and the payload of the command that asked the
    provider, when this is the answer.
    """

    type: str
    payload: dict[str, Any]
    order: Order | None = None
    products: tuple[Product, ...] = ()
    customers: tuple[Customer, ...] = ()
    order_id: uuid.UUID | None = ORDER_ID
    role: str | None = "manager"
    expected_version: int | None = None
    expires_at: datetime | None = None
    provider: str | None = "simulator"
    asked: tuple[str, dict[str, Any]] | None = None

    def but(self, **changes: Any) -> "Scene":
        """The scene with other members."""
        return dataclasses.replace(self, **changes)

    def with_payload(self, **members: Any) -> "Scene":
        """The scene with other members of the payload."""
        return self.but(payload=self.payload | members)

    def with_order(self, **changes: Any) -> "Scene":
        """The scene with its order in another state."""
        assert self.order is not None, "put the fault in before the one that takes the order away"
        lines = changes.get("lines", self.order.lines)
        changes["total"] = sum(each.total for each in lines)
        return self.but(order=dataclasses.replace(self.order, **changes))

    def with_product(self, changed: Product) -> "Scene":
        """The scene with this product, in place of the one of its sku."""
        return self.but(products=(*(each for each in self.products if each.sku != changed.sku), changed))

    def world(self) -> World:
        """What the command finds."""
        return World(
            orders={self.order.id: self.order} if self.order else {},
            products={each.id: each for each in self.products},
            skus={each.sku: each.id for each in self.products},
            customers={each.id: each for each in self.customers},
            provider=self.provider,
        )

    def command(self) -> Command:
        """As a worker has it."""
        asked = None if self.asked is None else self.but(type=self.asked[0], payload=self.asked[1], asked=None)
        kind = registry.find(self.type)
        assert kind is not None
        return Command(
            id=COMMAND_ID if self.asked is None else ANSWER_ID,
            type=self.type,
            order_id=self.order_id,
            action=fields.parse(kind.payload, self.payload, "/payload"),
            expected_version=self.expected_version,
            expires_at=self.expires_at,
            role=self.role,
            asked=None if asked is None else asked.command(),
        )

    def decide(self) -> Outcome:
        """What the domain says; that it changed nothing is checked every time."""
        command = self.command()
        world = self.world()
        before = copy.deepcopy(world)
        outcome = decide(command, world, NOW)
        assert world == before, "a decision changed its world"
        return outcome

    def applied(self) -> Applied:
        """The yes."""
        outcome = self.decide()
        assert isinstance(outcome, Applied), outcome
        return outcome

    def asks(self) -> Asked:
        """Neither yes nor no."""
        outcome = self.decide()
        assert isinstance(outcome, Asked), outcome
        return outcome

    def settles(self) -> Settled:
        """The end of another command."""
        outcome = self.decide()
        assert isinstance(outcome, Settled), outcome
        return outcome

    def refused(self) -> Refused:
        """The no."""
        outcome = self.decide()
        assert isinstance(outcome, Refused), outcome
        return outcome

    def breaches(self) -> list[tuple[str, str]]:
        """Pointer and code of everything wrong with the payload."""
        kind = registry.find(self.type)
        assert kind is not None
        try:
            fields.parse(kind.payload, self.payload, "/payload")
        except fields.Invalid as invalid:
            return [(breach.pointer, breach.code) for breach in invalid.breaches]
        return []


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of a table: the fault makes the code apply."""

    code: str
    fault: Callable[[Scene], Scene]

    def of(self, scene: Scene) -> Refused:
        """What the scene gets with this fault in it; the code is checked."""
        refused = self.fault(scene).refused()
        assert refused.code == self.code, refused
        return refused


def rows(refusals: Sequence[Refusal]) -> list[ParameterSet]:
    """Each refusal, named by its code."""
    return [pytest.param(refusal, id=refusal.code) for refusal in refusals]


def pairs(refusals: Sequence[Refusal]) -> list[ParameterSet]:
    """Each two of the refusals that may apply at once, in the order of the table."""
    return [
        pytest.param(first, second, id=f"{first.code} before {second.code}")
        for first, second in itertools.combinations(refusals, 2)
        if first.code != second.code
    ]


OF_ANY = (
    Refusal("expired", lambda scene: scene.but(expires_at=NOW)),
    Refusal("forbidden", lambda scene: scene.but(role=None)),
)
"""What any command may be refused for."""

OF_ANY_ORDER = (
    *OF_ANY,
    Refusal("order-not-found", lambda scene: scene.but(order=None)),
    Refusal("version-conflict", lambda scene: scene.but(expected_version=99)),
    Refusal("order-frozen", lambda scene: scene.with_order(archived=True, asked_by=None)),
)
"""What any command on an existing order may be refused for."""
