"""The books over HTTP: entries, accounts, balances, and the export. Nothing here changes anything."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet, Sum
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import exports
from api.authentication import caller_of, demand
from api.negotiation import AnyNegotiation
from api.pages import Filters, filters_of, page
from api.schema.operation import Answer, described
from domain import books, money
from domain.fields import Choice, Identifier, Moment, optional, required
from store import rendering
from store.models import JournalEntry, Posting

_ACCOUNTS = tuple(account.code for account in books.CHART)
_EXPORTED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilters(Filters):
    """Which entries to list: `from` that moment, up to but without the moment `to`."""

    order_id: uuid.UUID | None = optional(Identifier())
    account: str | None = optional(Choice(_ACCOUNTS))
    from_: datetime | None = optional(Moment())
    to: datetime | None = optional(Moment())


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFilters:
    """The moment up to which, itself included, entries count; all of them without it."""

    at: datetime | None = optional(Moment())


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilters:
    """The form, and which entries, as in the list."""

    format: str = required(Choice(tuple(exports.FORMS)))
    from_: datetime | None = optional(Moment())
    to: datetime | None = optional(Moment())


class EntriesView(APIView):
    """`GET /accounting/entries`."""

    @described("list_entries", {200: Answer("EntryPage")}, query=EntryFilters, right="accounting.read")
    def get(self, request: Request) -> Response:
        """The entries, newest first."""
        demand(caller_of(request), "accounting.read")
        filters = filters_of(EntryFilters, request)
        rows = _between(filters.from_, filters.to)
        if filters.order_id is not None:
            rows = rows.filter(order_id=filters.order_id)
        if filters.account is not None:
            rows = rows.filter(id__in=Posting.objects.filter(account=filters.account).values("entry_id"))
        return page(request, filters, rows, ("-id",), rendering.entry)


class AccountsView(APIView):
    """`GET /accounting/accounts`."""

    @described("list_accounts", {200: Answer("AccountPage")}, right="accounting.read")
    def get(self, request: Request) -> Response:
        """The chart of accounts."""
        demand(caller_of(request), "accounting.read")
        return _whole([{"account": each.code, "name": each.name, "type": each.type} for each in books.CHART])


class BalancesView(APIView):
    """`GET /accounting/balances`."""

    @described("read_balances", {200: Answer("BalancePage")}, query=BalanceFilters, right="accounting.read")
    def get(self, request: Request) -> Response:
        """What was debited and credited to each account in each currency; `balance` is the one less the other."""
        demand(caller_of(request), "accounting.read")
        filters = filters_of(BalanceFilters, request)
        rows = Posting.objects.filter(entry__occurred_at__lte=filters.at) if filters.at else Posting.objects.all()
        sums = rows.values("account", "currency").annotate(
            debit=Sum("amount", filter=Q(amount__gt=0), default=0),
            credit=Sum("amount", filter=Q(amount__lt=0), default=0),
        )
        return _whole([_balance(each) for each in sorted(sums, key=lambda each: (each["account"], each["currency"]))])


class ExportView(APIView):
    """`GET /accounting/export`: sent while it is read, so that its length does not matter."""

    content_negotiation_class = AnyNegotiation

    @described(
        "export_entries",
        {200: Answer("Text", media_type="text/plain")},
        query=ExportFilters,
        right="accounting.read",
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The entries, oldest first, as Beancount or CSV."""
        demand(caller_of(request), "accounting.read")
        filters = filters_of(ExportFilters, request)
        form = exports.FORMS[filters.format]
        return StreamingHttpResponse(
            form.write(_oldest_first(_between(filters.from_, filters.to))),
            content_type=form.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="orderly.{form.ending}"',
                "Cache-Control": "no-store",
            },
        )


def _between(start: datetime | None, end: datetime | None) -> QuerySet[JournalEntry]:
    rows = JournalEntry.objects.prefetch_related(Prefetch("postings", Posting.objects.order_by("position")))
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    if end is not None:
        rows = rows.filter(occurred_at__lt=end)
    return rows


def _oldest_first(rows: QuerySet[JournalEntry]) -> Iterator[list[dict[str, Any]]]:
    """Some at a time, each time by a query of its own: no transaction stays open between them."""
    rows = rows.order_by("occurred_at", "id")
    found = list(rows[:_EXPORTED_AT_ONCE])
    while found:
        yield [rendering.entry(each) for each in found]
        last = found[-1]
        later = Q(occurred_at__gt=last.occurred_at) | Q(occurred_at=last.occurred_at, id__gt=last.id)
        found = list(rows.filter(later, occurred_at__gte=last.occurred_at)[:_EXPORTED_AT_ONCE])


def _balance(sums: Mapping[str, Any]) -> dict[str, Any]:
    debit, credit = int(sums["debit"]), -int(sums["credit"])
    amounts = {"debit": debit, "credit": credit, "balance": debit - credit}
    shown = {name: money.to_text(amount, sums["currency"]) for name, amount in amounts.items()}
    return {"account": sums["account"], **shown, "currency": sums["currency"]}


def _whole(rows: list[dict[str, Any]]) -> Response:
    return Response({"results": rows, "next": None, "previous": None})
