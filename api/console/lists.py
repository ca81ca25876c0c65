"""Lists of tables with millions of rows: read a page at a time from an index, never counted.

A filter or a search leads to an index of its own (store/models/), or to the newest rows alone and says so.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import EmptyPage, Page
from django.db.models import QuerySet
from django.http import HttpRequest

from api.console.theme import Pages, ThemedList

PAGE_ROWS = 50
PAGES_MAX = 100
"""How far back one may leaf; a filter or a search leads further."""

type Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One field above a list: a choice among `choices`, or a text when there are none.

    `narrow` gets what was chosen or typed; what leads nowhere gives no rows, never an error.
    """

    name: str
    label: str
    choices: Sequence[tuple[str, str]] = ()
    narrow: Callable[[Rows, str], Rows]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter and what the request says."""

    filter: Filter
    value: str


class Listing(ThemedList):
    """A page of a list. No parameter of the address reaches the ORM but through a filter or the search."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """None: the filters below are ours."""
        return {}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Rows:
        """What search and filters leave."""
        self.chosen = chosen(request, self.model_admin.filters)  # type: ignore[attr-defined]
        self.is_narrowed = any(each.value for each in self.chosen) or bool(self.query)
        return narrowed(super().get_queryset(request, exclude_parameters), self.chosen)

    def get_results(self, request: HttpRequest) -> None:
        """A page; how many there are altogether is nobody's question."""
        super().get_results(request)
        self.full_result_count = self.result_count

    def newer(self) -> str:
        """Where the page before is."""
        return self.get_query_string({"p": self.page_num - 1})

    def older(self) -> str:
        """Where the next page is."""
        return self.get_query_string({"p": self.page_num + 1})


class Window(Pages):
    """Pages without a count: each reads one row more than it shows, to know whether there is another."""

    @property
    def count(self) -> int:
        """As many as one may leaf through, whether they are there or not."""
        return PAGES_MAX * self.per_page

    def page(self, number: int | str) -> "Page[Any]":
        """The page; raises EmptyPage beyond the last one that may be read."""
        wanted = int(number)
        if not 1 <= wanted <= PAGES_MAX:
            raise EmptyPage
        first = (wanted - 1) * self.per_page
        found = list(self.object_list[first : first + self.per_page + 1])
        self.is_last = len(found) <= self.per_page or wanted == PAGES_MAX
        return Page(found[: self.per_page], wanted, self)


def chosen(request: HttpRequest, filters: Sequence[Filter]) -> list[Chosen]:
    """What the request chooses among these."""
    return [Chosen(each, text_of(request, each.name)) for each in filters]


def narrowed(rows: Rows, choices: Sequence[Chosen]) -> Rows:
    """The rows that all of the choices leave."""
    for each in choices:
        if each.value:
            rows = each.filter.narrow(rows, each.value)
    return rows


def column(head: str, show: Callable[[Any], object]) -> Callable[[Any], Any]:
    """A column of a list, without a way to sort by it: that would take an index."""

    def cell(row: Any) -> object:
        return show(row)

    cell.__name__ = head.lower().replace(" ", "_")
    cell.short_description = head  # type: ignore[attr-defined]
    return cell


def as_uuid(text: str) -> uuid.UUID | None:
    """The id, if it is one."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def equals(column: str) -> Callable[[Rows, str], Rows]:
    """Rows that have exactly this text in a column."""
    return lambda rows, text: rows.filter(**{column: text})


def one_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """Choices that show themselves."""
    return [(word, word) for word in words]


def text_of(request: HttpRequest, name: str) -> str:
    """A parameter of the address; nothing when it has what no column has."""
    text = request.GET.get(name, "").strip()
    return text if "\0" not in text and text.isprintable() else ""
