"""Lists by cursor: `{"results", "next", "previous"}`, filters checked like any other input.

A cursor names the row at which a page ends, by all columns of the list's order, so that a walk meets every row once,
whatever is added meanwhile and however many rows were created at one instant.
"""

import base64
import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from api.problems import Problem, invalid_parameters
from domain.fields import Breach, Identifier, Integer, Invalid, Kind, Text, Timestamp, optional, parse
from domain.items import SKU
from domain.shapes import Schema
from store.rendering import shown_time

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


class _PageSize:
    """How many rows a page may have, in a query, where everything is text."""

    def parse(self, value: object, pointer: str) -> int:
        """The number."""
        text = str(value)
        if text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= PAGE_SIZE_MAX:
            return int(text)
        raise Invalid(Breach(pointer, "out-of-range", f"must be a whole number from 1 to {PAGE_SIZE_MAX}"))

    def schema(self) -> Schema:
        """An integer."""
        return Integer(minimum=1, maximum=PAGE_SIZE_MAX).schema()


class _Version:
    """A version in a cursor, where everything is text."""

    def parse(self, value: object, pointer: str) -> int:
        """The number."""
        return Integer(minimum=1, maximum=2**53 - 1).parse(int(str(value)), pointer)


_NEXT, _PREVIOUS = "next", "previous"
_KINDS: dict[str, Kind[Any] | _Version] = {
    "id": Identifier(),
    "created_at": Timestamp(),
    "sku": SKU,
    "version": _Version(),
    "name": Text(minimum=1, maximum=200, pattern=re.compile(r"[^\0\ud800-\udfff]+")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The query parameters every list has; a list with more declares a subclass of its own."""

    cursor: str | None = optional(Text(maximum=2_000), doc="Where to go on, from a link `next` or `previous`.")
    page_size: int = optional(_PageSize(), PAGE_SIZE, doc="How many results a page has at most.")


def filters_of[F](record: type[F], request: Request) -> F:
    """The request's query parameters; raises a Problem of 400 that names the parameter."""
    # A field cannot be called `from`; one more underscore ends it.
    sent = {
        f"{name}_" if keyword.iskeyword(name) or name.endswith("_") else name: text
        for name, text in request.query_params.dict().items()
    }
    nul = [Breach(f"/{name}", "nul", "has a NUL character") for name, text in sent.items() if "\0" in text]
    if nul:
        raise invalid_parameters(nul)
    try:
        return parse(record, sent)
    except Invalid as broken:
        raise invalid_parameters(
            replace(each, pointer=each.pointer.removesuffix("_")) for each in broken.breaches
        ) from None


def asked(conditions: Mapping[str, object]) -> dict[str, object]:
    """The conditions of a list that the request has named, as the ORM's filter takes them."""
    return {name: value for name, value in conditions.items() if value is not None}


def page(
    request: Request,
    filters: Filters,
    rows: QuerySet[Any, Any],
    order: Sequence[str],
    show: Callable[[Any], dict[str, Any]],
    within: Mapping[str, object] | None = None,
) -> Response:
    """One page of the rows by the columns of `order`, all with or all without `-`, the last of them unique.

    `within` says which value those columns have that lead the index the list is to be read from. Said as ranges, and as
    columns of the order, they leave PostgreSQL no other: the index on `order` alone would be walked through for the
    few rows that match.
    """
    within = within or {}
    for column, value in within.items():
        rows = rows.filter(**{f"{column}__gte": value, f"{column}__lte": value})
    columns = [column.removeprefix("-") for column in order]
    cursor = None if filters.cursor is None else _read(filters.cursor, columns)
    backwards = cursor is not None and cursor.direction == _PREVIOUS
    descending = order[0].startswith("-") != backwards
    if cursor is not None:
        rows = rows.filter(_beyond(columns, cursor.position, "lt" if descending else "gt"))
    ordered = rows.order_by(*(f"-{column}" if descending else column for column in (*within, *columns)))
    found = list(ordered[: filters.page_size + 1])
    more = len(found) > filters.page_size
    found = found[: filters.page_size]
    if backwards:
        found.reverse()

    def link(direction: str, row: object) -> str:
        text = _write(direction, [_shown(row, column) for column in columns])
        return replace_query_param(request.build_absolute_uri(), "cursor", text)

    has_next = found and (more or backwards)
    has_previous = found and (more if backwards else cursor is not None)
    return Response(
        {
            "results": [show(row) for row in found],
            "next": link(_NEXT, found[-1]) if has_next else None,
            "previous": link(_PREVIOUS, found[0]) if has_previous else None,
        }
    )


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where the last page ended, and which way to go from there."""

    direction: str
    position: list[Any]


def _read(text: str, columns: Sequence[str]) -> _Cursor:
    try:
        direction, *position = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        kinds = [_KINDS[column] for column in columns]
        values = [kind.parse(each, "") for kind, each in zip(kinds, position, strict=True)]
    except (ValueError, TypeError, RecursionError, Invalid):
        raise _malformed() from None
    if direction not in (_NEXT, _PREVIOUS) or _write(direction, position) != text:
        raise _malformed()
    return _Cursor(direction, values)


def _write(direction: str, position: Sequence[str]) -> str:
    text = json.dumps([direction, *position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _shown(row: Any, column: str) -> str:
    value = row[column] if isinstance(row, dict) else getattr(row, column)
    return shown_time(value) or "" if column == "created_at" else str(value)


def _beyond(columns: Sequence[str], position: Sequence[Any], comparison: str) -> Q:
    """Rows past the position: the first column is, or it is equal and the next one is, and so on."""
    past = Q()
    for place, column in enumerate(columns):
        equal = dict(zip(columns[:place], position[:place], strict=True))
        past |= Q(**equal, **{f"{column}__{comparison}": position[place]})
    # The same once more in a form that an index on the first column can begin with.
    return past & Q(**{f"{columns[0]}__{comparison}e": position[0]})


def _malformed() -> Problem:
    return invalid_parameters([Breach("/cursor", "malformed", "is not a cursor of this list")])
