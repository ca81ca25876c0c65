"""Problems: every answer of 400 and above is one (RFC 9457), with a stable code and a page that explains it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import structlog
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from api import request_ids
from domain.fields import Breach, Invalid
from domain.result import TITLES
from store import metrics

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 100
"""How many errors one problem lists; the rest are counted."""

HTTP_TITLES: dict[str, str] = {
    "idempotency-key-missing": "The Idempotency-Key header is missing",
    "idempotency-key-invalid": "The Idempotency-Key is not a valid key",
    "idempotency-key-reused": "The Idempotency-Key was used for another request",
    "result-expired": "The result is no longer kept",
    "invalid-request": "The request is invalid",
    "unauthenticated": "The request is not authenticated",
    "not-found": "There is no such thing",
    "method-not-allowed": "The method is not allowed here",
    "not-acceptable": "No answer in an acceptable form",
    "not-cancellable": "The command can no longer be cancelled",
    "not-retryable": "The command cannot be retried",
    "sku-exists": "The sku is taken",
    "precondition-failed": "The resource has changed",
    "too-large": "The request is too large",
    "unsupported-media-type": "The request is not JSON",
    "rate-limited": "Too many requests",
    "unavailable": "The service cannot take this now",
}
TITLES_BY_CODE = TITLES | HTTP_TITLES


class Problem(exceptions.APIException):
    """An answer that says no: raise it anywhere below a view, or put it into a batch's results."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.code = code
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The problem object."""
        return {
            "type": f"/problems/{self.code}",
            "title": TITLES_BY_CODE[self.code],
            "status": self.status_code,
            "detail": str(self.detail),
            "code": self.code,
            **self.extra,
        }


def invalid(breaches: Iterable[Breach]) -> Problem:
    """400: the body breaks rules, each named by its JSON pointer."""
    errors = [{"pointer": breach.pointer, "code": breach.code, "detail": breach.detail} for breach in breaches]
    return Problem(400, "invalid-request", _summary(errors), errors=errors[:ERRORS_MAX])


def invalid_parameters(breaches: Iterable[Breach]) -> Problem:
    """400: query parameters break rules."""
    errors = [
        {"parameter": breach.pointer.lstrip("/"), "code": breach.code, "detail": breach.detail} for breach in breaches
    ]
    return Problem(400, "invalid-request", _summary(errors), errors=errors[:ERRORS_MAX])


def invalid_header(name: str, detail: str) -> Problem:
    """400: a header is malformed."""
    errors = [{"header": name, "code": "malformed", "detail": detail}]
    return Problem(400, "invalid-request", _summary(errors), errors=errors)


def relocated(problem: Problem, place: Callable[[str], dict[str, str]]) -> Problem:
    """The same problem for a client that sent its request in another form: each pointer becomes `place(pointer)`."""
    found = cast("list[dict[str, str]]", problem.extra.get("errors", []))
    if not found:
        return problem
    errors = [place(error["pointer"]) | {"code": error["code"], "detail": error["detail"]} for error in found]
    return Problem(problem.status_code, problem.code, _summary(errors), errors=errors)


def too_large(bytes_max: int) -> Problem:
    """413."""
    return Problem(413, "too-large", f"The body may have at most {bytes_max} bytes.")


def not_found_problem() -> Problem:
    """404: unknown, or not the caller's to see; one body for both."""
    return Problem(404, "not-found", "There is nothing here that you may see.")


def rate_limited(detail: str, seconds: int) -> Problem:
    """429: nothing was done; try again after so many seconds."""
    return Problem(429, "rate-limited", detail, headers={"Retry-After": str(max(1, seconds))})


def unavailable(detail: str) -> Problem:
    """503: nothing was stored; try again."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})


def answer(exception: Exception, context: Mapping[str, Any]) -> Response:
    """Django REST framework's exception handler: whatever went wrong below a view, as a problem."""
    problem = _problem(exception)
    if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        path = context["request"].path
        log.error("request.failed", path=path, status=problem.status_code, code=problem.code, exc_info=exception)
    _note(problem, told=problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"Cache-Control": "no-store", **problem.headers}  # a 404 may be cached unless it says otherwise
    return Response(problem.body(), status=problem.status_code, headers=headers, content_type=MEDIA_TYPE)


_UNAUTHENTICATED = (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)


@dataclass(frozen=True, slots=True)
class _Translation:
    status: int
    code: str
    detail: str


_TRANSLATIONS: dict[type[Exception], _Translation] = {
    exceptions.PermissionDenied: _Translation(403, "forbidden", "Your role may not do this."),
    exceptions.MethodNotAllowed: _Translation(405, "method-not-allowed", "The Allow header names what is allowed."),
    exceptions.NotAcceptable: _Translation(406, "not-acceptable", "Answers are application/json."),
    exceptions.UnsupportedMediaType: _Translation(
        415, "unsupported-media-type", "The Content-Type must be application/json."
    ),
    RequestDataTooBig: _Translation(413, "too-large", "The body is too large."),
}


def _problem(exception: Exception) -> Problem:
    if isinstance(exception, Problem):
        return exception
    if isinstance(exception, Invalid):
        return invalid(exception.breaches)
    if isinstance(exception, _UNAUTHENTICATED):
        detail = "Send a valid Authorization header: Api-Key <prefix>.<secret>, or Bearer <token>."
        return Problem(
            401, "unauthenticated", detail, headers={"WWW-Authenticate": getattr(exception, "auth_header", "Api-Key")}
        )
    if isinstance(exception, Http404 | exceptions.NotFound):
        return not_found_problem()
    if isinstance(exception, DisallowedHost):
        return invalid_header("Host", "is not a host name")
    if isinstance(exception, OperationalError | InterfaceError):
        return unavailable("The database cannot be reached or is too busy; the same key is safe to send again.")
    translation = _TRANSLATIONS.get(type(exception))
    if translation:
        return Problem(translation.status, translation.code, translation.detail)
    return Problem(500, "internal-error", "Something unexpected happened; the log has the details.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for a path that leads nowhere; Django passes `exception` by name."""
    return plain(not_found_problem())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for a request that it cannot read itself."""
    problem = _problem(exception)
    unreadable = Problem(400, "invalid-request", "The request cannot be read.", errors=[])
    return plain(problem if problem.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else unreadable)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for what went wrong outside a view."""
    return plain(Problem(500, "internal-error", "Something unexpected happened; the log has the details."))


def plain(problem: Problem) -> HttpResponse:
    """The answer to a request that no view has handled."""
    _note(problem)
    return JsonResponse(problem.body(), status=problem.status_code, headers=problem.headers, content_type=MEDIA_TYPE)


def _note(problem: Problem, *, told: bool = False) -> None:
    """For the counts, and for the line that the request ends with (api/observing.py)."""
    metrics.refused(problem.code)
    asked = request_ids.underway()
    if asked is not None:
        asked.code = problem.code
        asked.told = told


def _summary(errors: list[dict[str, str]]) -> str:
    place = next(errors[0][name] for name in ("pointer", "parameter", "header") if name in errors[0])
    first = f"{place or 'the body'} {errors[0]['detail'].removesuffix('.')}"
    return f"{first}." if len(errors) == 1 else f"{first}; and {len(errors) - 1} more."
