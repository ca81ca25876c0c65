"""Commands: the list an operator narrows, the story of one, and the dead letters."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse

from api.console import doing, payments, shown, story
from api.console.acts import Act, Asked, Refused
from api.console.lists import Filter, Rows, as_uuid, column, equals, one_of
from api.console.pages import Alert, Part, Record, Text
from domain import commands, registry
from store import ids
from store.dashboard import COUNTED_MAX
from store.models import DEAD, FINAL_STATUSES, OPEN_STATUSES, Client, Command

NEWEST = 20_000
"""Among how many commands, from the newest on, a lane is looked for: there is no index on it but the queue's."""
RETRIED_MAX = 500
"""How many dead letters one act retries."""
DEAD_NOTE = "They broke, or killed their workers: nobody was told no. Mend the cause, then retry them."
_AGES = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}


def _of_client(rows: Rows, name: str) -> Rows:
    client = Client.objects.filter(name=name).first()
    return rows.none() if client is None else rows.filter(client=client)


def _of_lane(rows: Rows, text: str) -> Rows:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        return rows.none()
    newest = Command.objects.filter(purged_at=None).order_by("-id").values("id")[NEWEST : NEWEST + 1]
    last = newest.first()
    return rows.filter(lane=int(text), **({} if last is None else {"id__gt": last["id"]}))


def _of_age(rows: Rows, text: str) -> Rows:
    younger, _colon, age = text.partition(":")
    if age not in _AGES or younger not in {"last", "before"}:
        return rows.none()
    edge = ids.first_of(datetime.now(UTC) - _AGES[age])
    return rows.filter(id__gte=edge) if younger == "last" else rows.filter(id__lt=edge)


def _dead(rows: Rows, _text: str) -> Rows:
    return rows.filter(**DEAD)


def _cancel(asked: Asked, row: Command) -> str:
    doing.cancel(asked.actor, row)
    return "Cancelled: it will not be executed."


def _retry(asked: Asked, row: Command) -> str:
    if not doing.retry(asked.actor, [row]):
        raise Refused("It has been retried, or has ended otherwise, meanwhile.")
    return "Queued again, behind all others of its order."


def _hasten(asked: Asked, row: Command) -> str:
    doing.hasten(asked.actor, row)
    return "The provider is asked now; what it says will stand here."


def _retry_all(asked: Asked, shown_rows: Rows) -> str:
    rows = list(_dead(shown_rows, "").order_by("id")[:RETRIED_MAX])
    retried = doing.retry(asked.actor, rows)
    rest = "; press again for the next ones." if len(rows) == RETRIED_MAX else "."
    return f"{retried} dead letter{'' if retried == 1 else 's'} queued again, the oldest first{rest}"


def _how_many_dead(shown_rows: Rows) -> str:
    count = _dead(shown_rows, "").values("id")[: COUNTED_MAX + 1].count()
    if count > COUNTED_MAX:
        return f"There are over {COUNTED_MAX:,} dead letters on the list."
    return f"There {'is 1 dead letter' if count == 1 else f'are {count} dead letters'} on the list."


assert commands, "their module registers all types, which the filter offers"


class Commands(Record):
    """Read alone; a queued one can be cancelled, a dead letter retried, a provider that is silent asked again."""

    acts = (
        Act(
            name="cancel",
            label="Cancel command",
            right="commands.cancel_all",
            explains="The command is still queued. Cancelled, it will never be executed, and nothing brings it back: "
            "its client would have to send another one, under another key.",
            do=_cancel,
            applies=lambda row: row.status == "queued" and not story.is_own(row),
            is_grave=True,
        ),
        Act(
            name="retry",
            label="Retry",
            right="commands.retry",
            explains="It failed through no fault of its own. It is queued again behind all others of its order, and "
            "executed once more. Was its cause mended? A command that kills its workers will do so again.",
            do=_retry,
            applies=story.is_dead,
        ),
        Act(
            name="hasten",
            label="Ask the provider now",
            right="commands.retry",
            explains="The payment provider is asked what has come of it at once, not when its turn comes. That charges "
            "nobody twice, however often it is done: the provider knows it by the command's id.",
            do=_hasten,
            applies=payments.is_open,
        ),
    )
    list_acts = (
        Act(
            name="retry-dead",
            label="Retry all",
            right="commands.retry",
            explains="All that the list shows, as it is narrowed now, are queued again behind all others of their "
            f"orders, the oldest {RETRIED_MAX} at a time. Was their cause mended?",
            do=_retry_all,
            counted=_how_many_dead,
        ),
    )
    filters = (
        Filter(name="status", label="Status", choices=one_of(OPEN_STATUSES + FINAL_STATUSES), narrow=equals("status")),
        Filter(name="type", label="Type", choices=one_of(registry.names(internal=True)), narrow=equals("type")),
        Filter(
            name="age",
            label="Age",
            choices=[(f"last:{age}", f"younger than {age}") for age in _AGES]
            + [(f"before:{age}", f"older than {age}") for age in _AGES],
            narrow=_of_age,
        ),
        Filter(name="client", label="Client", narrow=_of_client),
        Filter(name="lane", label="Lane", narrow=_of_lane),
        Filter(name="dead", label="Dead letters", choices=[("yes", "only these")], narrow=_dead),
    )
    search_help_text = "Command id, order id or idempotency key"
    list_note = f"A lane is looked for among the newest {NEWEST:,} commands."
    ordering = ("-id",)
    list_display = (
        column("Command", lambda row: shown.link("command", row.id)),
        column("Type", lambda row: row.type),
        column("Status", lambda row: shown.state(row.status)),
        column("Problem", lambda row: (row.error or {}).get("code", shown.NOTHING)),
        column("Order", lambda row: shown.link("order", row.order_id)),
        column("Client", lambda row: shown.link("client", row.client_id, row.client.name)),
        column("Lane", lambda row: row.lane),
        column("Attempts", lambda row: row.attempts),
        column("Accepted", lambda row: shown.time(row.accepted_at)),
        column("Took", story.took),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """Those that still have what they said; a page needs no more than the list shows."""
        return story.listed().filter(purged_at=None)

    def list_acts_of(self, request: HttpRequest) -> Sequence[Act[Any]]:
        """Retrying all is for dead letters."""
        return self.list_acts if _asks_for_dead(request) else ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list under its name."""
        named = {"title": "Dead letters", "list_note": DEAD_NOTE} if _asks_for_dead(request) else {}
        return super().changelist_view(request, named | (extra_context or {}))

    def found(self, rows: Rows, text: str) -> Rows:
        """By id, order or key, each by its own index; purged ones too."""
        an_id, rows = as_uuid(text), story.listed()
        if an_id is not None and rows.filter(id=an_id).exists():
            return rows.filter(id=an_id)
        if an_id is not None and rows.filter(order_id=an_id).exists():
            return rows.filter(order_id=an_id).order_by("order_id", "-id")
        return rows.filter(client_id__in=Client.objects.values("id"), idempotency_key=text)  # its index begins so

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One of them with all it says."""
        an_id = as_uuid(object_id)
        return Command.objects.select_related("client").filter(id=an_id).first() if an_id else None

    def head(self, row: Command) -> tuple[str, str]:
        """What it is to do, and how it stands."""
        return row.type, row.status

    def parts(self, request: HttpRequest, row: Command) -> list[Part]:
        """Its problem first, then its story, then all it says."""
        parts: list[Part] = [story.problem(row)] if row.error else []
        asked = payments.question_of(row)
        parts += [payments.question(asked)] if asked is not None else []
        parts += [story.steps(row), story.facts(row)]
        if row.order_id is not None:
            parts.append(story.around(row))
        parts.append(story.deliveries(row))
        if row.purged_at is not None:
            return [*parts, Alert(title="Purged", text="Payload, result and error are no longer kept.")]
        said = [("Payload", row.payload), ("Result", row.result), ("Error", row.error)]
        return [*parts, *(Text(title=title, text=shown.as_json(what)) for title, what in said if what is not None)]


def _asks_for_dead(request: HttpRequest) -> bool:
    return request.GET.get("dead") == "yes"
