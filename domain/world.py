"""The world a batch of commands decides on: the orders, products and customers they touch, changed by each yes."""

import uuid
from dataclasses import dataclass, field

from domain.customers import Customer
from domain.orders import Order
from domain.outcome import Applied
from domain.stock import Product

type ProductKey = uuid.UUID | str


@dataclass(slots=True, kw_only=True)
class World:
    """Orders by id, products by id and by sku, customers by id. What is not in it does not exist.

    `provider` is whom online payments go to, None where there is nobody.
    """

    orders: dict[uuid.UUID, Order] = field(default_factory=dict)
    products: dict[uuid.UUID, Product] = field(default_factory=dict)
    skus: dict[str, uuid.UUID] = field(default_factory=dict)
    customers: dict[uuid.UUID, Customer] = field(default_factory=dict)
    provider: str | None = None

    def product(self, key: ProductKey) -> Product | None:
        """The product of an id or a sku."""
        product_id = self.skus.get(key) if isinstance(key, str) else key
        return self.products.get(product_id) if product_id else None

    def order_of(self, order_id: uuid.UUID | None) -> Order:
        """The order a command acts on; that it exists has been decided before."""
        assert order_id is not None, "only order commands ask for their order"
        return self.orders[order_id]

    def apply(self, applied: Applied) -> None:
        """Make a yes true for the decisions that follow."""
        if applied.order is not None:
            self.orders[applied.order.id] = applied.order
        for product in applied.products:
            self.products[product.id] = product
