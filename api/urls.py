"""The routes."""

from collections.abc import Callable

from django.urls import include, path, re_path, register_converter
from django.urls.converters import UUIDConverter
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response

from api import explanations, health, landing, metrics, resources
from api.accounting import AccountsView, BalancesView, EntriesView, ExportView
from api.commands import BatchView, CancelView, CommandsView, CommandView, RetryView
from api.customers import CustomersView, CustomerView
from api.logins import TokenView
from api.orders import AvailableActionsView, HistoryView, PaymentsView, list_orders, read_order
from api.products import MovementsView, ProductsView, ProductView
from api.reports import DailyView
from api.schema.views import DocsView, SchemaView
from api.stream import StreamView
from api.visitors import VisitorTokenView
from api.webhooks import (
    DeliveriesView,
    DeliveryView,
    EndpointsView,
    EndpointView,
    EventTypesView,
    PingView,
    ReplayView,
    RetryDeliveryView,
    RotateSecretView,
)


class AnyCaseUUIDConverter(UUIDConverter):
    """An id as bodies may have it too; Django's own converter knows small letters alone."""

    regex = UUIDConverter.regex.replace("a-f", "a-fA-F")


register_converter(AnyCaseUUIDConverter, "id")

_READS: dict[str, Callable[..., Response]] = {"orders": list_orders, "orders/<id:order_id>": read_order}
_V1 = [
    path("commands", CommandsView.as_view()),
    path("commands/batch", BatchView.as_view()),
    path("commands/stream", StreamView.as_view()),
    path("commands/<id:command_id>", CommandView.as_view()),
    path("commands/<id:command_id>/cancel", CancelView.as_view()),
    path("commands/<id:command_id>/retry", RetryView.as_view()),
    *(path(route, view) for route, view in resources.views(reads=_READS).items()),
    path("orders/<id:order_id>/available-actions", AvailableActionsView.as_view()),
    path("orders/<id:order_id>/history", HistoryView.as_view()),
    path("orders/<id:order_id>/payments", PaymentsView.as_view()),
    path("products", ProductsView.as_view()),
    path("products/<id:product_id>", ProductView.as_view()),
    path("products/<id:product_id>/movements", MovementsView.as_view()),
    path("customers", CustomersView.as_view()),
    path("customers/<id:customer_id>", CustomerView.as_view()),
    path("webhooks/endpoints", EndpointsView.as_view()),
    path("webhooks/endpoints/<id:endpoint_id>", EndpointView.as_view()),
    path("webhooks/endpoints/<id:endpoint_id>/rotate-secret", RotateSecretView.as_view()),
    path("webhooks/endpoints/<id:endpoint_id>/ping", PingView.as_view()),
    path("webhooks/endpoints/<id:endpoint_id>/replay", ReplayView.as_view()),
    path("webhooks/deliveries", DeliveriesView.as_view()),
    path("webhooks/deliveries/<id:delivery_id>", DeliveryView.as_view()),
    path("webhooks/deliveries/<id:delivery_id>/retry", RetryDeliveryView.as_view()),
    path("webhooks/event-types", EventTypesView.as_view()),
    path("accounting/entries", EntriesView.as_view()),
    path("accounting/accounts", AccountsView.as_view()),
    path("accounting/balances", BalancesView.as_view()),
    path("accounting/export", ExportView.as_view()),
    path("reports/daily", DailyView.as_view()),
    path("auth/token", TokenView.as_view()),
]

urlpatterns = [
    path("api/v1/", include(_V1)),
    # Without cookies and forms there is no cross-site request to forge.
    path("", csrf_exempt(landing.page)),
    path("demo/token", VisitorTokenView.as_view()),
    re_path(r"^health/?$", csrf_exempt(health.health)),
    path("api/schema/", SchemaView.as_view()),
    path("api/docs/", DocsView.as_view()),
    path("health/live", csrf_exempt(health.live)),
    path("health/ready", csrf_exempt(health.ready)),
    path("metrics", csrf_exempt(metrics.show)),
    path("problems/<slug:code>", csrf_exempt(explanations.explain)),
]
