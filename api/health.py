"""Health for load balancers and operators, without authentication."""

import functools
from collections.abc import Callable

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse

from api.problems import Problem, plain
from api.schema.operation import Answer, described
from store import backlog, presence


def _to_read(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The view, which answers any method but GET and HEAD with 405."""

    @functools.wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return view(request)
        headers = {"Allow": "GET, HEAD"}
        return plain(Problem(405, "method-not-allowed", "The Allow header names what is allowed.", headers=headers))

    return answer


@_to_read
@described("read_health", {200: Answer("Health"), 503: Answer("Health")})
def health(_request: HttpRequest) -> JsonResponse:
    """How the system is.

    `ok`; `degraded` when Redis or every worker is away; 503 when the database is.
    """
    workers = presence.alive()
    state = _state()
    ok = state is not None and bool(workers)
    body = {
        "status": "ok" if ok else "degraded",
        "database": state is not None,
        "redis": workers is not None,
        "workers": workers or 0,
        "backlog": state.queued if state else 0,
        "oldest_queued_seconds": round(state.seconds, 3) if state else 0,
    }
    return JsonResponse(body, status=200 if state else 503)


@_to_read
@described("read_liveness", {200: Answer("Liveness")})
def live(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@_to_read
@described("read_readiness", {200: Answer("Readiness"), 503: Answer("Readiness")})
def ready(_request: HttpRequest) -> JsonResponse:
    """Commands can be stored."""
    database = _state() is not None
    return JsonResponse(
        {"status": "ok" if database else "unavailable", "database": database}, status=200 if database else 503
    )


def _state() -> backlog.State | None:
    try:
        return backlog.state()
    except Error:
        return None
