"""Commands by resource: `POST /orders/{id}/pay` and the like submit the same commands as `POST /commands`.

One table says which route is which command. A route makes the body that the client could have sent to `/commands`, so
the same key with the same meaning is a replay, whichever way it comes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response
from rest_framework.views import APIView

from api import answers
from api.authentication import caller_of
from api.commands import REFUSED, SUBMITTED, SUBMITTING, key_of
from api.parsing import unstorable
from api.preconditions import expected_version
from api.prefer import wait_seconds
from api.problems import Problem, invalid, invalid_parameters, relocated
from api.rates import admitted
from api.schema.commands import has_version, route_text
from api.schema.operation import Operation, operation_of
from api.submission import Request, submit
from domain import registry
from domain.fields import Breach
from store.clients import Caller

type Body = Any

_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path, and the command type it stands for: one, or one of some, chosen by caller and payload."""

    method: str
    path: str
    type: str | Callable[[Caller, Body], str | None]
    types: tuple[str, ...] = ()
    """Those it is chosen from."""
    text: str = ""
    """Of such a route, what to say to clients: a summary, an empty line, a description."""


def _cancelling(caller: Caller, _payload: Body) -> str:
    """The most that the caller may do of the two."""
    kinds = (registry.find("order.cancel"), registry.find("order.cancel_draft"))
    return next((kind.name for kind in kinds if kind and caller.role in kind.roles), "order.cancel")


def _moving_stock(_caller: Caller, payload: Body) -> str | None:
    """By the member that only one of the two has."""
    named = {"delta": "stock.adjust", "qty": "stock.receive"}
    types = [type_ for member, type_ in named.items() if isinstance(payload, dict) and payload.get(member) is not None]
    return types[0] if len(types) == 1 else None


ROUTES = (
    Route("POST", "orders", "order.create"),
    Route("POST", "orders/<id:order_id>/items", "order.add_items"),
    Route("DELETE", "orders/<id:order_id>/items/<id:product_id>", "order.remove_item"),
    Route("POST", "orders/<id:order_id>/pay", "order.pay"),
    Route("POST", "orders/<id:order_id>/cancel", "order.cancel"),
    Route(
        "DELETE",
        "orders/<id:order_id>",
        _cancelling,
        ("order.cancel", "order.cancel_draft"),
        "Delete order.\n\nIs `order.cancel`, or `order.cancel_draft` for a caller who may only do that.",
    ),
    Route("PATCH", "orders/<id:order_id>/status", "order.change_status"),
    Route("POST", "orders/<id:order_id>/archive", "order.archive"),
    Route(
        "PATCH",
        "products/<id:product_id>/stock",
        _moving_stock,
        ("stock.adjust", "stock.receive"),
        "Change stock.\n\nWith `delta` and `reason` it is `stock.adjust`, with `qty` it is `stock.receive`.",
    ),
)


class ResourceView(APIView):
    """One path: GET reads, other methods submit the command that the table names."""

    read: Callable[..., Response] | None = None
    routes: Mapping[str, Route] = {}
    submits = True
    operations: Mapping[str, Operation | None] = {}

    def get(self, request: HttpRequest, **ids: object) -> Response:
        """What the resource is."""
        assert self.read is not None, "GET is allowed only where there is something to read"
        return self.read(request, **ids)

    def post(self, request: HttpRequest, **ids: object) -> HttpResponse:
        """Submit."""
        return self._submit(request, ids)

    def patch(self, request: HttpRequest, **ids: object) -> HttpResponse:
        """Submit."""
        return self._submit(request, ids)

    def delete(self, request: HttpRequest, **ids: object) -> HttpResponse:
        """Submit."""
        return self._submit(request, ids)

    def _submit(self, request: HttpRequest, ids: Mapping[str, object]) -> HttpResponse:
        caller, method = caller_of(request), str(request.method)
        asked = _asked(self.routes[method], caller, request, {name: str(each) for name, each in ids.items()})
        [answer] = submit(caller, admitted(request), [asked])
        if isinstance(answer, Problem):
            raise relocated(answer, _in_query if method == "DELETE" else _in_body)
        return answers.submitted(caller, answer, wait_seconds(request))


def views(reads: Mapping[str, Callable[..., Response]]) -> dict[str, Callable[..., HttpResponse]]:
    """The view of each path of the table; `reads` says what GET does on those paths that have it."""
    paths = dict.fromkeys([route.path for route in ROUTES])
    return {path: _view([route for route in ROUTES if route.path == path], reads.get(path)) for path in paths}


def _view(routes: list[Route], read: Callable[..., Response] | None) -> Callable[..., HttpResponse]:
    methods = {route.method: route for route in routes}
    allowed = [*(["get", "head"] if read else []), *(method.lower() for method in methods), "options"]
    operations: dict[str, Operation | None] = {method: _operation(route) for method, route in methods.items()}
    if read is not None:
        operations["GET"] = operation_of(read)
    view: Callable[..., HttpResponse] = ResourceView.as_view(
        routes=methods, read=read, operations=operations, http_method_names=allowed
    )
    return view


def _operation(route: Route) -> Operation:
    """What there is to say of a route: its command type has said it."""
    types = (route.type,) if isinstance(route.type, str) else route.types
    text = route.text or route_text(types[0])
    return Operation(
        id=text.partition("\n")[0].removesuffix(".").lower().replace(" ", "_"),
        answers=SUBMITTED,
        text=text,
        commands=types,
        headers=(*SUBMITTING, *(["If-Match"] if has_version(types[0]) else [])),
        problems=REFUSED,
    )


def _asked(route: Route, caller: Caller, request: HttpRequest, ids: dict[str, str]) -> Request:
    """The request as it would have come to `/commands`."""
    version = expected_version(request)
    payload = _query(request) if route.method == "DELETE" else request.data
    order_id: object = ids.pop("order_id", None)
    if route.type == "order.create" and isinstance(payload, dict):
        order_id = payload.pop("order_id", None)
    clash = _clash(payload, ids)
    type_ = route.type if isinstance(route.type, str) else route.type(caller, payload)
    if isinstance(payload, dict):
        payload = {**payload, **ids}
    if clash is None and type_ is None:
        clash = invalid([Breach("", "one-of", "must have either delta, with reason, or qty")])
    body = {"type": type_, "payload": payload, "order_id": order_id, "expected_version": version}
    return Request(key=key_of(request), body=body, problem=clash)


def _clash(payload: Body, ids: Mapping[str, str]) -> Problem | None:
    """What the path says already may not stand in the body or the query once more."""
    if "product_id" not in ids or not isinstance(payload, dict):
        return None
    breaches = [
        Breach(f"/{name}", "unknown-field", "is said by the path") for name in ("product_id", "sku") if name in payload
    ]
    return invalid(breaches) if breaches else None


def _query(request: HttpRequest) -> dict[str, object]:
    """The query parameters as a payload; a body is refused, for nobody would read it."""
    if request.data:
        raise invalid([Breach("", "not-applicable", "must be empty: this route takes query parameters")])
    twice = [name for name, texts in request.query_params.lists() if len(texts) > 1]
    breaches = [Breach(f"/{name}", "duplicate-name", "stands twice in the query") for name in twice]
    breaches += unstorable(request.query_params.dict())
    if breaches:
        raise invalid_parameters(breaches)
    payload: dict[str, object] = dict(request.query_params.dict())
    qty = payload.get("qty")
    if isinstance(qty, str) and _NUMBER.fullmatch(qty):
        payload["qty"] = int(qty)
    return payload


def _in_body(pointer: str) -> dict[str, str]:
    """Where the client of a route finds what `/commands` would have named by this pointer."""
    if pointer == "/expected_version":
        return {"header": "If-Match"}
    return {"pointer": pointer.removeprefix("/payload")}


def _in_query(pointer: str) -> dict[str, str]:
    place = _in_body(pointer)
    return {"parameter": place["pointer"].lstrip("/")} if "pointer" in place else place
