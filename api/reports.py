"""Reports over HTTP: what a day has brought in, for people as JSON or CSV."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import exports
from api.authentication import caller_of, demand
from api.negotiation import AnyNegotiation
from api.pages import filters_of
from api.schema.operation import Answer, described
from domain.fields import Choice, Day, Text, optional, required
from domain.money import to_text
from store import reports
from store.reports import Takings

_MONEY = ("sales", "refunds", "net", "tax")
_COUNTS = ("sales_count", "refunds_count")


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyFilters:
    """The day, in UTC; one client by name, or all of them."""

    date: date = required(Day())
    client: str | None = optional(Text(maximum=64))
    format: str = optional(Choice(("json", "csv")), "json")


class DailyView(APIView):
    """`GET /reports/daily`."""

    content_negotiation_class = AnyNegotiation

    @described("read_daily_report", {200: Answer("DailyReport")}, query=DailyFilters, right="accounting.read")
    def get(self, request: Request) -> HttpResponseBase:
        """The Z-report of a day.

        Sales, refunds and the tax in them, by till and method, and in all. A day begins at midnight UTC. With
        `format=csv` the rows as a file.
        """
        demand(caller_of(request), "accounting.read")
        filters = filters_of(DailyFilters, request)
        rows = reports.takings(*day(filters.date), filters.client)
        if filters.format == "csv":
            return as_file(filters.date, rows)
        return Response(report(filters.date, filters.client, rows))


def day(asked: date) -> tuple[datetime, datetime]:
    """When it begins and when the next one does."""
    start = datetime.combine(asked, time(), UTC)
    return start, start + timedelta(days=1) if asked < date.max else datetime.max.replace(tzinfo=UTC)


def report(asked: date, client: str | None, rows: Sequence[Takings]) -> dict[str, Any]:
    """As clients see it."""
    return {
        "date": asked.isoformat(),
        "client": client,
        "totals": totals(rows),
        "takings": [_shown(row) for row in rows],
    }


def totals(rows: Sequence[Takings]) -> list[dict[str, Any]]:
    """One for each currency."""
    currencies = sorted({row.currency for row in rows})
    return [_sums([row for row in rows if row.currency == currency]) for currency in currencies]


def as_file(asked: date, rows: Iterable[Takings]) -> HttpResponse:
    """The rows as CSV, a line each, after a line of names."""
    names = ("client", "method", "currency", *_COUNTS, *_MONEY)
    text = exports.rows([names, *([_shown(row)[name] for name in names] for row in rows)])
    headers = {"Content-Disposition": f'attachment; filename="takings-{asked}.csv"', "Cache-Control": "no-store"}
    return HttpResponse(text, content_type=exports.CSV, headers=headers)


def _shown(row: Takings) -> dict[str, Any]:
    return {"client": row.client, "method": row.method, **_sums([row])}


def _sums(rows: Sequence[Takings]) -> dict[str, Any]:
    """Rows of one currency added up."""
    currency = rows[0].currency
    counts = {name: sum(getattr(row, name) for row in rows) for name in _COUNTS}
    money = {name: to_text(sum(getattr(row, name) for row in rows), currency) for name in _MONEY}
    return {"currency": currency, **counts, **money}
