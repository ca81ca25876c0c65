"""Commands over HTTP: submitted, read, cancelled, retried."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response
from rest_framework.views import APIView

from api import answers
from api.authentication import actor_of, caller_of, demand
from api.pages import Filters, asked, filters_of, page
from api.parsing import BATCH_BYTES_MAX
from api.prefer import wait_seconds
from api.problems import Problem, invalid
from api.rates import admitted, admitted_together
from api.reading import Shown, sees_all, visible
from api.schema.operation import Answer, described
from api.submission import Request, submit
from domain import registry
from domain.access import roles_of
from domain.fields import Breach, Choice, Identifier, Text, escape, optional
from domain.result import RETRYABLE
from store import changes, commands, ending, inbox, metrics, rendering
from store.audit import Actor
from store.changes import Change
from store.commands import CommandRow
from store.models import FINAL_STATUSES, OPEN_STATUSES, Client, Command
from worker.bell import bell

BATCH_MAX = 1_000
_SHOWN = ("Cache-Control", "Vary")
SUBMITTED = {
    200: Answer(
        "Command",
        ("Location", "Idempotent-Replayed", "Preference-Applied", *_SHOWN),
        text="The command has ended, well or badly: this is a replay, or it was waited for.",
    ),
    202: Answer(
        "Command",
        ("Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied", *_SHOWN),
        text="The command is stored, and will be executed.",
    ),
}
SUBMITTING = ("Idempotency-Key", "Prefer", "traceparent")
REFUSED = {
    400: ("idempotency-key-missing", "idempotency-key-invalid"),
    409: ("result-expired",),
    422: ("idempotency-key-reused",),
}
"""How every route that submits one command is described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFilters(Filters):
    """Which commands to list."""

    status: str | None = optional(Choice(OPEN_STATUSES + FINAL_STATUSES))
    type: str | None = optional(Choice(registry.names(internal=True)))
    order_id: uuid.UUID | None = optional(Identifier())
    idempotency_key: str | None = optional(Text(minimum=1, maximum=255, pattern=re.compile(r"[\x20-\x7e]+")))

    def conditions(self, client_id: int | None) -> dict[str, object]:
        """As the ORM's filter takes them, for one client's commands or all."""
        conditions = {
            "client_id": client_id,
            "status": self.status,
            "type": self.type,
            "order_id": self.order_id,
            "idempotency_key": self.idempotency_key,
        }
        return asked(conditions)

    def within(self, client_id: int | None) -> dict[str, object]:
        """The client, where PostgreSQL might rather walk through everybody's commands than through its few."""
        return {} if client_id is None or self.order_id or self.idempotency_key else {"client_id": client_id}


class CommandsView(APIView):
    """`POST /commands`, `GET /commands`."""

    submits = True

    @described(
        "submit_command",
        SUBMITTED,
        body="NewCommand",
        headers=SUBMITTING,
        problems=REFUSED | {422: ("idempotency-key-reused", "expired")},
        roles=roles_of("commands.submit"),
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept one command.

        `202`: the command is stored, and it will be executed exactly once, whatever dies meanwhile. `200`: it has
        ended already, for it is a replay or was waited for; its `status` says how. Which role may submit which type
        stands with the type, as `x-roles`.
        """
        caller = caller_of(request)
        [answer] = submit(caller, admitted(request), [Request(key_of(request), request.data)])
        return answers.submitted(caller, answer, wait_seconds(request))

    @described("list_commands", {200: Answer("CommandPage", _SHOWN)}, query=CommandFilters)
    def get(self, request: HttpRequest) -> Response:
        """The commands the caller may see, newest first.

        Managers and auditors see all, others their own. Those whose result is no longer kept are left out.
        """
        filters = filters_of(CommandFilters, request)
        client_id = None if sees_all(caller_of(request)) else caller_of(request).id
        within = filters.within(client_id)
        others = {name: each for name, each in filters.conditions(client_id).items() if name not in within}
        rows = Command.objects.filter(purged_at=None, **others).values(*CommandRow.__slots__)
        if client_id is None and filters.idempotency_key is not None:
            rows = rows.filter(client_id__in=Client.objects.values("id"))  # the index on keys begins with their client
        response = page(request, filters, rows, ("-id",), _shown, within)
        for name, value in answers.HEADERS.items():
            response[name] = value
        return response


class BatchView(APIView):
    """`POST /commands/batch`."""

    submits = True
    body_bytes_max = BATCH_BYTES_MAX
    entries_apart = "commands"

    @described(
        "submit_batch",
        {200: Answer("BatchResults", _SHOWN)},
        body="NewBatch",
        headers=("traceparent",),
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept up to a thousand commands, each answered as if it had come alone.

        For a till that comes back online. The results stand in the order sent: each has the `status` that the command
        would have got alone, and `command` or `error`. The good ones are stored in one transaction, a bad one stops no
        other, and commands of one order keep the order sent. Pointers count from the entry.
        """
        asked = [_request(entry) for entry in _entries(request.data)]
        standing = admitted_together(request, self, len(asked))
        return answers.submitted_together(submit(caller_of(request), standing, asked))


class CommandView(APIView):
    """`GET /commands/{id}`."""

    @described(
        "read_command",
        {200: Answer("Command", ("ETag", "Retry-After", "Preference-Applied", *_SHOWN))},
        headers=("Prefer", "If-None-Match"),
        problems={410: ("result-expired",)},
    )
    def get(self, request: HttpRequest, command_id: uuid.UUID) -> HttpResponse:
        """The command, whatever its outcome; 304 when the caller has it as it is.

        `Retry-After` is there until the command is final. Its result is kept for 30 days, after that this is `410`.
        """
        if_none_match = request.META.get("HTTP_IF_NONE_MATCH", "")
        return answers.read(caller_of(request), command_id, if_none_match, wait_seconds(request))


class CancelView(APIView):
    """`POST /commands/{id}/cancel`."""

    @described(
        "cancel_command",
        {200: Answer("Command", _SHOWN)},
        problems={409: ("not-cancellable",)},
        roles=roles_of("commands.submit"),
    )
    def post(self, request: HttpRequest, command_id: uuid.UUID) -> HttpResponse:
        """Cancel a command that has not begun; again and again, with the same answer.

        Its submitter may, and a manager.
        """
        caller = caller_of(request)
        row = visible(caller, command_id)
        if row.client_id != caller.id:
            demand(caller, "commands.cancel_all")
        cancelled = row.status == "queued" and _cancel(row, actor_of(request))
        after = commands.by_id(row.id)
        assert after is not None, "commands are never deleted"
        if not cancelled and after.status != "cancelled":
            detail = f"The command is {after.status}; only a queued one of a client can be cancelled."
            raise Problem(409, "not-cancellable", detail)
        return _as_it_stands(after)


class RetryView(APIView):
    """`POST /commands/{id}/retry`."""

    @described(
        "retry_command",
        {202: Answer("Command", ("Retry-After", *_SHOWN))},
        problems={409: ("not-retryable",)},
        right="commands.retry",
    )
    def post(self, request: HttpRequest, command_id: uuid.UUID) -> HttpResponse:
        """Queue a command again that failed through no fault of its own.

        One that failed as `poisoned` or `internal-error`. It goes behind the other commands of its order; its attempts
        count on.
        """
        caller = caller_of(request)
        row = visible(caller, command_id)
        demand(caller, "commands.retry")
        lane = inbox.retry(row.id, sorted(RETRYABLE), actor_of(request))
        if lane is None:
            detail = f"Only commands that failed with {' or '.join(sorted(RETRYABLE))} can be retried."
            raise Problem(409, "not-retryable", detail)
        bell.ring([lane])
        after = commands.by_id(row.id)
        assert after is not None, "commands are never deleted"
        return _as_it_stands(after, status=202)


def key_of(request: HttpRequest) -> str | None:
    """The Idempotency-Key as it was sent, unchecked."""
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    return key


def _cancel(row: CommandRow, actor: Actor) -> bool:
    ended = ending.cancel(row.id, row.lane, actor)
    changes.tell(Change.ENDED, ended.ids)
    metrics.ended(ended.rows)
    bell.ring([row.lane])  # a drain that found the lane locked by this cancel has gone
    if ended.deliveries:
        bell.ring_courier()
    return bool(ended.ids)


def _shown(columns: Mapping[str, Any]) -> dict[str, Any]:
    return rendering.command(CommandRow(**columns))


def _as_it_stands(row: CommandRow, status: int = 200) -> HttpResponse:
    return answers.of_command(Shown(rendering.command_json(row), row.is_final), status=status)


def _entries(body: object) -> list[Any]:
    if not isinstance(body, dict):
        raise invalid([Breach("", "not-an-object", "must be a JSON object")])
    unknown = [
        Breach(f"/{escape(name)}", "unknown-field", "is not a known field") for name in body if name != "commands"
    ]
    if unknown:
        raise invalid(unknown)
    entries = body.get("commands")
    if not isinstance(entries, list) or not 1 <= len(entries) <= BATCH_MAX:
        raise invalid([Breach("/commands", "wrong-length", f"must be a list of 1 to {BATCH_MAX} entries")])
    return entries


def _request(entry: object) -> Request | Problem:
    if isinstance(entry, Problem):
        return entry
    if not isinstance(entry, dict):
        return invalid([Breach("", "not-an-object", "must be a JSON object")])
    return Request(key=entry.pop("idempotency_key", None), body=entry)
