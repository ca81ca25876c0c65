"""Webhooks over HTTP: endpoints registered and edited, their deliveries read and sent again, the event types listed."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import actor_of, caller_of, demand
from api.editing import merged
from api.pages import Filters, asked, filters_of, page
from api.problems import not_found_problem
from api.schema.operation import Answer, described
from domain.access import may
from domain.events import CATALOGUE
from domain.fields import Boolean, Breach, Choice, Identifier, Invalid, Text, Timestamp, optional, parse, required
from domain.shapes import Schema, list_of, one_of
from store import addresses, rendering, webhooks
from store.clients import Caller
from store.models import DELIVERY_STATUSES, Delivery, DeliveryAttempt, Endpoint
from worker.bell import bell

_SHOWN_ONCE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class EventTypes:
    """A list of different types of the catalogue."""

    def parse(self, value: object, pointer: str) -> list[str]:
        """The list itself."""
        if not isinstance(value, list):
            raise Invalid(Breach(pointer, "not-a-list", "must be a list"))
        if len(value) > len(CATALOGUE):
            raise Invalid(Breach(pointer, "wrong-length", f"must have at most {len(CATALOGUE)} entries"))
        known = Choice(tuple(CATALOGUE))
        names = [known.parse(name, f"{pointer}/{place}") for place, name in enumerate(value)]
        twice = [place for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise Invalid(*(Breach(f"{pointer}/{place}", "duplicate", "stands twice in the list") for place in twice))
        return names

    def schema(self) -> Schema:
        """The list."""
        return list_of(one_of(CATALOGUE)) | {"uniqueItems": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """An endpoint as its owner describes it; without types it gets all."""

    url: str = required(Text(minimum=1, maximum=2_000))
    event_types: list[str] = optional(EventTypes(), ())
    description: str = optional(Text(maximum=2_000), "")
    ordered: bool = optional(Boolean(), default=False)
    is_active: bool = optional(Boolean(), default=True)

    def columns(self) -> dict[str, Any]:
        """As the table has them."""
        return asdict(self) | {"event_types": list(self.event_types)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWish:
    """From when on events are to be delivered again."""

    since: datetime = required(Timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilters(Filters):
    """Which deliveries to list."""

    endpoint_id: uuid.UUID | None = optional(Identifier())
    status: str | None = optional(Choice(DELIVERY_STATUSES))
    event_type: str | None = optional(Choice(tuple(CATALOGUE)))

    def conditions(self) -> dict[str, object]:
        """As the ORM's filter takes them."""
        conditions = {"endpoint_id": self.endpoint_id, "status": self.status, "event_type": self.event_type}
        return asked(conditions)

    def within(self) -> dict[str, object]:
        """The conditions that lead the best index."""
        columns = ("endpoint_id", "status", "event_type")
        leading = next((name for name in columns if getattr(self, name) is not None), None)
        return {} if leading is None else {leading: getattr(self, leading)}


class EndpointsView(APIView):
    """`GET /webhooks/endpoints`, `POST /webhooks/endpoints`."""

    @described("list_endpoints", {200: Answer("EndpointPage")}, query=Filters, right="webhooks.read")
    def get(self, request: Request) -> Response:
        """The endpoints the caller may see, newest first.

        Managers and auditors see all, an integration its own.
        """
        rows = _endpoints(_reader(request)).filter(deleted_at=None)
        return page(request, filters_of(Filters, request), rows, ("-id",), rendering.endpoint)

    @described(
        "create_endpoint",
        {201: Answer("EndpointWithSecret", ("Location", "Cache-Control"))},
        body=NewEndpoint,
        example={"url": "https://shop.example.com/orderly", "event_types": ["order.paid"]},
        right="webhooks.write",
    )
    def post(self, request: Request) -> Response:
        """Register an endpoint; the answer shows its secret, and no other does.

        Addresses that webhooks may not go to, such as private ones, are refused at `/url`.
        """
        caller = _writer(request)
        new = parse(NewEndpoint, request.data)
        _demand_address(new.url)
        try:
            endpoint, secret = webhooks.register(caller.id, new.columns(), actor_of(request))
        except webhooks.TooManyEndpoints:
            detail = f"would be more than the {webhooks.ENDPOINTS_MAX} endpoints that a client may have"
            raise Invalid(Breach("", "too-many", detail)) from None
        headers = {"Location": f"{rendering.API}/webhooks/endpoints/{endpoint.id}", **_SHOWN_ONCE}
        return Response(_with_secret(endpoint, secret), status=201, headers=headers)


class EndpointView(APIView):
    """`GET`, `PATCH` and `DELETE /webhooks/endpoints/{id}`."""

    @described("read_endpoint", {200: Answer("Endpoint")}, right="webhooks.read")
    def get(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """One endpoint."""
        return Response(rendering.endpoint(_endpoint(_reader(request), endpoint_id)))

    @described(
        "change_endpoint",
        {200: Answer("Endpoint")},
        body=NewEndpoint,
        changes=True,
        example={"is_active": True},
        right="webhooks.write",
    )
    def patch(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """Change what is sent; `is_active: true` starts afresh."""
        row = _endpoint(_writer(request), endpoint_id)
        sent = request.data
        described = _edited(row, sent)
        assert isinstance(sent, dict), "anything else has been refused"
        if "url" in sent:
            _demand_address(described.url)  # before any lock: looking up a name takes its time
        changed = webhooks.change(row.id, lambda locked: _columns(locked, sent), actor_of(request))
        if changed is None:
            raise not_found_problem()
        return Response(rendering.endpoint(changed))

    @described("delete_endpoint", {204: Answer()}, right="webhooks.write")
    def delete(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """Delete it; what it has not been sent yet is cancelled."""
        if not webhooks.remove(_endpoint(_writer(request), endpoint_id).id, actor_of(request)):
            raise not_found_problem()
        return Response(status=204)


class RotateSecretView(APIView):
    """`POST /webhooks/endpoints/{id}/rotate-secret`."""

    @described("rotate_secret", {200: Answer("EndpointWithSecret", ("Cache-Control",))}, right="webhooks.write")
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """A new secret, shown once; the old one signs beside it for a day."""
        rotated = webhooks.rotate_secret(_endpoint(_writer(request), endpoint_id).id, actor_of(request))
        if rotated is None:
            raise not_found_problem()
        return Response(_with_secret(*rotated), headers=_SHOWN_ONCE)


class PingView(APIView):
    """`POST /webhooks/endpoints/{id}/ping`."""

    @described("ping_endpoint", {202: Answer("Delivery")}, right="webhooks.write")
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """Send a ping; its delivery tells what came of it.

        It goes the way of every event, whatever the endpoint wants, active or not.
        """
        delivery = webhooks.ping(_endpoint(_writer(request), endpoint_id).id, actor_of(request))
        if delivery is None:
            raise not_found_problem()
        bell.ring_courier()
        return Response(_shown(delivery), status=202)


class ReplayView(APIView):
    """`POST /webhooks/endpoints/{id}/replay`."""

    @described(
        "replay_events",
        {202: Answer("Replay")},
        body=ReplayWish,
        example={"since": "2026-11-21T09:00:00Z"},
        right="webhooks.write",
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        """Deliver again what has happened since then.

        Every event that the endpoint wants, once more or at last, under the same `webhook-id`.
        """
        row = _endpoint(_writer(request), endpoint_id)
        wish = parse(ReplayWish, request.data)
        delivered = webhooks.replay(row.id, wish.since, actor_of(request))
        if delivered:
            bell.ring_courier()
        return Response({"deliveries": delivered}, status=202)


class DeliveriesView(APIView):
    """`GET /webhooks/deliveries`."""

    @described("list_deliveries", {200: Answer("DeliveryPage")}, query=DeliveryFilters, right="webhooks.read")
    def get(self, request: Request) -> Response:
        """The deliveries to the endpoints that the caller may see, newest first."""
        filters = filters_of(DeliveryFilters, request)
        within = filters.within()
        others = {name: each for name, each in filters.conditions().items() if name not in within}
        rows = _deliveries(_reader(request)).filter(**others)
        return page(request, filters, rows, ("-id",), _shown, within)


class DeliveryView(APIView):
    """`GET /webhooks/deliveries/{id}`."""

    @described("read_delivery", {200: Answer("Delivery")}, right="webhooks.read")
    def get(self, request: Request, delivery_id: uuid.UUID) -> Response:
        """One delivery and its attempts."""
        return Response(_shown(_delivery(_reader(request), delivery_id)))


class RetryDeliveryView(APIView):
    """`POST /webhooks/deliveries/{id}/retry`."""

    @described("retry_delivery", {202: Answer("Delivery")}, right="webhooks.write")
    def post(self, request: Request, delivery_id: uuid.UUID) -> Response:
        """Start it afresh, under the same webhook-id."""
        caller = _writer(request)
        if not webhooks.retry(_delivery(caller, delivery_id), actor_of(request)):
            raise not_found_problem()
        bell.ring_courier()
        return Response(_shown(_delivery(caller, delivery_id)), status=202)


class EventTypesView(APIView):
    """`GET /webhooks/event-types`."""

    @described("list_event_types", {200: Answer("EventTypePage")}, right="webhooks.read")
    def get(self, request: Request) -> Response:
        """The catalogue, all on one page.

        Each type with a JSON Schema and an example of what is posted.
        """
        _reader(request)
        types = [
            {"type": each.name, "description": each.description, "schema": each.schema, "example": each.example}
            for each in CATALOGUE.values()
        ]
        return Response({"results": types, "next": None, "previous": None})


def _reader(request: Request) -> Caller:
    demand(caller_of(request), "webhooks.read")
    return caller_of(request)


def _writer(request: Request) -> Caller:
    demand(caller_of(request), "webhooks.write")
    return caller_of(request)


def _endpoints(caller: Caller) -> QuerySet[Endpoint]:
    """Those that the caller may see, the deleted ones too: an integration its own, others all."""
    return (
        Endpoint.objects.all() if may(caller.role, "webhooks.see_all") else Endpoint.objects.filter(client_id=caller.id)
    )


def _endpoint(caller: Caller, endpoint_id: uuid.UUID) -> Endpoint:
    row = _endpoints(caller).filter(id=endpoint_id, deleted_at=None).first()
    if row is None:
        raise not_found_problem()
    return row


def _deliveries(caller: Caller) -> QuerySet[Delivery]:
    rows = Delivery.objects.prefetch_related("endpoint", Prefetch("tries", DeliveryAttempt.objects.order_by("at")))
    return rows if may(caller.role, "webhooks.see_all") else rows.filter(endpoint__in=_endpoints(caller))


def _delivery(caller: Caller, delivery_id: uuid.UUID) -> Delivery:
    row = _deliveries(caller).filter(id=delivery_id).select_related("event").first()
    if row is None:
        raise not_found_problem()
    return row


def _demand_address(url: str) -> None:
    """Raise 400 for an address that no webhook is sent to."""
    try:
        addresses.checked(url)
    except addresses.Refused as refused:
        raise Invalid(Breach("/url", "refused-address", str(refused))) from None


def _edited(row: Endpoint, sent: object) -> NewEndpoint:
    return parse(NewEndpoint, merged(NewEndpoint, rendering.endpoint(row), sent))


def _columns(row: Endpoint, sent: Mapping[str, Any]) -> dict[str, Any]:
    columns = _edited(row, sent).columns()
    if "is_active" in sent and columns["is_active"]:
        columns |= {"failing_since": None, "disabled_reason": None}
    return columns


def _with_secret(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    return rendering.endpoint(endpoint) | {"secret": secret}


def _shown(row: Delivery) -> dict[str, Any]:
    return rendering.delivery(row, row.tries.all())
