"""One field that finds whatever has this id, key, name or sku: what an operator has copied from a log."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from api.console.lists import as_uuid
from store.models import ApiKey, Client, Command, Customer, Delivery, Endpoint, Order, Product

_BY_ID = (Command, Order, Product, Customer, Endpoint, Delivery)
KEYS_MAX = 5
"""How many commands under one key, each of another client, are shown."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found, as the theme's template shows it."""

    title: str
    description: str
    link: str
    icon: str = "arrow_outward"


def answer(request: HttpRequest) -> HttpResponse:
    """The results as the theme's search box takes them."""
    text = request.GET.get("s", "").strip()
    if not text or "\0" in text:
        return HttpResponse()
    found = list(_hits(text))
    context = {"results": found, "search_term": text, "page_counter": 0, "command_show_history": False}
    response = render(request, "console/found.html", context)
    response["HX-Trigger"] = "search"
    return response


def _hits(text: str) -> Iterator[Hit]:
    an_id = as_uuid(text)
    if an_id is not None:
        for model in _BY_ID:
            for row in model.objects.filter(id=an_id):
                yield _hit(model._meta.model_name or "", row.pk, str(row))
    for client in Client.objects.filter(name=text):
        yield _hit("client", client.pk, client.name)
    for key in ApiKey.objects.filter(prefix=text).select_related("client"):
        yield _hit("client", key.client_id, f"{key.client.name}, key {key.prefix}")
    for product in Product.objects.filter(sku=text):
        yield _hit("product", product.pk, f"{product.sku}, {product.name}")
    for customer in Customer.objects.filter(tax_id=text)[:KEYS_MAX]:
        yield _hit("customer", customer.pk, customer.name)
    by_key = Command.objects.filter(client_id__in=Client.objects.values("id"), idempotency_key=text)
    for command in by_key.only("id", "type")[:KEYS_MAX]:
        yield _hit("command", command.pk, f"{command.type} {command.id}")


def _hit(kind: str, key: object, title: str) -> Hit:
    return Hit(title, kind, reverse(f"admin:store_{kind}_change", args=[key]))
