"""The headers of requests and answers."""

from collections.abc import Iterable

from domain.shapes import COUNT, TEXT, Schema

ALL_ANSWERS = ("X-Request-Id",)
COUNTED_ANSWERS = ("RateLimit", "RateLimit-Policy")
"""Every answer to somebody who is known is counted."""


def header_refs(names: Iterable[str]) -> dict[str, Schema]:
    """The headers of an answer, by name."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_KEY = r'^([\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}|"([\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}")$'


def _parameter(name: str, schema: Schema, description: str, *, required: bool = False) -> Schema:
    # Without an example: a page to try things on would send it, and `If-Match: "3"` is seldom true.
    shown = {"name": name, "in": "header", "description": description, "schema": schema}
    return shown | ({"required": True} if required else {})


_PARAMETERS = (
    _parameter(
        "Idempotency-Key",
        {"type": "string", "pattern": _KEY},
        "A new one for each new request, and the same one to repeat a request whose answer was lost: one key, one "
        "effect. A UUID does. 1 to 255 printable ASCII characters without blank, quotes, backslash and comma, or a "
        'quoted string (RFC 8941); `abc` and `"abc"` are one key. A replay is answered with '
        "`Idempotent-Replayed: true`.",
        required=True,
    ),
    _parameter(
        "Prefer",
        TEXT,
        "`wait=5` holds the answer back for up to 5 seconds, 25 at most, until the command has ended (RFC 7240). What "
        "cannot be read is ignored.",
    ),
    _parameter(
        "If-Match",
        TEXT,
        'Only if the resource still has this version, as its `ETag` shows it: `"3"`. For a command it is its '
        "`expected_version`: another one fails the command with `version-conflict`.",
    ),
    _parameter(
        "If-None-Match",
        TEXT,
        'The `ETag` of what the caller has, as in `"3"`: `304` without a body if that is what there is.',
    ),
    _parameter(
        "Last-Event-ID",
        TEXT,
        "The id of the last event that was received: the stream goes on from there.",
    ),
    _parameter(
        "traceparent",
        TEXT,
        "W3C trace context; kept with the command and handed on to its execution and its webhooks. A malformed one is "
        "ignored.",
    ),
    _parameter(
        "X-Request-Id",
        TEXT,
        "A name for this request, shown again in the answer and in every line of the log; made up if absent.",
    ),
)
PARAMETERS: dict[str, Schema] = {each["name"]: each for each in _PARAMETERS}


def _header(schema: Schema, description: str, *, required: bool = False) -> Schema:
    return {"description": description, "schema": schema} | ({"required": True} if required else {})


HEADERS: dict[str, Schema] = {
    "Location": _header(TEXT, "Where the resource is.", required=True),
    "Retry-After": _header(COUNT, "After how many seconds to ask again."),
    "Idempotent-Replayed": _header({"const": "true"}, "The key was known: this is what it made before."),
    "Preference-Applied": _header(TEXT, "The `wait` of `Prefer` as it was honoured: `wait=5`."),
    "ETag": _header(TEXT, "The version of what is shown, for `If-Match` and `If-None-Match`.", required=True),
    "Cache-Control": _header(TEXT, "`no-store`: keep no copy."),
    "Vary": _header(TEXT, "Which request headers the answer depends on."),
    "WWW-Authenticate": _header(TEXT, "The schemes of `Authorization` that are taken.", required=True),
    "RateLimit": _header(TEXT, "How much is left: requests, and seconds until the quota is full again."),
    "RateLimit-Policy": _header(TEXT, "How many requests a client may send in how many seconds."),
    "X-Request-Id": _header(TEXT, "The name of the request, as sent or as made up."),
}
