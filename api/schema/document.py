"""The whole document: what drf-spectacular finds of our views, and all that it cannot know.

Settings name `OperationSchema` as the inspector of views and `completed` as the hook that ends the generation.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import warn
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import AllowAny

from api.schema import answers, commands, problems
from api.schema.headers import HEADERS, PARAMETERS
from api.schema.operation import Operation, operation_of, operations
from api.schema.operations import Place, body_name, openapi
from domain.events import CATALOGUE, EventType
from domain.fields import schema_of
from domain.shapes import TEXT, Schema

DESCRIPTION = """\
An asynchronous order-command core for tills, shops and ERPs.

**Commands.** Orders and stock change by commands alone. A command is accepted with `202` once it is stored, and
executed after that, exactly once: commands of one order one after the other, in the order of acceptance. Read its
outcome at its `Location`, ask for it at once with `Prefer: wait=5`, follow `/api/v1/commands/stream`, or register a
webhook.

**Keys.** Every request that submits a command has an `Idempotency-Key`. Sent again with the same key and body, it is
answered with the command that it made the first time.

**Problems.** Every answer of 400 and above is `application/problem+json` (RFC 9457) with a stable `code` and a page
that explains it. A `500` is a defect of ours, `internal-error`.

**Values.** JSON in UTF-8, without NUL characters. A member that is `null` counts as absent, and an unknown one is
refused. A whole number has no fraction: `1`, not `1.0`. Money is a decimal string with its currency beside it. Times
are RFC 3339 with an offset. Lists are paged by cursor.
"""
TAGS = {
    "commands": "Requests to act, each durable: submitted alone or in batches, read, waited for, cancelled, retried.",
    "orders": "Orders, and the commands on them by resource. They answer as `POST /api/v1/commands` does.",
    "products": "Products and the ledger of their stock.",
    "customers": "Whom orders are for.",
    "reports": "What a day has brought in; for managers and auditors.",
    "accounting": "The books in double entry; for managers and auditors.",
    "webhooks": "Endpoints that events are posted to, and what came of every delivery.",
    "auth": "People log in; tills and integrations have API keys.",
    "operations": "Health and documentation, without authentication.",
    "events": "What Orderly posts to your endpoint.",
}
SECURITY_SCHEMES = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "For tills and integrations: `Api-Key <prefix>.<secret>`, those two words and all.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "For people: the `access` that `POST /api/v1/auth/token` answers with, good for 15 minutes.",
    },
}
_WEBHOOK_HEADERS = {
    "webhook-id": "The event's id: the same on every attempt, so that you can tell what you have had.",
    "webhook-timestamp": "When this attempt was signed, in seconds since 1970. Refuse what is older than five minutes.",
    "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}` under the "
    "endpoint's secret; two of them, with a blank between, for 24 hours after the secret was rotated.",
}


def document() -> dict[str, Any]:
    """The description of every route there is."""
    generator: Any = SchemaGenerator
    made: dict[str, Any] = generator().get_schema(public=True)
    return made


class OperationSchema(AutoSchema):
    """Makes an operation of what its view is described as."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        """The operation; None, with a warning, for a view that nobody has described."""
        operation = _described(self.view, method)
        if operation is None:
            warn(f"{method} {path} is not described: see api/schema/operation.py")
            return None
        return openapi(operation, Place(method, path, public=AllowAny in self.view.permission_classes))


def completed(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: FBT001
    """The document with what stands outside of views: functions, schemas, headers, webhooks, and the introduction."""
    patterns = get_resolver(generator.urlconf).url_patterns
    for place, operation in _functions(patterns, generator.endpoint_inspector_cls()):
        result["paths"].setdefault(place.path, {})["get"] = openapi(operation, place)
    result["info"] |= {
        "description": DESCRIPTION,
        "contact": {"name": "The operators of this deployment"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    return result | {
        "servers": [{"url": "/", "description": "This deployment"}],
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "components": {
            "schemas": dict(sorted(_schemas().items())),
            "responses": problems.answers(_problem_refs(result["paths"])),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
        "webhooks": {name: {"post": _webhook(kind)} for name, kind in CATALOGUE.items()},
    }


def _described(view: Any, method: str) -> Operation | None:
    by_method: dict[str, Operation | None] = getattr(view, "operations", {})
    return by_method[method] if method in by_method else operation_of(getattr(type(view), method.lower()))


def _functions(
    patterns: Sequence[URLPattern | URLResolver], inspector: Any, prefix: str = ""
) -> Iterator[tuple[Place, Operation]]:
    """The described views that are functions: drf-spectacular passes them over. They take no authentication."""
    for pattern in patterns:
        regex = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _functions(pattern.url_patterns, inspector, regex)
        elif operation := operation_of(pattern.callback):
            yield Place("GET", inspector.get_path_from_regex(regex), public=True), operation


def _problem_refs(paths: dict[str, Any]) -> Iterator[str]:
    for methods in paths.values():
        for operation in methods.values():
            yield from (answer["$ref"] for answer in operation["responses"].values() if "$ref" in answer)


def _schemas() -> dict[str, Schema]:
    records = {
        body_name(each): schema_of(each.body, partial=each.changes)
        for each in operations()
        if isinstance(each.body, type)
    }
    return commands.schemas() | problems.schemas() | answers.schemas() | records


def _webhook(kind: EventType) -> Schema:
    schema = {name: each for name, each in kind.schema.items() if name != "$schema"}
    headers = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": TEXT}
        for name, text in _WEBHOOK_HEADERS.items()
    ]
    return {
        "operationId": f"on_{kind.name.replace('.', '_')}",
        "summary": kind.description.removesuffix("."),
        "description": "Signed as Standard Webhooks say. Unless a 2xx comes within 15 s, it is sent again, for 28 h.",
        "tags": ["events"],
        "parameters": headers,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": dict(kind.example)}},
        },
        "responses": {
            "2XX": {"description": "Received."},
            "410": {"description": "Never again: the endpoint is disabled."},
            "429": {"description": "Too many: later, as `Retry-After` says."},
            "503": {"description": "Not now: later, as `Retry-After` says."},
        },
        "security": [],
    }
