"""The page of one row: what it is, in parts from top to bottom, and what may be done to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from api.console import acts, shown, who
from api.console.acts import Act
from api.console.lists import PAGE_ROWS, Filter, Listing, Rows, Window
from api.console.theme import ThemedAdmin


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and what they are, side by side."""

    title: str
    rows: Sequence[tuple[str, object]]
    template: str = field(default="console/facts.html", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells below `heads`; a head that ends in `#` has numbers below it. `empty` stands for no rows."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str
    note: str = ""
    marked: int | None = None
    template: str = field(default="console/table.html", init=False)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Each head, and the class of its cells."""
        return [(head.removesuffix("#"), "number" if head.endswith("#") else "") for head in self.heads]

    @property
    def lines(self) -> list[tuple[bool, list[tuple[object, str]]]]:
        """Whether the row is the one marked, and its cells with their classes."""
        classes = [each for _head, each in self.columns]
        return [(number == self.marked, list(zip(row, classes, strict=True))) for number, row in enumerate(self.rows)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text as it is, such as JSON."""

    title: str
    text: str
    template: str = field(default="console/text.html", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What somebody has to know first."""

    title: str
    text: str
    template: str = field(default="console/alert.html", init=False)


type Part = Facts | Table | Text | Alert


class Record(ThemedAdmin):
    """A table of the store, read alone: what is done to a row is done by its acts, as the API does it.

    A subclass says `head` and `parts` of a row's page, `acts` for rows and `list_acts` for the list.
    """

    acts: ClassVar[Sequence[Act[Any]]] = ()
    list_acts: ClassVar[Sequence[Act[Any]]] = ()
    filters: ClassVar[Sequence[Filter]] = ()
    list_note = ""
    paginator = Window
    list_per_page = PAGE_ROWS
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("pk",)  # `found` searches; what stands here only brings the field
    change_list_template = "console/list.html"
    list_disable_select_all = True
    list_fullwidth = True
    actions = None

    def head(self, row: Any) -> tuple[str, str]:
        """The page's title and the row's state."""
        raise NotImplementedError

    def parts(self, request: HttpRequest, row: Any) -> list[Part]:
        """What stands on the row's page."""
        raise NotImplementedError

    def found(self, rows: Rows, text: str) -> Rows:
        """The rows that are meant by what was typed; exact, by an index."""
        raise NotImplementedError

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """What `found` finds, in the order of the list unless it has one that suits its index."""
        text = search_term.strip()
        found = self.found(queryset, text) if text else queryset
        return (found if found.ordered else found.order_by(*(self.ordering or ()))), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Listing]:
        """Lists that count nothing."""
        return Listing

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what may be done about all of it."""
        offered = [each for each in self.list_acts_of(request) if who.may_do(request, each.right)]
        more = {"title": self.opts.verbose_name_plural, "list_note": self.list_note, "offered": offered}
        return super().changelist_view(request, more | (extra_context or {}))

    def list_acts_of(self, request: HttpRequest) -> Sequence[Act[Any]]:
        """The acts that this list is to offer."""
        return self.list_acts

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row's page; back to the dashboard with a word when there is no such row."""
        row = self.get_object(request, object_id)
        if row is None:
            return self.absent(request, object_id)
        title, state = self.head(row)
        offered = [each for each in self.acts if each.applies(row) and who.may_do(request, each.right)]
        context = self.context(request, title=title, original=row, state=shown.state(state), offered=offered)
        return TemplateResponse(request, "console/record.html", context | {"parts": self.parts(request, row)})

    def context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        """What every page of this table needs."""
        return {**self.admin_site.each_context(request), "opts": self.opts, **more}

    def absent(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """There is no such row."""
        return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]

    def get_urls(self) -> list[URLPattern]:
        """List, page, and one address an act: nothing is added, changed or deleted in Django's own way."""
        view, name = self.admin_site.admin_view, f"store_{self.opts.model_name}"
        mine = [path("", view(self.changelist_view), name=f"{name}_changelist")]
        for each in self.list_acts:
            mine.append(path(f"{each.name}/", view(partial(acts.on_list, self, each)), name=f"{name}_{each.name}"))
        for each in self.acts:
            done = view(partial(acts.on_row, self, each))
            mine.append(path(f"<path:object_id>/{each.name}/", done, name=f"{name}_{each.name}"))
        return [*mine, path("<path:object_id>/change/", view(self.change_view), name=f"{name}_change")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may enter reads everything."""
        return who.may_enter(request.user)

    has_module_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added in Django's own way."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor deleted."""
        return False
