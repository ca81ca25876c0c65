"""Products over HTTP: listed, read, created. Their stock is changed by commands alone."""

import uuid
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db import IntegrityError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import caller_of, demand
from api.pages import Filters, filters_of, page
from api.problems import Problem, not_found_problem
from domain import money
from domain.fields import Amount, Boolean, Currency, Integer, Text, optional, parse, required
from domain.items import SKU
from domain.registry import MANAGER
from store import rendering
from store.models import Product

_PRICE_MAX = Decimal("9999999999.99")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProduct:
    """A product as a manager describes it; it begins without stock."""

    sku: str = required(SKU)
    name: str = required(Text(minimum=1, maximum=200))
    description: str = optional(Text(maximum=2_000), "")
    price: str = required(Amount())
    currency: str = optional(Currency(), money.DEFAULT_CURRENCY)
    low_stock_at: int | None = optional(Integer(minimum=0, maximum=2**53 - 1))
    is_active: bool = optional(Boolean(), default=True)

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        if money.to_minor(self.price, self.currency) is None:
            digits = money.DIGITS[self.currency]
            return [("price", "not-money", f"may have at most {digits} decimals in {self.currency}")]
        if Decimal(self.price) > _PRICE_MAX:
            return [("price", "out-of-range", f"must be from 0 to {_PRICE_MAX}")]
        return []


class ProductsView(APIView):
    """`GET /products`, `POST /products`."""

    def get(self, request: Request) -> Response:
        """All products by sku."""
        filters = filters_of(Filters, request)
        return page(request, filters, Product.objects.all(), ("sku",), rendering.product)

    def post(self, request: Request) -> Response:
        """Create a product."""
        demand(caller_of(request), MANAGER)
        new = parse(NewProduct, request.data)
        price = money.to_minor(new.price, new.currency)
        try:
            product = Product.objects.create(**asdict(new) | {"price": price})
        except IntegrityError:
            raise Problem(409, "sku-exists", f"There is a product {new.sku} already.") from None
        product.refresh_from_db()
        location = {"Location": f"{rendering.API}/products/{product.id}"}
        return Response(rendering.product(product), status=201, headers=location)


class ProductView(APIView):
    """`GET /products/{id}`."""

    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        """One product."""
        product = Product.objects.filter(id=product_id).first()
        if product is None:
            raise not_found_problem()
        return Response(rendering.product(product))
