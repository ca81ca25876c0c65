"""Commands as one caller may see them: from Redis when they have ended, else from their table."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from api.problems import Problem, not_found_problem
from domain.access import may
from store import cache, commands, rendering
from store.clients import Caller
from store.commands import CommandRow

LATELY_SECONDS = 0.5
"""How long a look at a command that has not ended is good enough for whoever waits on for its end."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A command's JSON, and whether it has ended."""

    json: bytes
    is_final: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    client_id: int
    shown: Shown


_lately: dict[uuid.UUID, _Seen] = {}


def shown(caller: Caller, command_id: uuid.UUID) -> Shown:
    """The command as it stands; raises 404 or 410."""
    kept = cache.by_id(command_id)
    if kept is None:
        row = visible(caller, command_id)
        if row.purged_at is not None:
            detail = f"The command ended as {row.status}; its result is no longer kept."
            raise Problem(410, "result-expired", detail, final_status=row.status)
        cache.keep([row])
        return Shown(rendering.command_json(row), row.is_final)
    if not sees(caller, kept.client_id):
        raise not_found_problem()
    return Shown(kept.shown, is_final=True)


def shown_lately(caller: Caller, command_id: uuid.UUID) -> Shown | None:
    """The command as it stood a moment ago, if `as_they_stand` has looked at it then and it had not ended.

    For waits alone: the hub knows of every end that was told since then (api/hub.py), and looks for the others.
    """
    seen = _lately.get(command_id)
    if seen is None or seen.at < time.monotonic() - LATELY_SECONDS or not sees(caller, seen.client_id):
        return None
    return seen.shown


def as_they_stand(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Shown]:
    """Commands that somebody may see who has seen them before, all in one look; without those that are purged.

    One thread at a time may look.
    """
    at = time.monotonic()
    found = {kept.id: Shown(kept.shown, is_final=True) for kept in cache.by_ids(ids)}
    rows = commands.by_ids([command_id for command_id in ids if command_id not in found])
    cache.keep(rows)
    stand = {row.id: Shown(rendering.command_json(row), row.is_final) for row in rows}
    for command_id in ids:
        _lately.pop(command_id, None)
    _lately.update({row.id: _Seen(at, row.client_id, stand[row.id]) for row in rows if not row.is_final})
    _forget_old()
    return found | stand


def _forget_old() -> None:
    """The oldest stand first."""
    too_old = time.monotonic() - LATELY_SECONDS
    while _lately and _lately[oldest := next(iter(_lately))].at < too_old:
        del _lately[oldest]


def visible(caller: Caller, command_id: uuid.UUID) -> CommandRow:
    """The command's row, purged or not; raises 404 when there is none that the caller may see."""
    row = commands.by_id(command_id)
    if row is None or not sees(caller, row.client_id):
        raise not_found_problem()
    return row


def sees(caller: Caller, client_id: int) -> bool:
    """Whether the caller may see the commands of this client."""
    return client_id == caller.id or sees_all(caller)


def sees_all(caller: Caller) -> bool:
    """Whether the caller may see everybody's commands."""
    return may(caller.role, "commands.see_all")
