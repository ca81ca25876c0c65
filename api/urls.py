"""The routes."""

from django.urls import include, path, re_path, register_converter
from django.urls.converters import UUIDConverter

from api import health, problems
from api.commands import BatchView, CancelView, CommandsView, CommandView, RetryView
from api.orders import OrdersView, OrderView
from api.products import ProductsView, ProductView


class AnyCaseUUIDConverter(UUIDConverter):
    """An id as bodies may have it too; Django's own converter knows small letters alone."""

    regex = UUIDConverter.regex.replace("a-f", "a-fA-F")


register_converter(AnyCaseUUIDConverter, "id")

_V1 = [
    path("commands", CommandsView.as_view()),
    path("commands/batch", BatchView.as_view()),
    path("commands/<id:command_id>", CommandView.as_view()),
    path("commands/<id:command_id>/cancel", CancelView.as_view()),
    path("commands/<id:command_id>/retry", RetryView.as_view()),
    path("orders", OrdersView.as_view()),
    path("orders/<id:order_id>", OrderView.as_view()),
    path("products", ProductsView.as_view()),
    path("products/<id:product_id>", ProductView.as_view()),
]

urlpatterns = [
    path("api/v1/", include(_V1)),
    re_path(r"^health/?$", health.health),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("problems/<slug:code>", problems.explain),
]
