"""The story of one command, part by part, and commands as parts of other pages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from api.console import shown
from api.console.lists import Rows
from api.console.pages import Alert, Facts, Table
from domain import registry
from domain.result import RETRYABLE
from store import ids
from store.models import Command, Delivery, Event

NEIGHBOURS = 8
"""How many commands of the order stand before and after one."""
NEWEST_SHOWN = 30
"""How many rows a part of a page shows."""
_EVENTS_AROUND = timedelta(seconds=5)


def is_dead(row: Command) -> bool:
    """Whether it failed through no fault of its own, and may be retried."""
    return row.status == "failed" and (row.error or {}).get("code") in RETRYABLE


def is_own(row: Command) -> bool:
    """Whether Orderly itself has submitted it, so that nobody cancels it."""
    kind = registry.find(row.type)
    return kind is not None and kind.is_internal


def listed() -> Rows:
    """Commands with no more than lists show."""
    return Command.objects.select_related("client").defer("payload", "result", "traceparent", "body_hash")


def took(row: Command) -> str:
    """From acceptance to the end, or until now."""
    end = row.finished_at or datetime.now(UTC)
    return f"{shown.length(end - row.accepted_at)}{'' if row.finished_at else '…'}"


def problem(row: Command) -> Alert:
    """Why it did not succeed, and what that means."""
    error = row.error or {}
    if is_dead(row):
        hint = "It was not refused, it broke: once the cause is mended, it may be retried."
    elif row.status == "uncertain":
        hint = "It may have succeeded or not; its order waits meanwhile, and may not be paid in another way."
    else:
        hint = "This is an answer, not a fault: the same command would be answered so again."
    return Alert(title=f"{error.get('title', '')} ({error.get('code', '')})", text=f"{error.get('detail', '')} {hint}")


def steps(row: Command) -> Table:
    """What happened when, and how long after the step before."""
    steps: list[tuple[str, datetime | None]] = [
        ("At the till", row.occurred_at),
        ("Accepted", row.accepted_at),
        ("Not before", row.not_before),
        ("Started", row.started_at),
        ("Uncertain", row.moved_at if row.status == "uncertain" else None),
        (row.status.capitalize(), row.finished_at),
        ("Purged", row.purged_at),
    ]
    if row.finished_at is None:
        steps.append(("Expires", row.expires_at))
    rows, before = [], None
    for name, moment in steps:
        if moment is not None:
            rows.append([name, shown.time(moment), "" if before is None else shown.length(moment - before)])
            before = moment
    if row.finished_at is None:
        rows.append([f"Still {row.status}", shown.NOTHING, shown.length(datetime.now(UTC) - row.accepted_at)])
    return Table(title="Timeline", heads=("Step", "Time", "After#"), rows=rows, empty="")


def facts(row: Command) -> Facts:
    """What it says of itself."""
    return Facts(
        title="Facts",
        rows=[
            ("Command", shown.mono(row.id)),
            ("Order", shown.link("order", row.order_id, str(row.order_id)) if row.order_id else shown.NOTHING),
            ("Client", shown.link("client", row.client_id, row.client.name)),
            ("Idempotency key", shown.mono(row.idempotency_key)),
            ("Lane and place in it", f"{row.lane}, {row.seq}"),
            ("Attempts", row.attempts),
            ("Expected version", shown.or_nothing(row.expected_version)),
            ("Expires", shown.time(row.expires_at)),
            ("Not before", shown.time(row.not_before)),
            ("Device sequence", shown.or_nothing(row.device_sequence)),
            ("Request", shown.mono(row.request_id)),
            ("Trace", shown.mono(row.traceparent)),
        ],
    )


def around(row: Command) -> Table:
    """The order's commands before and after this one."""
    of_order = listed().filter(order_id=row.order_id)
    before = list(of_order.filter(id__lt=row.id).order_by("order_id", "-id")[:NEIGHBOURS])
    after = list(of_order.filter(id__gte=row.id).order_by("order_id", "id")[: NEIGHBOURS + 1])
    found = [*reversed(before), *after]
    return of_commands(f"The order's commands around it (up to {NEIGHBOURS} each way)", found, len(before))


def of_commands(title: str, found: Sequence[Command], marked: int | None = None) -> Table:
    """Commands as a part of another page."""
    return Table(
        title=title,
        heads=("Command", "Type", "Status", "Problem", "Client", "Accepted", "Took#"),
        rows=[
            [
                shown.link("command", each.id),
                each.type,
                shown.state(each.status),
                (each.error or {}).get("code", shown.NOTHING),
                each.client.name,
                shown.time(each.accepted_at),
                took(each),
            ]
            for each in found
        ],
        empty="No commands.",
        marked=marked,
    )


def newest_of(**columns: object) -> list[Command]:
    """The newest commands of an order or a client."""
    order = ("order_id", "-id") if "order_id" in columns else ("-id",)
    wanted = columns if "order_id" in columns else columns | {"purged_at": None}
    return list(listed().filter(**wanted).order_by(*order)[:NEWEST_SHOWN])


def deliveries(row: Command) -> Table:
    """What webhooks told of it. Events were written when it ended, and their ids begin with that time."""
    found: list[Delivery] = []
    if row.finished_at is not None:
        first, last = (ids.first_of(row.finished_at + way * _EVENTS_AROUND) for way in (-1, 1))
        told = Event.objects.filter(id__gte=first, id__lt=last).filter(
            Q(data__command_id=str(row.id)) | Q(data__command__id=str(row.id))
        )
        events = list(told.order_by("id").values_list("id", flat=True)[:NEWEST_SHOWN])
        wanted = Delivery.objects.filter(event_id__in=events).select_related("endpoint")
        found = list(wanted.order_by("event_id", "id")[:NEWEST_SHOWN]) if events else []
    return Table(
        title="Webhooks of its events",
        heads=("Delivery", "Event", "Endpoint", "Status", "Attempts#", "Next attempt"),
        rows=[
            [
                shown.link("delivery", each.id),
                each.event_type,
                shown.link("endpoint", each.endpoint_id, each.endpoint.url),
                shown.state(each.status),
                each.attempts_made,
                shown.time(each.next_attempt_at),
            ]
            for each in found
        ],
        empty="None: it has not ended, no endpoint wanted to hear of it, or its events are no longer kept.",
    )
