"""`stock.adjust`: the count on the shelf is corrected, never below what is reserved."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain import stock
from domain.fields import Identifier, Text, optional, required
from domain.items import DELTA, ONE_REFERENCE, SKU, one_reference, reference
from domain.outcome import Applied, Outcome, insufficient_stock, product_not_found
from domain.registry import MANAGER, Command, Scope, command
from domain.shapes import Schema
from domain.stock import Shortage
from domain.world import World


@command("stock.adjust", roles=(MANAGER,), example={"sku": "OAT-1L", "delta": -2, "reason": "Two bottles broken."})
@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustStock:
    """The product, the signed correction, and why."""

    product_id: uuid.UUID | None = optional(Identifier())
    sku: str | None = optional(SKU)
    delta: int = required(DELTA)
    reason: str = required(Text(minimum=1, maximum=2_000))
    rules: ClassVar[Schema] = ONE_REFERENCE

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        return one_reference(self.product_id, self.sku)

    def scope(self) -> Scope:
        """The stock of the product it names."""
        return Scope(products=(reference(self.product_id, self.sku),), moves_stock=True)

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse an unknown product or a count below zero or below what is reserved; otherwise correct it."""
        key = reference(self.product_id, self.sku)
        product = world.product(key)
        if product is None:
            return product_not_found(key)
        if product.available + self.delta < 0:
            shortage = Shortage(product_id=product.id, wanted=-self.delta, available=product.available)
            return insufficient_stock([shortage])
        after, movement = stock.shift(product, "adjust", self.delta, reason=self.reason)
        return Applied(event="stock.changed", products=(after,), movements=(movement,))
