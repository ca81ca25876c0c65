"""Pieces of products as a payload names them: by id or by sku."""

import re
import uuid
from dataclasses import dataclass
from typing import ClassVar

from domain.fields import Identifier, Integer, Text, optional, required
from domain.outcome import Refused, product_not_found
from domain.shapes import TEXT, Schema, object_of
from domain.stock import Product
from domain.world import ProductKey, World

QTY = Integer(minimum=1, maximum=1_000_000)
DELTA = Integer(minimum=-1_000_000, maximum=1_000_000, nonzero=True)
SKU = Text(minimum=1, maximum=64, pattern=re.compile(r"[A-Za-z0-9._-]+", re.ASCII))
ONE_REFERENCE: Schema = {"oneOf": [object_of(product_id=TEXT), object_of(sku=TEXT)]}
"""What `one_reference` asks for, in JSON Schema."""


def one_reference(product_id: uuid.UUID | None, sku: str | None) -> list[tuple[str, str, str]]:
    """The breach of naming a product twice or not at all."""
    if (product_id is None) == (sku is None):
        return [("", "one-of", "must name the product by either product_id or sku")]
    return []


def reference(product_id: uuid.UUID | None, sku: str | None) -> ProductKey:
    """Whichever of the two is given."""
    key = product_id or sku
    assert key is not None, "checked with one_reference"
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Some pieces of one product."""

    product_id: uuid.UUID | None = optional(Identifier())
    sku: str | None = optional(SKU)
    qty: int = required(QTY)
    rules: ClassVar[Schema] = ONE_REFERENCE

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        return one_reference(self.product_id, self.sku)

    @property
    def key(self) -> ProductKey:
        """The product's id or sku."""
        return reference(self.product_id, self.sku)


def resolve(items: tuple[Item, ...], world: World, currency: str) -> list[tuple[Product, int]] | Refused:
    """The products of the items, each active and priced in `currency`, or the refusal that comes first."""
    found = [(world.product(item.key), item) for item in items]
    for product, item in found:
        if product is None:
            return product_not_found(item.key)
    products = [(product, item.qty) for product, item in found if product is not None]
    for product, _qty in products:
        if not product.is_active:
            return Refused("product-inactive", f"The product {product.sku} is not for sale.")
    for product, _qty in products:
        if product.currency != currency:
            detail = f"The product {product.sku} is priced in {product.currency}, the order is in {currency}."
            return Refused("currency-mismatch", detail)
    return products
