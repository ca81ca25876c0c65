"""Rows to aggregates: locks and reads all that a batch touches, in the one global order, and builds the world."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from domain.customers import Customer
from domain.orders import Line, Order
from domain.registry import Command, Scope
from domain.stock import Product
from domain.world import ProductKey, World
from store import db

_READ_ORDERS = """
SELECT id, workflow, status, version, currency, total, customer_id, note, archived, created_at,
       paid_by, paid_total, refunded_total, refunded_tax, asked_by
FROM orders WHERE id = ANY (%b::uuid[]) ORDER BY id
"""
_LOCK_ORDERS = _READ_ORDERS + "FOR NO KEY UPDATE"
_READ_LINES = """
SELECT order_id, product_id, sku, name, qty, unit_price, tax_rate, refunded_qty, unit_cost
FROM order_line WHERE order_id = ANY (%b::uuid[]) ORDER BY order_id, position
"""
_READ_PRODUCTS = """
SELECT id, sku, name, price, currency, on_hand, reserved, is_active, low_stock_at, tax_rate, cost
FROM product WHERE id = ANY (%b::uuid[]) OR sku = ANY (%b::text[]) ORDER BY id
"""
_LOCK_PRODUCTS = _READ_PRODUCTS + "FOR NO KEY UPDATE"
_SUMS = ("total", "paid_total", "refunded_total", "refunded_tax")
_READ_CUSTOMERS = "SELECT id, is_active FROM customer WHERE id = ANY (%b::uuid[])"


def load(commands: Sequence[Command]) -> World:
    """Lock the orders and the products whose stock may move, read the rest; the lanes are locked already."""
    scopes = [(command.order_id, command.action.scope()) for command in commands]
    orders = _orders(_LOCK_ORDERS, sorted({order_id for order_id, _scope in scopes if order_id is not None}))
    to_lock, to_read = _products_touched(scopes, orders)
    products = [*_products(_LOCK_PRODUCTS, to_lock), *_products(_READ_PRODUCTS, to_read - to_lock)]
    by_id = {product.id: product for product in reversed(products)}
    return World(
        orders=orders,
        products=by_id,
        skus={product.sku: product.id for product in by_id.values()},
        customers=_customers({scope.customer_id for _order_id, scope in scopes if scope.customer_id}),
    )


@db.reconnecting
def read_order(order_id: uuid.UUID) -> Order | None:
    """The order as it stands, without a lock."""
    return _orders(_READ_ORDERS, [order_id]).get(order_id)


def _orders(sql: str, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Order]:
    found = db.rows(dict[str, Any], sql, [ids]) if ids else []
    lines: dict[uuid.UUID, list[Line]] = defaultdict(list)
    if found:
        for order_id, line in db.rows(_line_of_order, _READ_LINES, [[row["id"] for row in found]]):
            lines[order_id].append(line)
    return {row["id"]: _order(row, lines[row["id"]]) for row in found}


def _order(row: dict[str, Any], lines: Sequence[Line]) -> Order:
    return Order(**row | {name: int(row[name]) for name in _SUMS}, lines=tuple(lines))


def _line_of_order(order_id: uuid.UUID, **columns: Any) -> tuple[uuid.UUID, Line]:
    return order_id, Line(**columns)


def _products_touched(
    scopes: Sequence[tuple[uuid.UUID | None, Scope]], orders: dict[uuid.UUID, Order]
) -> tuple[set[ProductKey], set[ProductKey]]:
    moving = {order_id for order_id, scope in scopes if scope.moves_stock}
    to_lock: set[ProductKey] = set()
    to_read: set[ProductKey] = set()
    for order_id, scope in scopes:
        (to_lock if order_id in moving else to_read).update(scope.products)
    for order in orders.values():
        if order.id in moving:
            to_lock.update(line.product_id for line in order.lines)
    return to_lock, to_read


def _products(sql: str, keys: Iterable[ProductKey]) -> list[Product]:
    ids = [key for key in keys if isinstance(key, uuid.UUID)]
    skus = [key for key in keys if isinstance(key, str)]
    return db.rows(Product, sql, [ids, skus]) if ids or skus else []


def _customers(ids: set[uuid.UUID]) -> dict[uuid.UUID, Customer]:
    found = db.rows(Customer, _READ_CUSTOMERS, [list(ids)]) if ids else []
    return {customer.id: customer for customer in found}
