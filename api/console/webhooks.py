"""Webhooks: where they go and how they fare there, each delivery with its tries."""

from datetime import UTC, datetime, timedelta

from django import forms
from django.http import HttpRequest

from api.console import doing, shown
from api.console.acts import Act, Asked
from api.console.lists import Filter, Rows, as_uuid, column, equals, one_of
from api.console.pages import Alert, Facts, Part, Record, Table, Text
from api.console.story import NEWEST_SHOWN
from domain.events import CATALOGUE
from store.models import DELIVERY_STATUSES, Client, Delivery, Endpoint

COUNTED_MAX = 1_000
"""Up to how many pending deliveries of an endpoint are counted."""


class ReplayForm(forms.Form):
    """From when on."""

    since = forms.DateTimeField(label="Since (UTC)", help_text="Such as 2026-11-21 15:00")


def _disable(asked: Asked, row: Endpoint) -> str:
    doing.switch(asked.actor, row, on=False)
    return "Disabled; what it had not been sent yet is cancelled."


def _enable(asked: Asked, row: Endpoint) -> str:
    doing.switch(asked.actor, row, on=True)
    return "Enabled, afresh. Replay what it has missed, if it wants that."


def _ping(asked: Asked, row: Endpoint) -> str:
    delivery = doing.ping(asked.actor, row)
    return f"A ping is on its way: delivery {delivery}."


def _replay(asked: Asked, row: Endpoint) -> str:
    count = doing.replay(asked.actor, row, asked.values["since"])
    return f"{count} event{'' if count == 1 else 's'} will be delivered again."


def _retry(asked: Asked, row: Delivery) -> str:
    doing.deliver_again(asked.actor, row)
    return "On its way again, under the same webhook-id."


def _is_on(row: Endpoint) -> bool:
    return row.is_active and row.deleted_at is None


class Endpoints(Record):
    """Enabled, disabled, pinged and replayed here; described by their owners."""

    acts = (
        Act(
            name="ping",
            label="Ping",
            right="webhooks.write",
            explains="A ping is sent now, whether the endpoint is enabled or not; its delivery tells what came of it.",
            do=_ping,
            applies=lambda row: row.deleted_at is None,
        ),
        Act(
            name="replay",
            label="Replay",
            right="webhooks.write",
            explains="Every event since then that it wants is delivered to it again, under the same webhook-ids.",
            do=_replay,
            form=ReplayForm,
            first=lambda _row: {"since": f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d %H:%M}"},
            applies=_is_on,
        ),
        Act(
            name="disable",
            label="Disable",
            right="webhooks.write",
            explains="Nothing more is sent to it, and what it has not been sent yet is cancelled. Enabled again, it "
            "starts afresh; what it missed can be replayed.",
            do=_disable,
            applies=_is_on,
            is_grave=True,
        ),
        Act(
            name="enable",
            label="Enable",
            right="webhooks.write",
            explains="It is sent whatever happens from now on.",
            do=_enable,
            applies=lambda row: not row.is_active and row.deleted_at is None,
        ),
    )
    filters = (
        Filter(
            name="state",
            label="State",
            choices=one_of(("active", "failing", "disabled", "deleted")),
            narrow=lambda rows, text: rows.filter(**_STATES[text]) if text in _STATES else rows.none(),
        ),
    )
    search_help_text = "Client, url or endpoint id"
    ordering = ("-id",)
    list_display = (
        column("Endpoint", lambda row: shown.link("endpoint", row.id, row.url)),
        column("State", lambda row: shown.state(_state(row))),
        column("Client", lambda row: shown.link("client", row.client_id, row.client.name)),
        column("Events", lambda row: f"{len(row.event_types)} types" if row.event_types else "all"),
        column("In order", lambda row: "yes" if row.ordered else "no"),
        column("Failing", lambda row: shown.ago(row.failing_since)),
        column("Created", lambda row: shown.time(row.created_at)),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of them, the deleted ones too."""
        return Endpoint.objects.select_related("client")

    def found(self, rows: Rows, text: str) -> Rows:
        """By id, url or client; there are a hundred a client at most."""
        an_id = as_uuid(text)
        if an_id is not None:
            return rows.filter(id=an_id)
        client = Client.objects.filter(name=text).first()
        return rows.filter(url=text) if client is None else rows.filter(client=client)

    def head(self, row: Endpoint) -> tuple[str, str]:
        """Where it is, and how it fares."""
        return row.url, _state(row)

    def parts(self, request: HttpRequest, row: Endpoint) -> list[Part]:
        """What is wrong with it, what it is, what it was sent."""
        parts: list[Part] = []
        if row.disabled_reason and not row.is_active:
            parts.append(Alert(title="Disabled", text=row.disabled_reason))
        elif row.failing_since:
            since = f"Every try has failed for {shown.length(datetime.now(UTC) - row.failing_since)}."
            parts.append(Alert(title="Failing", text=f"{since} After five days it is disabled by itself."))
        newest = Delivery.objects.filter(endpoint=row).order_by("endpoint_id", "-id")[:NEWEST_SHOWN]
        title = f"Its deliveries, newest first (up to {NEWEST_SHOWN})"
        return [*parts, _facts(row), of_deliveries(title, list(newest))]


_STATES: dict[str, dict[str, object]] = {
    "active": {"is_active": True, "deleted_at": None},
    "failing": {"is_active": True, "deleted_at": None, "failing_since__isnull": False},
    "disabled": {"is_active": False, "deleted_at": None},
    "deleted": {"deleted_at__isnull": False},
}


def _state(row: Endpoint) -> str:
    if row.deleted_at is not None:
        return "deleted"
    if not row.is_active:
        return "disabled"
    return "failing" if row.failing_since else "active"


def _facts(row: Endpoint) -> Facts:
    pending = Delivery.objects.filter(endpoint=row, status="pending").values("id")[: COUNTED_MAX + 1].count()
    return Facts(
        title="Facts",
        rows=[
            ("Endpoint", shown.mono(row.id)),
            ("Client", shown.link("client", row.client_id, row.client.name)),
            ("Event types", ", ".join(row.event_types) or "all"),
            ("In order", "yes, an order's events one after the other" if row.ordered else "no"),
            ("Description", shown.or_nothing(row.description)),
            ("Pending deliveries", f"more than {COUNTED_MAX}" if pending > COUNTED_MAX else pending),
            ("Failing since", shown.time(row.failing_since)),
            ("Created", shown.time(row.created_at)),
            ("Deleted", shown.time(row.deleted_at)),
        ],
    )


def of_deliveries(title: str, found: list[Delivery]) -> Table:
    """Deliveries as a part of another page."""
    return Table(
        title=title,
        heads=("Delivery", "Event", "Status", "Attempts#", "Next attempt", "Created"),
        rows=[
            [
                shown.link("delivery", each.id),
                each.event_type,
                shown.state(each.status),
                each.attempts_made,
                shown.time(each.next_attempt_at),
                shown.time(each.created_at),
            ]
            for each in found
        ],
        empty="Nothing has been sent.",
    )


class Deliveries(Record):
    """Read alone; each can be sent again."""

    acts = (
        Act(
            name="retry",
            label="Send again",
            right="webhooks.write",
            explains="It is sent now, under the same webhook-id, and tried afresh until it arrives.",
            do=_retry,
        ),
    )
    filters = (
        Filter(name="status", label="Status", choices=one_of(DELIVERY_STATUSES), narrow=equals("status")),
        Filter(name="type", label="Event", choices=one_of(tuple(CATALOGUE)), narrow=equals("event_type")),
    )
    search_help_text = "Delivery, event (webhook-id) or endpoint id"
    ordering = ("-id",)
    list_display = (
        column("Delivery", lambda row: shown.link("delivery", row.id)),
        column("Event", lambda row: row.event_type),
        column("Status", lambda row: shown.state(row.status)),
        column("Endpoint", lambda row: shown.link("endpoint", row.endpoint_id, row.endpoint.url)),
        column("Attempts", lambda row: row.attempts_made),
        column("Next attempt", lambda row: shown.time(row.next_attempt_at)),
        column("Created", lambda row: shown.time(row.created_at)),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of them, each with its endpoint."""
        return Delivery.objects.select_related("endpoint", "event")

    def found(self, rows: Rows, text: str) -> Rows:
        """By their own id, their event's or their endpoint's."""
        an_id = as_uuid(text)
        for column_ in ("id", "event_id") if an_id is not None else ():
            if rows.filter(**{column_: an_id}).exists():
                return rows.filter(**{column_: an_id})
        return rows.none() if an_id is None else rows.filter(endpoint_id=an_id).order_by("endpoint_id", "-id")

    def head(self, row: Delivery) -> tuple[str, str]:
        """What is told, and whether it arrived."""
        return row.event_type, row.status

    def parts(self, request: HttpRequest, row: Delivery) -> list[Part]:
        """Where it goes, each try, and what it says."""
        return [_sent(row), _tries(row), Text(title="What it says", text=shown.as_json(row.event.data))]


def _sent(row: Delivery) -> Facts:
    event = row.event
    return Facts(
        title="Facts",
        rows=[
            ("Delivery", shown.mono(row.id)),
            ("Event (webhook-id)", shown.mono(event.id)),
            ("Endpoint", shown.link("endpoint", row.endpoint_id, row.endpoint.url)),
            ("Order", shown.link("order", event.order_id)),
            ("Sequence", shown.or_nothing(event.sequence)),
            ("Happened", shown.time(event.occurred_at)),
            ("Attempts since the last start", row.attempts_made),
            ("Next attempt", shown.time(row.next_attempt_at)),
            ("In a courier's hands until", shown.time(row.leased_until)),
            ("Created", shown.time(row.created_at)),
        ],
    )


def _tries(row: Delivery) -> Table:
    return Table(
        title=f"Attempts, newest first (up to {NEWEST_SHOWN})",
        heads=("Time", "Answer", "Took#", "Error", "Body"),
        rows=[
            [
                shown.time(each.at),
                shown.or_nothing(each.status),
                shown.length(timedelta(milliseconds=each.duration_ms)),
                shown.or_nothing(each.error),
                shown.mono(each.body),
            ]
            for each in row.tries.order_by("-at")[:NEWEST_SHOWN]
        ],
        empty="Not tried yet.",
    )
