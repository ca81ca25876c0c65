"""`order.create`: a new order, empty or with lines; a fulfilment order reserves its stock, all or nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from domain import money, stock, workflow
from domain.fields import Choice, Currency, Identifier, ListOf, Text, optional
from domain.items import Item, resolve
from domain.orders import Order, with_added
from domain.outcome import Applied, Outcome, Refused, StatusChange, insufficient_stock
from domain.registry import INTEGRATION, MANAGER, POS, Command, Scope, command
from domain.stock import Moved
from domain.world import World


@command(
    "order.create",
    roles=(POS, INTEGRATION, MANAGER),
    example={"items": [{"sku": "OAT-1L", "qty": 2}], "note": "Table 4"},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrder:
    """Without `currency` the order takes that of its first item, or the default one while it is empty."""

    workflow: str = optional(Choice(tuple(workflow.WORKFLOWS)), workflow.COUNTER)
    currency: str | None = optional(Currency())
    customer_id: uuid.UUID | None = optional(Identifier())
    items: tuple[Item, ...] = optional(ListOf(record=Item, minimum=0, maximum=500), ())
    note: str | None = optional(Text(maximum=2_000))

    def scope(self) -> Scope:
        """Its customer and the products of its items; a fulfilment order reserves those, a counter order does not."""
        return Scope(
            products=tuple(item.key for item in self.items),
            customer_id=self.customer_id,
            moves_stock=self.workflow == workflow.FULFILMENT,
        )

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse what is empty, unknown or short; otherwise create at version 1."""
        if self.workflow == workflow.FULFILMENT and not self.items:
            return Refused("order-empty", "A fulfilment order needs at least one item.")
        if self.customer_id is not None:
            customer = world.customers.get(self.customer_id)
            if customer is None:
                return Refused("customer-not-found", f"There is no customer {self.customer_id}.")
            if not customer.is_active:
                return Refused("customer-inactive", f"The customer {self.customer_id} is no longer active.")
        currency = self._currency(world)
        additions = resolve(self.items, world, currency)
        if isinstance(additions, Refused):
            return additions
        birth = workflow.birth(self.workflow)
        lines = with_added((), additions)
        assert command.order_id is not None, "every order command has an order"
        order = Order(
            id=command.order_id,
            workflow=self.workflow,
            status=birth.target,
            version=1,
            currency=currency,
            total=sum(line.total for line in lines),
            lines=lines,
            customer_id=self.customer_id,
            note=self.note,
            archived=False,
            created_at=now,
        )
        moved = stock.move(world.products, order.quantities(), birth.effect)
        if not isinstance(moved, Moved):
            return insufficient_stock(moved)
        return Applied(
            event="order.created",
            order=order,
            products=moved.products,
            movements=moved.movements,
            status_change=StatusChange(source=None, target=birth.target),
        )

    def _currency(self, world: World) -> str:
        if self.currency:
            return self.currency
        first = world.product(self.items[0].key) if self.items else None
        return first.currency if first else money.DEFAULT_CURRENCY
