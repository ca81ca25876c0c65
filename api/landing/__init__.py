"""The page at `/`: what this is, and a till to try it with. The rest of it stands in `page.html` and `static/`."""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine

from api.problems import Problem, plain

_PAGE = Engine().from_string(Path(__file__).with_name("page.html").read_text())
_HEADERS = {
    "Cache-Control": "no-cache",
    # Nothing but the page's own files, and nobody but its own server.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


def page(request: HttpRequest) -> HttpResponse:
    """The page; it asks visitors for an API key unless the deployment is a demonstration."""
    if request.method not in {"GET", "HEAD"}:
        detail = "The Allow header names what is allowed."
        return plain(Problem(405, "method-not-allowed", detail, headers={"Allow": "GET, HEAD"}))
    return HttpResponse(_PAGE.render(Context({"demo": settings.DEMO})), headers=_HEADERS)
