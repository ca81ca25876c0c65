"""Customers over HTTP: listed, read, created, edited, deactivated."""

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import actor_of, caller_of, demand
from api.editing import edited, merged
from api.pages import Filters, asked, filters_of, page
from api.preconditions import etag, unless_known
from api.problems import not_found_problem
from api.schema.operation import Answer, described
from api.tax_ids import TaxId
from domain.fields import Boolean, Breach, Choice, Invalid, Text, optional, parse, required
from domain.shapes import Schema
from store import editing, rendering
from store.models import Customer


@dataclass(frozen=True, slots=True)
class Email:
    """An address as Django knows it."""

    def parse(self, value: object, pointer: str) -> str:
        """The address itself."""
        text = Text(maximum=254).parse(value, pointer)
        try:
            validate_email(text)
        except ValidationError:
            raise Invalid(Breach(pointer, "not-an-email", "must be an e-mail address")) from None
        return text

    def schema(self) -> Schema:
        """An address."""
        return {"type": "string", "format": "email", "maxLength": 254}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """A customer as somebody describes it."""

    name: str = required(Text(minimum=1, maximum=200))
    tax_id: str | None = optional(TaxId())
    email: str | None = optional(Email())
    phone: str | None = optional(Text(maximum=50))
    address: str | None = optional(Text(maximum=500))
    is_active: bool = optional(Boolean(), default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilters(Filters):
    """Which customers to list."""

    tax_id: str | None = optional(TaxId())
    is_active: str = optional(Choice(("true", "false", "any")), "true")

    def conditions(self) -> dict[str, object]:
        """As the ORM's filter takes them."""
        conditions: dict[str, object] = {
            "tax_id": self.tax_id,
            "is_active": None if self.is_active == "any" else self.is_active == "true",
        }
        return asked(conditions)


class CustomersView(APIView):
    """`GET /customers`, `POST /customers`."""

    @described("list_customers", {200: Answer("CustomerPage")}, query=CustomerFilters)
    def get(self, request: Request) -> Response:
        """The customers by name."""
        filters = filters_of(CustomerFilters, request)
        rows = Customer.objects.filter(**filters.conditions())
        return page(request, filters, rows, ("name", "id"), rendering.customer)

    @described(
        "create_customer",
        {201: Answer("Customer", ("Location", "ETag"))},
        body=NewCustomer,
        example={"name": "Padaria Sol", "tax_id": "12.ABC.345/01DE-35", "email": "sol@example.com"},
        right="customers.write",
    )
    def post(self, request: Request) -> Response:
        """Create a customer.

        A `tax_id` of 11 digits is a CPF, one of 14 characters a CNPJ; both need right check digits. Any other is
        foreign.
        """
        demand(caller_of(request), "customers.write")
        customer = editing.create(Customer, asdict(parse(NewCustomer, request.data)), actor_of(request))
        headers = {"Location": f"{rendering.API}/customers/{customer.id}", "ETag": etag(customer.version)}
        return Response(rendering.customer(customer), status=201, headers=headers)


class CustomerView(APIView):
    """`GET /customers/{id}`, `PATCH /customers/{id}`, `DELETE /customers/{id}`."""

    @described("read_customer", {200: Answer("Customer", ("ETag",))}, headers=("If-None-Match",))
    def get(self, request: Request, customer_id: uuid.UUID) -> Response:
        """One customer, active or not; its version is its ETag."""
        customer = Customer.objects.filter(id=customer_id).first()
        if customer is None:
            raise not_found_problem()
        return unless_known(request, etag(customer.version), rendering.customer(customer))

    @described(
        "change_customer",
        {200: Answer("Customer", ("ETag",))},
        body=NewCustomer,
        changes=True,
        example={"phone": "+55 11 5555 0101"},
        right="customers.write",
        headers=("If-Match",),
    )
    def patch(self, request: Request, customer_id: uuid.UUID) -> Response:
        """Change what is sent; `is_active: true` brings a deleted one back."""
        demand(caller_of(request), "customers.write")
        sent = request.data
        customer = edited(request, Customer, customer_id, lambda row: _edit(row, sent))
        return Response(rendering.customer(customer), headers={"ETag": etag(customer.version)})

    @described("delete_customer", {204: Answer()}, right="customers.write", headers=("If-Match",))
    def delete(self, request: Request, customer_id: uuid.UUID) -> Response:
        """Deactivate it, for orders refer to it; again and again, with the same answer."""
        demand(caller_of(request), "customers.write")
        edited(request, Customer, customer_id, lambda _row: {"is_active": False}, act="deleted")
        return Response(status=204)


def _edit(row: Customer, sent: object) -> dict[str, Any]:
    return asdict(parse(NewCustomer, merged(NewCustomer, rendering.customer(row), sent)))
