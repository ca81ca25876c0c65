"""Products over HTTP: listed, read, created, edited. Their stock is changed by commands alone."""

import uuid
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import actor_of, caller_of, demand
from api.editing import edited, merged
from api.pages import Filters, asked, filters_of, page
from api.preconditions import etag, unless_known
from api.problems import Problem, not_found_problem
from api.schema.operation import Answer, described
from domain import money, tax
from domain.fields import (
    Amount,
    Boolean,
    Breach,
    Choice,
    Currency,
    Integer,
    Invalid,
    Percent,
    Text,
    optional,
    parse,
    required,
)
from domain.items import SKU
from store import editing, rendering
from store.models import Product, StockMovement

_PRICE_MAX = Decimal("9999999999.99")
_STOCK = {"/on_hand", "/reserved", "/available"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProduct:
    """A product as a manager describes it; it begins without stock."""

    sku: str = required(SKU)
    name: str = required(Text(minimum=1, maximum=200))
    description: str = optional(Text(maximum=2_000), "")
    price: str = required(Amount())
    currency: str = optional(Currency(), money.DEFAULT_CURRENCY)
    tax_rate: str = optional(Percent(), "0")
    cost: str | None = optional(Amount())
    low_stock_at: int | None = optional(Integer(minimum=0, maximum=2**53 - 1))
    is_active: bool = optional(Boolean(), default=True)

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        amounts = {"price": self.price} | ({"cost": self.cost} if self.cost is not None else {})
        digits = money.DIGITS[self.currency]
        breaches = []
        for name, amount in amounts.items():
            if money.to_minor(amount, self.currency) is None:
                breaches.append((name, "not-money", f"may have at most {digits} decimals in {self.currency}"))
            elif Decimal(amount) > _PRICE_MAX:
                breaches.append((name, "out-of-range", f"must be from 0 to {_PRICE_MAX}"))
        return breaches

    def columns(self) -> dict[str, Any]:
        """As the table has them."""
        return asdict(self) | {
            "price": money.to_minor(self.price, self.currency),
            "tax_rate": tax.to_rate(self.tax_rate),
            "cost": None if self.cost is None else money.to_minor(self.cost, self.currency),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilters(Filters):
    """Which products to list."""

    sku: str | None = optional(SKU)
    is_active: str = optional(Choice(("true", "false", "any")), "any")

    def conditions(self) -> dict[str, object]:
        """As the ORM's filter takes them."""
        conditions: dict[str, object] = {
            "sku": self.sku,
            "is_active": None if self.is_active == "any" else self.is_active == "true",
        }
        return asked(conditions)


class ProductsView(APIView):
    """`GET /products`, `POST /products`."""

    @described("list_products", {200: Answer("ProductPage")}, query=ProductFilters)
    def get(self, request: Request) -> Response:
        """The products by sku."""
        filters = filters_of(ProductFilters, request)
        rows = Product.objects.filter(**filters.conditions())
        return page(request, filters, rows, ("sku",), rendering.product)

    @described(
        "create_product",
        {201: Answer("Product", ("Location", "ETag"))},
        body=NewProduct,
        example={"sku": "OAT-1L", "name": "Oat drink, 1 l", "price": "2.29", "low_stock_at": 5},
        right="products.write",
        problems={409: ("sku-exists",)},
    )
    def post(self, request: Request) -> Response:
        """Create a product.

        It begins without stock: `stock.receive` brings it.
        """
        demand(caller_of(request), "products.write")
        new = _described(request.data)
        try:
            product = editing.create(Product, new.columns(), actor_of(request))
        except IntegrityError:
            raise Problem(409, "sku-exists", f"There is a product {new.sku} already.") from None
        product.refresh_from_db()
        headers = {"Location": f"{rendering.API}/products/{product.id}", "ETag": _etag(product)}
        return Response(rendering.product(product), status=201, headers=headers)


class ProductView(APIView):
    """`GET /products/{id}`, `PATCH /products/{id}`."""

    @described("read_product", {200: Answer("Product", ("ETag",))}, headers=("If-None-Match",))
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        """One product.

        Its `version` counts edits; stock moves without it. The `ETag` tells both apart: `"3-150-0"` is version 3 with
        150 on hand and none reserved.
        """
        product = Product.objects.filter(id=product_id).first()
        if product is None:
            raise not_found_problem()
        return unless_known(request, _etag(product), rendering.product(product))

    @described(
        "change_product",
        {200: Answer("Product", ("ETag",))},
        body=NewProduct,
        changes=True,
        example={"price": "2.49"},
        right="products.write",
        headers=("If-Match",),
    )
    def patch(self, request: Request, product_id: uuid.UUID) -> Response:
        """Change what is sent.

        The rest stays; null puts an optional member back to its default. The sku never changes, and stock by commands
        alone.
        """
        demand(caller_of(request), "products.write")
        sent = request.data
        product = edited(request, Product, product_id, lambda row: _edit(row, sent))
        return Response(rendering.product(product), headers={"ETag": _etag(product)})


class MovementsView(APIView):
    """`GET /products/{id}/movements`."""

    @described("list_movements", {200: Answer("MovementPage")}, query=Filters)
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        """The lines of its stock ledger, newest first.

        They are only ever added to, and add up to what is on hand and what is reserved.
        """
        # Their ids begin with the time.
        filters = filters_of(Filters, request)
        if not Product.objects.filter(id=product_id).exists():
            raise not_found_problem()
        rows = StockMovement.objects.filter(product_id=product_id)
        return page(request, filters, rows, ("-id",), rendering.movement)


def _edit(row: Product, sent: object) -> dict[str, Any]:
    new = _described(merged(NewProduct, rendering.product(row), sent))
    if new.sku != row.sku:
        raise Invalid(Breach("/sku", "unchangeable", f"is {row.sku} for ever"))
    return new.columns()


def _described(value: object) -> NewProduct:
    try:
        return parse(NewProduct, value)
    except Invalid as invalid:
        raise Invalid(*map(_explained, invalid.breaches)) from None


def _explained(breach: Breach) -> Breach:
    if breach.pointer not in _STOCK:
        return breach
    return replace(breach, code="read-only", detail="cannot be set: stock changes by stock commands alone")


def _etag(product: Product) -> str:
    # Stock moves without the version, and a caller that polls for it must see it move.
    return etag(product.version, product.on_hand, product.reserved)
