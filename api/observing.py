"""What is seen of each request: its id on the answer, one log line if it changed or refused something, counts, a span.

The outermost middleware of the API and of pages alike.
"""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from api import request_ids
from api.request_ids import Underway
from store import metrics, traces
from store.clients import Caller
from store.traces import Span

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSEEN = ("/health", "/metrics", "/static/")
"""Asked for every few seconds, by machines; they get neither a log line nor a span."""

log = structlog.get_logger()

type Answering = Callable[[HttpRequest], HttpResponse]


def observe(get_response: Answering) -> Answering:
    """The middleware."""

    def observed(request: HttpRequest) -> HttpResponse:
        meta = request.META
        asked = Underway(
            id=request_ids.given(meta.get("HTTP_X_REQUEST_ID")),
            traceparent=request_ids.parent(meta.get("HTTP_TRACEPARENT")),
        )
        if request.path.startswith(_UNSEEN):
            return _answered(request, asked, get_response(request))
        return traced(request, asked) if traces.is_on() else seen(request, asked)

    def seen(request: HttpRequest, asked: Underway) -> HttpResponse:
        token = request_ids.begin(asked)
        try:
            response = _answered(request, asked, get_response(request))
            _tell(request, asked, response)
        finally:
            request_ids.end(token)
        return response

    def traced(request: HttpRequest, asked: Underway) -> HttpResponse:
        with traces.server(request.method or "", asked.traceparent) as span:
            if span is None:
                return seen(request, asked)
            asked.traceparent = span.traceparent
            response = seen(request, asked)
            _describe(span, request, asked, response)
        return response

    return observed


def _answered(request: HttpRequest, asked: Underway, response: HttpResponse) -> HttpResponse:
    response[request_ids.HEADER] = asked.id
    metrics.answered(_route(request), _method(request), response.status_code, asked.seconds)
    return response


def _tell(request: HttpRequest, asked: Underway, response: HttpResponse) -> None:
    """Say what no other line has said. A read that succeeds says nothing."""
    status = response.status_code
    if asked.told or (status < 400 and request.method in _SAFE):
        return
    said = {
        "method": request.method,
        "path": request.path,
        "status": status,
        "code": asked.code,
        "client": caller.name if type(caller := getattr(request, "user", None)) is Caller else None,
        "duration_ms": asked.duration_ms,
    }
    if status < 400:
        log.info("request.done", **said)
    elif status < 500:
        log.info("request.refused", **said)
    else:
        log.error("request.failed", **said)


def _describe(span: Span, request: HttpRequest, asked: Underway, response: HttpResponse) -> None:
    route = _route(request)
    span.name(f"{_method(request)} /{route}")
    span.attributes(
        {
            "http.request.method": _method(request),
            "http.route": f"/{route}",
            "http.response.status_code": response.status_code,
            "url.path": request.path,
            "orderly.request_id": asked.id,
        }
    )
    if response.status_code >= 500:
        span.failed(asked.code or str(response.status_code))


def _route(request: HttpRequest) -> str:
    """As the URL table has it: there are few, and paths without end."""
    match = request.resolver_match
    return match.route.strip("^$/?") if match is not None else "none"


def _method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "other"
