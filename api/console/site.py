"""The console's doors: who comes in, how long a page may take, and what a person finds when it cannot be shown."""

import functools
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse

from api.console import dashboard, lookup, takings, who
from api.console.theme import ThemedLogin, ThemedSite
from store import audit, db

PAGES_AT_ONCE = 2
"""Of the web server's four threads, so that pages never take all of them from tills."""
READ_SECONDS_MAX = 2
"""How long one statement of a page may take; acts have the time that the API's have."""

_room = threading.BoundedSemaphore(PAGES_AT_ONCE)


class Login(ThemedLogin):
    """Name and password; only who may read here comes in."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """By role, not by Django's own flags."""
        if not who.may_enter(user):
            raise self.get_invalid_login_error()


class Console(ThemedSite):
    """All pages below `/admin/`."""

    index_title = "Dashboard"
    login_form = Login
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person may read here."""
        return who.may_enter(request.user)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's own signature
        """The view within its bounds."""
        return _bounded(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page to log in, within the same bounds."""
        shown: HttpResponse = _bounded(super().login)(request, extra_context)
        return shown

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """One's own password; a change of it is written down."""
        answer = super().password_change(request, extra_context)
        if answer.status_code == HTTPStatus.FOUND:
            actor = who.actor_of(request)
            audit.record(actor, "client.password_set", "client", actor.name)
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The dashboard."""
        return dashboard.page(request, self.each_context(request))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Whatever has this id, key, name or sku, from any page."""
        return lookup.answer(request)

    def extra_urls(self) -> list[Any]:
        """What the dashboard asks for by itself, and the page of takings."""
        return [*dashboard.urls(self.admin_view), *takings.urls(self.admin_view, self.each_context)]


def _bounded(view: Callable[..., Any]) -> Callable[..., Any]:
    """A place among few, a short time for each statement, and a page that says so when either runs out."""

    @functools.wraps(view)
    def bounded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not _room.acquire(blocking=False):
            return _away(request, "The console is busy", "Few of its pages are made at once, so that tills never wait.")
        try:
            if request.method in {"GET", "HEAD"}:
                _limit(f"{READ_SECONDS_MAX}s")
            answer = view(request, *args, **kwargs)
            return answer.render() if hasattr(answer, "render") and not answer.is_rendered else answer
        except (OperationalError, InterfaceError):
            detail = f"The database is away, or took more than {READ_SECONDS_MAX} s; narrow the list by age or status."
            return _away(request, "This could not be read", detail)
        finally:
            _unlimit()
            _room.release()

    return bounded


@db.reconnecting
def _limit(statement_timeout: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [statement_timeout])


def _unlimit() -> None:
    """As it was; a connection that cannot say so is not used again."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
    except (OperationalError, InterfaceError):
        connection.close()


def _away(request: HttpRequest, title: str, detail: str) -> HttpResponse:
    again = request.method in {"GET", "HEAD"}
    answer = render(request, "console/away.html", {"title": title, "detail": detail, "again": again}, status=503)
    answer["Retry-After"] = "1"
    return answer
