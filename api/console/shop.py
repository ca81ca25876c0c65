"""Products with their stock, and customers: edited as the API edits them, their stock by commands alone."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.http import HttpRequest

from api.console import doing, shown
from api.console.acts import Act, Asked
from api.console.lists import Filter, Rows, as_uuid, column
from api.console.orders import of_movements, of_orders
from api.console.pages import Facts, Part, Record
from api.console.story import NEWEST_SHOWN
from api.customers import NewCustomer
from api.products import NewProduct
from api.tax_ids import TaxId
from domain.fields import Invalid
from domain.money import to_text
from store.models import Customer, Order, Product, StockMovement

_ACTIVE = [("yes", "active"), ("no", "inactive")]


class ProductForm(forms.Form):
    """What the API's clients may say of a product, its sku apart; checked by the API's own rules."""

    name = forms.CharField(max_length=200)
    description = forms.CharField(max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    price = forms.CharField(help_text="A decimal such as 9.90; orders keep the price they were made at.")
    currency = forms.CharField(max_length=3)
    low_stock_at = forms.IntegerField(
        required=False, min_value=0, label="Low stock at", help_text="Told as stock.low when this few are available."
    )
    is_active = forms.BooleanField(required=False, label="For sale")
    version = forms.IntegerField(widget=forms.HiddenInput)


class CustomerForm(forms.Form):
    """What the API's clients may say of a customer."""

    name = forms.CharField(max_length=200)
    tax_id = forms.CharField(required=False, empty_value=None, label="Tax id")
    email = forms.CharField(required=False, empty_value=None, label="E-mail")
    phone = forms.CharField(required=False, empty_value=None)
    address = forms.CharField(required=False, empty_value=None)
    is_active = forms.BooleanField(required=False, label="Active")
    version = forms.IntegerField(widget=forms.HiddenInput)


def _edit_product(asked: Asked, row: Product) -> str:
    sent, version = _sent(asked)
    differs = doing.edit(asked.actor, row, NewProduct, sent, version, lambda told: told.columns())
    return "Saved." if differs else "Nothing was different."


def _edit_customer(asked: Asked, row: Customer) -> str:
    sent, version = _sent(asked)
    differs = doing.edit(asked.actor, row, NewCustomer, sent, version, asdict)
    return "Saved." if differs else "Nothing was different."


def _sent(asked: Asked) -> tuple[dict[str, Any], int]:
    values = dict(asked.values)
    return values, values.pop("version")


class Products(Record):
    """By sku; stock is read alone."""

    acts = (
        Act(
            name="edit",
            label="Edit",
            answer="Save",
            right="products.write",
            explains="Its sku stays for ever, and its stock is changed by stock commands alone.",
            do=_edit_product,
            form=ProductForm,
            first=lambda row: {
                **{name: getattr(row, name) for name in ProductForm.base_fields},
                "price": to_text(row.price, row.currency),
            },
        ),
    )
    filters = (
        Filter(
            name="active",
            label="For sale",
            choices=_ACTIVE,
            narrow=lambda rows, text: rows.filter(is_active=text == "yes"),
        ),
    )
    search_help_text = "Sku or product id"
    ordering = ("sku",)
    list_display = (
        column("Sku", lambda row: shown.link("product", row.id, row.sku)),
        column("Name", lambda row: row.name),
        column("Price", lambda row: shown.money(row.price, row.currency)),
        column("On hand", lambda row: row.on_hand),
        column("Reserved", lambda row: row.reserved),
        column("Available", lambda row: row.on_hand - row.reserved),
        column("Low at", lambda row: shown.or_nothing(row.low_stock_at)),
        column("State", lambda row: shown.state(_state(row))),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of them."""
        return Product.objects.all()

    def found(self, rows: Rows, text: str) -> Rows:
        """By id or sku."""
        an_id = as_uuid(text)
        return rows.filter(sku=text) if an_id is None else rows.filter(id=an_id)

    def head(self, row: Product) -> tuple[str, str]:
        """Its name, and whether it runs low."""
        return row.name, _state(row)

    def parts(self, request: HttpRequest, row: Product) -> list[Part]:
        """Stock, and how it came about."""
        newest = StockMovement.objects.filter(product=row).order_by("product_id", "-id")[:NEWEST_SHOWN]
        title = f"Stock movements, newest first (up to {NEWEST_SHOWN})"
        return [_stock(row), _described(row), of_movements(title, list(newest), with_product=False)]


def _state(row: Product) -> str:
    if not row.is_active:
        return "inactive"
    is_low = row.low_stock_at is not None and row.on_hand - row.reserved <= row.low_stock_at
    return "low stock" if is_low else "active"


def _stock(row: Product) -> Facts:
    return Facts(
        title="Stock",
        rows=[
            ("On hand", row.on_hand),
            ("Reserved", row.reserved),
            ("Available", row.on_hand - row.reserved),
            ("Low at", shown.or_nothing(row.low_stock_at)),
        ],
    )


def _described(row: Product) -> Facts:
    return Facts(
        title="Facts",
        rows=[
            ("Sku", shown.mono(row.sku)),
            ("Product", shown.mono(row.id)),
            ("Price", shown.money(row.price, row.currency)),
            ("Description", shown.or_nothing(row.description)),
            ("Version", row.version),
            ("Created", shown.time(row.created_at)),
        ],
    )


class Customers(Record):
    """By name."""

    acts = (
        Act(
            name="edit",
            label="Edit",
            answer="Save",
            right="customers.write",
            explains="Orders refer to customers, so none is deleted: an inactive one gets no new orders.",
            do=_edit_customer,
            form=CustomerForm,
            first=lambda row: {name: getattr(row, name) for name in CustomerForm.base_fields},
        ),
    )
    filters = (
        Filter(
            name="inactive",
            label="Inactive",
            choices=[("yes", "only these")],
            narrow=lambda rows, _text: rows.filter(is_active=False),
        ),
    )
    search_help_text = "Tax id, exact name or customer id"
    ordering = ("name", "id")
    list_display = (
        column("Name", lambda row: shown.link("customer", row.id, row.name)),
        column("Tax id", lambda row: shown.or_nothing(row.tax_id)),
        column("E-mail", lambda row: shown.or_nothing(row.email)),
        column("Phone", lambda row: shown.or_nothing(row.phone)),
        column("State", lambda row: shown.state("active" if row.is_active else "inactive")),
        column("Created", lambda row: shown.time(row.created_at)),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of them."""
        return Customer.objects.all()

    def found(self, rows: Rows, text: str) -> Rows:
        """By id, tax id as the API reads it, or name."""
        an_id = as_uuid(text)
        if an_id is not None:
            return rows.filter(id=an_id)
        of_tax_id = Customer.objects.filter(tax_id__in=_tax_ids(text))
        return of_tax_id if of_tax_id.exists() else rows.filter(name=text)

    def head(self, row: Customer) -> tuple[str, str]:
        """Their name."""
        return row.name, "active" if row.is_active else "inactive"

    def parts(self, request: HttpRequest, row: Customer) -> list[Part]:
        """Who they are, and what they ordered."""
        newest = Order.objects.filter(customer=row).order_by("-created_at", "-id")[:NEWEST_SHOWN]
        return [_person(row), of_orders(f"Their orders, newest first (up to {NEWEST_SHOWN})", list(newest))]


def _tax_ids(text: str) -> Sequence[str]:
    """As typed, and as it is kept."""
    try:
        return [text, TaxId().parse(text, "")]
    except Invalid:
        return [text]


def _person(row: Customer) -> Facts:
    return Facts(
        title="Facts",
        rows=[
            ("Customer", shown.mono(row.id)),
            ("Tax id", shown.or_nothing(row.tax_id)),
            ("E-mail", shown.or_nothing(row.email)),
            ("Phone", shown.or_nothing(row.phone)),
            ("Address", shown.or_nothing(row.address)),
            ("Version", row.version),
            ("Created", shown.time(row.created_at)),
        ],
    )
