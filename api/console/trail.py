"""The audit trail: who did what beside commands."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from api.console import shown
from api.console.lists import Filter, Rows, as_uuid, column, equals, one_of
from api.console.pages import Facts, Part, Record, Table, Text
from api.console.story import NEWEST_SHOWN
from store.models import AuditEntry

SUBJECTS = ("client", "product", "customer", "endpoint", "delivery", "command")


def _subject(row: AuditEntry) -> object:
    if row.subject_type in {"command", "product", "customer", "endpoint", "delivery"} and as_uuid(row.subject_id):
        return shown.link(row.subject_type, as_uuid(row.subject_id), f"{row.subject_type} {row.subject_id[:8]}…")
    return f"{row.subject_type} {row.subject_id}"


def _changes(row: AuditEntry) -> str:
    told = [f"{name}: {_before_and_after(value)}" for name, value in row.changes.items()]
    text = ", ".join(told)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _before_and_after(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        return f"{shown.or_nothing(value[0])} → {shown.or_nothing(value[1])}"
    return str(value)


class Trail(Record):
    """Append-only, and so read alone."""

    filters = (
        Filter(name="action", label="Action", narrow=equals("action")),
        Filter(
            name="via",
            label="Via",
            choices=one_of(("api", "admin", "cli")),
            narrow=equals("via"),
        ),
    )
    search_help_text = "What it was done to: an id or a name"
    list_note = "Commands are not listed here: they are their own record, with their client and key."
    ordering = ("-id",)
    list_display = (
        column("Entry", lambda row: shown.link("auditentry", row.id, f"#{row.id}")),
        column("Time", lambda row: shown.time(row.at)),
        column("Who", lambda row: row.actor),
        column("Via", lambda row: row.via),
        column("Action", lambda row: row.action),
        column("To", _subject),
        column("Changes", _changes),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of it."""
        return AuditEntry.objects.all()

    def found(self, rows: Rows, text: str) -> Rows:
        """By what it was done to."""
        an_id = as_uuid(text)
        return _entries(SUBJECTS, [text if an_id is None else str(an_id)])

    def head(self, row: AuditEntry) -> tuple[str, str]:
        """Who did what."""
        return str(row), row.via

    def parts(self, request: HttpRequest, row: AuditEntry) -> list[Part]:
        """All of the entry."""
        facts = [
            ("Time", shown.time(row.at)),
            ("Who", row.actor),
            ("Via", row.via),
            ("Action", row.action),
            ("To", _subject(row)),
            ("From address", shown.or_nothing(row.address)),
            ("Request", shown.mono(row.request_id)),
        ]
        return [
            Facts(title="Facts", rows=facts),
            Text(title="Changes, before and after", text=shown.as_json(row.changes)),
        ]


def _entries(subjects: Sequence[str], ids: Sequence[str]) -> Rows:
    return AuditEntry.objects.filter(subject_type__in=subjects, subject_id__in=ids).order_by("-id")


def entries_of(subject: str, ids: Sequence[str]) -> list[AuditEntry]:
    """The newest entries about a thing, and about its keys and its person."""
    return list(_entries([subject], ids)[:NEWEST_SHOWN])


def of_entries(title: str, found: Sequence[AuditEntry]) -> Table:
    """Entries as a part of another page."""
    return Table(
        title=title,
        heads=("Time", "Who", "Via", "Action", "Changes"),
        rows=[[shown.time(each.at), each.actor, each.via, each.action, _changes(each)] for each in found],
        empty="Nothing is recorded.",
    )
