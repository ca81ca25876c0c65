"""A day's takings for people: the Z-report as a page, with a chart and a CSV."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from api.console import shown
from api.console.pages import Table
from api.reports import as_file, day, totals
from domain.fields import Day, Invalid
from domain.money import DIGITS
from store import reports
from store.reports import Hour, Takings

_HEADS = ("Till", "Method", "Sales#", "Of them#", "Refunds#", "Of them#", "Net#", "Tax in it#")


def urls(admin_view: Callable[..., Any], context: Callable[[HttpRequest], dict[str, Any]]) -> list[URLPattern]:
    """The page's route."""

    def show(request: HttpRequest) -> HttpResponse:
        return _page(request, context(request))

    return [path("takings/", admin_view(show), name="takings")]


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    asked, problem = _asked(request.GET.get("date", ""))
    client = request.GET.get("client", "").replace("\0", "").strip()[:64]
    rows = reports.takings(*day(asked), client or None)
    if request.GET.get("format") == "csv":
        return as_file(asked, rows)
    told: dict[str, Any] = {"title": "Takings", "date": asked.isoformat(), "client": client, "problem": problem}
    told |= {"tiles": _tiles(rows), "part": _table(rows), "hours": _hours(reports.hours(*day(asked), client or None))}
    return TemplateResponse(request, "console/takings.html", context | told)


def _asked(text: str) -> tuple[date, str]:
    """The day asked for; today where none is, or none that is one, and then why."""
    today = datetime.now(UTC).date()
    if not text:
        return today, ""
    try:
        return Day().parse(text, "date"), ""
    except Invalid:
        return today, "That is no date; here is today."


def _tiles(rows: list[Takings]) -> list[dict[str, str]]:
    return [
        {
            "name": f"Net, {each['currency']}",
            "value": each["net"],
            "says": f"{each['sales']} sold, {each['refunds']} refunded, {each['tax']} of it tax",
        }
        for each in totals(rows)
    ]


def _table(rows: list[Takings]) -> Table:
    return Table(
        title="By till and method",
        heads=_HEADS,
        rows=[
            [
                row.client or "no longer known",
                row.method,
                shown.money(row.sales, row.currency),
                row.sales_count,
                shown.money(row.refunds, row.currency),
                row.refunds_count,
                shown.money(row.net, row.currency),
                shown.money(row.tax, row.currency),
            ]
            for row in rows
        ],
        empty="Nothing was taken or given back on this day.",
    )


def _hours(found: list[Hour]) -> dict[str, Any]:
    """Labels and series as the page's script draws them."""
    series = []
    for currency in sorted({each.currency for each in found}):
        net = {each.hour: each.net / 10 ** DIGITS[currency] for each in found if each.currency == currency}
        series.append({"name": currency, "values": [net.get(hour, 0) for hour in range(24)]})
    return {"labels": [f"{hour:02}:00" for hour in range(24)], "series": series}
