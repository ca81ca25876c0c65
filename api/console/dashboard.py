"""The first page: how it goes now, and what the last hour was like; it renews itself every ten seconds."""

import functools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from api.console import shown
from store import backlog, dashboard, presence
from store.dashboard import COUNTED_MAX, Hour

KEPT_SECONDS = 5.0
SETTLED_SECONDS = 5
"""How long a minute is over before it is read: what ended in it has been committed by then."""
SLOW_SECONDS = 10
"""From which age on the oldest command in the queue is worth a look: workers are behind, or away."""
LATE_SECONDS = 60
"""From which age on a payment that waits for its provider is worth a look: who asks is away, or the provider is."""
CODES_MAX = 6

_making = threading.Lock()
_kept: tuple[float, dict[str, Any]] | None = None


def page(request: HttpRequest, context: dict[str, Any]) -> TemplateResponse:
    """The page with its figures."""
    return TemplateResponse(
        request, "console/dashboard.html", context | {"title": "Dashboard", "figures": now(), "index": True}
    )


def urls(admin_view: Callable[..., Any]) -> list[URLPattern]:
    """What the page asks for."""
    return [path("figures/", admin_view(_figures), name="figures")]


def _figures(_request: HttpRequest) -> JsonResponse:
    return JsonResponse(now(), headers={"Cache-Control": "no-store"})


def now() -> dict[str, Any]:
    """The figures, a few seconds old at most: one thread makes them for all who ask meanwhile."""
    global _kept
    with _making:
        if _kept is None or time.monotonic() > _kept[0] + KEPT_SECONDS:
            _kept = (time.monotonic(), _made())
        return _kept[1]


def forget() -> None:
    """Make them anew at the next question."""
    global _kept
    _kept = None
    _hour.cache_clear()


def _made() -> dict[str, Any]:
    moment = datetime.now(UTC)
    hour = _hour((moment - timedelta(seconds=SETTLED_SECONDS)).replace(second=0, microsecond=0))
    return {"at": f"{moment:%H:%M:%S} UTC", "tiles": _tiles(), "charts": _charts(hour), "is_sampled": hour.is_sampled}


@functools.lru_cache(maxsize=1)
def _hour(minute: datetime) -> Hour:
    """The hour before this minute: it is over, so it is read once."""
    return dashboard.hour(minute)


def _tiles() -> list[dict[str, Any]]:
    """What wants a look has `care`."""
    state, workers, counts = backlog.state(), presence.alive(), dashboard.counts()
    oldest = timedelta(seconds=state.seconds)
    listed = functools.partial(_list, "command")
    return [
        _tile("Backlog", f"{state.queued:,}", "commands queued", listed("?status=queued"), care=False),
        _tile(
            "Oldest queued",
            shown.length(oldest) if state.seconds else "none",
            "ready and waiting",
            listed("?status=queued"),
            care=state.seconds > SLOW_SECONDS,
        ),
        _tile("Dead letters", _counted(counts.dead), "mend, then retry", listed("?dead=yes"), care=counts.dead > 0),
        _tile("Workers", "?" if workers is None else str(workers), "nodes alive", None, care=not workers),
        _tile("Redis", "away" if workers is None else "ok", "cache and bells", None, care=workers is None),
        _tile("Database", "ok", "answers", None, care=False),
        _tile(
            "Endpoints disabled", str(counts.disabled), "hear nothing", _list("endpoint", "?state=disabled"),
            care=counts.disabled > 0,
        ),
        _tile(
            "Deliveries late", _counted(counts.late), "due for over a minute", _list("delivery", "?status=pending"),
            care=counts.late > 0,
        ),
        _tile(
            "Payments asked",
            _counted(counts.asked),
            f"oldest {shown.length(timedelta(seconds=counts.asked_seconds))}" if counts.asked else "none waits",
            listed("?status=running"),
            care=counts.asked_seconds > LATE_SECONDS,
        ),
        _tile(
            "Payments uncertain", _counted(counts.uncertain), "asked until it is known", listed("?status=uncertain"),
            care=counts.uncertain > 0,
        ),
    ]  # fmt: skip


def _tile(name: str, value: str, says: str, link: str | None, *, care: bool) -> dict[str, Any]:
    return {"name": name, "value": value, "says": says, "link": link, "care": care}


def _counted(count: int) -> str:
    return f"over {COUNTED_MAX:,}" if count > COUNTED_MAX else f"{count:,}"


def _list(kind: str, query: str) -> str:
    return reverse(f"admin:store_{kind}_changelist") + query


def _charts(hour: Hour) -> dict[str, Any]:
    """Labels and series as the page's script draws them."""
    frequent, rare = list(hour.failed.items())[:CODES_MAX], list(hour.failed.values())[CODES_MAX:]
    others = [("others", [sum(each) for each in zip(*rare, strict=True)])] if rare else []
    return {
        "minutes": [f"{minute:%H:%M}" for minute in hour.minutes],
        "throughput": [{"name": "accepted", "values": hour.accepted}, {"name": "finished", "values": hour.finished}],
        "failures": [{"name": code, "values": values} for code, values in (*frequent, *others)],
        "latency": [
            {"name": name, "values": [None if each is None else round(each[place] * 1000, 1) for each in hour.latency]}
            for place, name in enumerate(("p50", "p95", "p99"))
        ],
    }
