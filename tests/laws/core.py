"""The pure core at work: asks become commands, are decided on a world and applied to it."""

import dataclasses
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import fields, registry
from domain.customers import Customer
from domain.decision import decide
from domain.outcome import Applied, Outcome
from domain.registry import Command
from domain.stock import Product
from domain.world import World
from tests.laws.asks import Ask
from tests.laws.model import OK, Model

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Core:
    """A world and what the model is told of it, kept alike."""

    world: World = field(default_factory=World)
    model: Model = field(default_factory=Model)

    def add_product(self, sku: str, price: int, currency: str = "EUR", on_hand: int = 0) -> uuid.UUID:
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
        """Decide, and make a yes true."""
        outcome = decide(command(ask), self.world, NOW)
        if isinstance(outcome, Applied):
            self.world.apply(outcome)
        return outcome


def code(outcome: Outcome) -> str:
    """As the model says it."""
    return OK if isinstance(outcome, Applied) else outcome.code


def command(ask: Ask) -> Command:
    """The command that a worker would make of it."""
    kind = registry.find(ask.type)
    assert kind is not None, ask
    return Command(
        id=uuid.UUID(int=0xC0),
        type=ask.type,
        order_id=ask.order_id,
        action=fields.parse(kind.payload, ask.payload, "/payload"),
        expected_version=ask.expected_version,
        expires_at=None if ask.expires_in is None else NOW + timedelta(seconds=ask.expires_in),
        role=ask.role,
    )


def snapshot(world: World) -> World:
    """The world as it is now: what is in it never changes, it is only exchanged."""
    return World(
        orders=dict(world.orders),
        products=dict(world.products),
        skus=dict(world.skus),
        customers=dict(world.customers),
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
    )
