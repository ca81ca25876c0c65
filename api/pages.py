"""Lists by cursor: `{"results", "next", "previous"}`, filters checked like any other input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from api.problems import invalid_parameters
from domain.fields import Breach, Invalid, Text, optional, parse

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The query parameters every list has; a list with more declares a subclass of its own."""

    cursor: str | None = optional(Text(maximum=500))
    page_size: str | None = optional(Text(maximum=10))

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules that need more than a kind."""
        if self.page_size is None or (self.page_size.isascii() and self.page_size.isdecimal()):
            size = int(self.page_size or PAGE_SIZE)
            if 1 <= size <= PAGE_SIZE_MAX:
                return []
        return [("page_size", "out-of-range", f"must be a whole number from 1 to {PAGE_SIZE_MAX}")]


def filters_of[F: Filters](record: type[F], request: Request) -> F:
    """The request's query parameters; raises a Problem of 400 that names the parameter."""
    try:
        return parse(record, request.query_params.dict())
    except Invalid as broken:
        raise invalid_parameters(broken.breaches) from None


def page(
    request: Request, rows: QuerySet[Any, Any], ordering: tuple[str, ...], show: Callable[[Any], dict[str, Any]]
) -> Response:
    """One page of the rows in this order."""
    pages = _Pages()
    pages.ordering = ordering
    try:
        found = pages.paginate_queryset(rows, request)
    except (NotFound, ValidationError, ValueError, DataError):
        raise invalid_parameters([Breach("/cursor", "malformed", "is not a cursor of this list")]) from None
    return pages.get_paginated_response([show(row) for row in found or ()])


class _Pages(CursorPagination):
    page_size = PAGE_SIZE
    max_page_size = PAGE_SIZE_MAX
    page_size_query_param = "page_size"

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()})
