"""Orders over HTTP: listed and read. They are changed by commands alone."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import caller_of
from api.pages import Filters, asked, filters_of, page
from api.preconditions import etag, unless_known
from api.problems import not_found_problem
from api.schema.operation import Answer, described
from domain.actions import available
from domain.fields import Choice, Identifier, Timestamp, optional
from domain.workflow import OVER, STATUSES, WORKFLOWS
from store import loading, rendering
from store.models import Order, OrderHistory, OrderLine, Payment, Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters(Filters):
    """Which orders to list."""

    status: str | None = optional(Choice(STATUSES))
    workflow: str | None = optional(Choice(tuple(WORKFLOWS)))
    customer_id: uuid.UUID | None = optional(Identifier())
    created_after: datetime | None = optional(Timestamp())
    created_before: datetime | None = optional(Timestamp())
    archived: str = optional(Choice(("false", "true", "any")), "false")

    def conditions(self) -> dict[str, object]:
        """As the ORM's filter takes them."""
        conditions: dict[str, object] = {
            "status": self.status,
            "workflow": self.workflow,
            "customer_id": self.customer_id,
            "created_at__gte": self.created_after,
            "created_at__lt": self.created_before,
            "archived": self._is_archived(),
        }
        return asked(conditions)

    def within(self) -> dict[str, object]:
        """The conditions that lead the best index."""
        conditions = self.conditions()
        if self.customer_id is not None:
            return {"customer_id": self.customer_id}
        leading = next(([name] for name in ("status", "workflow") if name in conditions), [])
        names = [*leading, "archived"] if "archived" in conditions else []
        return {name: conditions[name] for name in names}

    def _is_archived(self) -> bool | None:
        if self.archived != "any":
            return self.archived == "true"
        return False if self.status is not None and self.status not in OVER else None


@described("list_orders", {200: Answer("OrderPage")}, query=OrderFilters)
def list_orders(request: Request) -> Response:
    """The orders, newest first.

    Archived ones are left out unless `archived` asks for them.
    """
    filters = filters_of(OrderFilters, request)
    within = filters.within()
    others = {name: each for name, each in filters.conditions().items() if name not in within}
    rows = _with_lines(Order.objects.filter(**others))
    return page(request, filters, rows, ("-created_at", "-id"), _shown, within)


@described("read_order", {200: Answer("Order", ("ETag",))}, headers=("If-None-Match",))
def read_order(request: Request, order_id: uuid.UUID) -> Response:
    """One order; its version is its ETag, with a mark while a payment is pending.

    Orders change by commands alone, each of which raises the version by one.
    """
    order = _with_lines(Order.objects.filter(id=order_id)).first()
    if order is None:
        raise not_found_problem()
    pending = () if order.asked_by is None else (1,)
    return unless_known(request, etag(order.version, *pending), _shown(order))


class AvailableActionsView(APIView):
    """`GET /orders/{id}/available-actions`."""

    @described("read_available_actions", {200: Answer("AvailableActions")})
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """What workflow and role allow now.

        The command types that this caller could submit for the order as it stands, for a screen that shows its buttons.
        """
        order = loading.read_order(order_id)
        if order is None:
            raise not_found_problem()
        actions = available(order, caller_of(request).role)
        return Response({"order_id": str(order.id), "version": order.version, "actions": actions})


class HistoryView(APIView):
    """`GET /orders/{id}/history`."""

    @described("list_history", {200: Answer("StatusChangePage")}, query=Filters)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """The changes of status, oldest first.

        The first is the order's creation, from null.
        """
        filters = filters_of(Filters, request)
        rows = OrderHistory.objects.filter(order_id=order_id)
        if not rows.exists():
            raise not_found_problem()  # every order has been created
        return page(request, filters, rows, ("version",), rendering.status_change)


class PaymentsView(APIView):
    """`GET /orders/{id}/payments`."""

    @described("list_payments", {200: Answer("PaymentPage")}, query=Filters)
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """What was taken for it, oldest first, and what of it was given back."""
        filters = filters_of(Filters, request)
        if not Order.objects.filter(id=order_id).exists():
            raise not_found_problem()
        rows = Payment.objects.filter(order_id=order_id).prefetch_related(
            Prefetch("refunds", Refund.objects.order_by("id"))
        )
        return page(request, filters, rows, ("id",), rendering.payment)


def _with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.prefetch_related(Prefetch("lines", OrderLine.objects.order_by("position")))


def _shown(order: Order) -> dict[str, Any]:
    return rendering.order(order, order.lines.all())
