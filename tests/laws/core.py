"""The pure core at work: asks become commands, are decided on a world and applied to it."""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from domain import fields, registry
from domain.customers import Customer
from domain.decision import decide
from domain.outcome import Applied, Asked, Outcome, Refused, Settled
from domain.registry import Command
from domain.stock import Product
from domain.world import World
from tests.laws.asks import SETTLE, Ask
from tests.laws.model import ASKED, OK, Model

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROVIDER = "somebody"
NOBODY_WAITS: Mapping[uuid.UUID, Ask] = MappingProxyType({})


@dataclass(slots=True)
class Core:
    """A world and what the model is told of it, kept alike; `waiting` are the asks that wait for the provider."""

    world: World = field(default_factory=lambda: World(provider=PROVIDER))
    model: Model = field(default_factory=Model)
    waiting: dict[uuid.UUID, Ask] = field(default_factory=dict)

    def add_product(
        self, sku: str, price: int, currency: str = "EUR", on_hand: int = 0, tax_rate: int = 0, cost: int | None = None
    ) -> uuid.UUID:
        """A new active product."""
        product = Product(
            id=uuid.uuid5(uuid.NAMESPACE_URL, sku),
            sku=sku,
            name=sku.title(),
            price=price,
            currency=currency,
            on_hand=on_hand,
            reserved=0,
            is_active=True,
            tax_rate=tax_rate,
            cost=cost,
        )
        self.world.products[product.id] = product
        self.world.skus[sku] = product.id
        self.model.products[sku] = {
            "id": product.id,
            "price": price,
            "currency": currency,
            "on_hand": on_hand,
            "reserved": 0,
            "active": True,
        }
        return product.id

    def change_product(self, sku: str, *, price: int, active: bool) -> None:
        """What a manager changes in the catalogue."""
        known = self.world.products[self.world.skus[sku]]
        self.world.products[known.id] = dataclasses.replace(known, price=price, is_active=active)
        self.model.products[sku] |= {"price": price, "active": active}

    def set_customer(self, customer_id: uuid.UUID, *, active: bool) -> None:
        """A customer, or one that is deleted."""
        self.world.customers[customer_id] = Customer(id=customer_id, is_active=active)
        self.model.customers[str(customer_id)] = active

    def play(self, ask: Ask) -> Outcome:
        """Decide, and make true what comes of it."""
        outcome = decide(command(ask, self.waiting), self.world, NOW)
        if applied := applied_of(outcome):
            self.world.apply(applied)
        if isinstance(outcome, Asked):
            self.waiting[ask.id] = ask
        elif isinstance(outcome, Settled):
            del self.waiting[asked_by(ask)]
        return outcome


def code(outcome: Outcome) -> str:
    """As the model says it."""
    if isinstance(outcome, Asked):
        return ASKED
    refused = outcome.refused if isinstance(outcome, Settled) else outcome
    return refused.code if isinstance(refused, Refused) else OK


def applied_of(outcome: Outcome) -> Applied | None:
    """What changes."""
    if isinstance(outcome, Refused):
        return None
    return outcome if isinstance(outcome, Applied) else outcome.applied


def asked_by(answer: Ask) -> uuid.UUID:
    """The command that an answer is about."""
    return uuid.UUID(answer.payload["command_id"])


def command(ask: Ask, waiting: Mapping[uuid.UUID, Ask] = NOBODY_WAITS) -> Command:
    """The command that a worker would make of it."""
    kind = registry.find(ask.type)
    assert kind is not None, ask
    asked = waiting.get(asked_by(ask)) if ask.type == SETTLE else None
    return Command(
        id=ask.id,
        type=ask.type,
        order_id=ask.order_id,
        action=fields.parse(kind.payload, ask.payload, "/payload"),
        expected_version=ask.expected_version,
        expires_at=None if ask.expires_in is None else NOW + timedelta(seconds=ask.expires_in),
        role=ask.role,
        asked=None if asked is None else command(asked),
    )


def snapshot(world: World) -> World:
    """The world as it is now: what is in it never changes, it is only exchanged."""
    return World(
        orders=dict(world.orders),
        products=dict(world.products),
        skus=dict(world.skus),
        customers=dict(world.customers),
        provider=world.provider,
    )


def in_scope(ask: Ask, world: World) -> World:
    """The part of the world that a worker would load for this command alone."""
    asked = command(ask)
    scope = asked.action.scope()
    orders = {each.id: each for each in world.orders.values() if each.id == ask.order_id}
    touched: set[Any] = {product.id for key in scope.products if (product := world.product(key))}
    if scope.moves_stock:
        touched |= {line.product_id for order in orders.values() for line in order.lines}
    products = {product_id: world.products[product_id] for product_id in touched}
    return World(
        orders=orders,
        products=products,
        skus={product.sku: product.id for product in products.values()},
        customers={each.id: each for each in world.customers.values() if each.id == scope.customer_id},
        provider=world.provider,
    )
