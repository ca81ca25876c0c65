"""What may be done at the console: each act explained and confirmed first, then done and told.

An act is asked for by GET, which shows what it will do, and done by POST with a CSRF token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from api.console import lists, who
from domain.fields import Invalid
from store.audit import Actor

if TYPE_CHECKING:
    from api.console.pages import Record


class Refused(Exception):  # noqa: N818 - an expected no
    """The act cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What an act made and nobody will see again; `what` names it."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody confirmed, and who."""

    actor: Actor
    values: dict[str, Any]


class Confirmation(Form):
    """Nothing but the question."""


def _always(_row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Act[R]:
    """One act: `name` in its address, `label` on its button, `answer` on the one that does it if that is another, the
    right that it takes.

    `do` acts, and returns a sentence, or a secret to be shown once; it raises Refused, or Invalid for a field.
    `form` is what has to be filled in, `first` what stands there before; `counted` says how much it is about.
    """

    name: str
    label: str
    right: str
    explains: str
    do: Callable[[Asked, R], str | Secret]
    applies: Callable[[R], bool] = _always
    form: type[Form] = Confirmation
    first: Callable[[R], dict[str, Any]] = lambda _row: {}
    counted: Callable[[R], str] = lambda _row: ""
    answer: str = ""
    is_grave: bool = False


def on_row(record: "Record", act: Act[Any], request: HttpRequest, object_id: str) -> HttpResponse:
    """The act on one row, asked or done."""
    row = record.get_object(request, object_id)
    if row is None:
        return record.absent(request, object_id)
    back = reverse(f"admin:store_{record.opts.model_name}_change", args=[row.pk])
    return _answer(record, act, request, row, back, of=str(row))


def on_list(record: "Record", act: Act[Any], request: HttpRequest) -> HttpResponse:
    """The act on what the list shows, asked or done."""
    searched, _twice = record.get_search_results(request, record.get_queryset(request), lists.text_of(request, "q"))
    rows = lists.narrowed(searched, lists.chosen(request, record.filters))
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    back = reverse(f"admin:store_{record.opts.model_name}_changelist") + query
    return _answer(record, act, request, rows, back)


def _answer(record: "Record", act: Act[Any], request: HttpRequest, row: Any, back: str, of: str = "") -> HttpResponse:
    def page(template: str, status: int = 200, **more: Any) -> HttpResponse:
        original = {"original": row} if of else {}
        context = record.context(request, title=act.label, act=act, of=of, back=back, **original, **more)
        return TemplateResponse(request, f"console/{template}.html", context, status=status)

    if not who.may_do(request, act.right):
        return page("refused", status=403, why=who.why_not(request, act.right))
    form = act.form(request.POST if request.method == "POST" else None, initial=act.first(row))
    if request.method != "POST" or not form.is_valid():
        return page("act", form=form, counted=act.counted(row), status=200 if request.method != "POST" else 400)
    try:
        done = act.do(Asked(who.actor_of(request), form.cleaned_data), row)
    except Refused as refused:
        return page("refused", status=409, why=str(refused))
    except Invalid as invalid:
        for breach in invalid.breaches:
            name = breach.pointer.strip("/").partition("/")[0]
            form.add_error(name if name in form.fields else None, f"This {breach.detail}.")
        return page("act", form=form, status=400)
    if isinstance(done, Secret):
        return page("secret", secret=done)
    messages.success(request, done)
    return HttpResponseRedirect(back)
