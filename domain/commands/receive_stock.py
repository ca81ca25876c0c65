"""`stock.receive`: pieces of a product arrive."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain import stock
from domain.fields import Identifier, Text, optional, required
from domain.items import ONE_REFERENCE, QTY, SKU, one_reference, reference
from domain.outcome import Applied, Outcome, product_not_found
from domain.registry import INTEGRATION, MANAGER, Command, Scope, command
from domain.shapes import Schema
from domain.world import World


@command(
    "stock.receive", roles=(MANAGER, INTEGRATION), example={"sku": "OAT-1L", "qty": 48, "reason": "Delivery 2026-118"}
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock:
    """The product, how many pieces, and from where or why."""

    product_id: uuid.UUID | None = optional(Identifier())
    sku: str | None = optional(SKU)
    qty: int = required(QTY)
    reason: str | None = optional(Text(maximum=2_000))
    rules: ClassVar[Schema] = ONE_REFERENCE

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        return one_reference(self.product_id, self.sku)

    def scope(self) -> Scope:
        """The stock of the product it names."""
        return Scope(products=(reference(self.product_id, self.sku),), moves_stock=True)

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse an unknown product; otherwise put the pieces on the shelf."""
        key = reference(self.product_id, self.sku)
        product = world.product(key)
        if product is None:
            return product_not_found(key)
        after, movement = stock.shift(product, "receive", self.qty, reason=self.reason)
        return Applied(event="stock.changed", products=(after,), movements=(movement,))
