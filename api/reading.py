"""Commands as one caller may see them: from Redis when they have ended, else from their table."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from api.problems import Problem, not_found_problem
from domain.access import may
from store import cache, commands, rendering
from store.clients import Caller
from store.commands import CommandRow


@dataclass(frozen=True, slots=True)
class Shown:
    """A command's JSON, and whether it has ended."""

    json: bytes
    is_final: bool


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


def as_they_stand(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Shown]:
    """Commands that somebody may see who has seen them before, all in one look; without those that are purged."""
    found = {kept.id: Shown(kept.shown, is_final=True) for kept in cache.by_ids(ids)}
    rows = commands.by_ids([command_id for command_id in ids if command_id not in found])
    cache.keep(rows)
    return found | {row.id: Shown(rendering.command_json(row), row.is_final) for row in rows}


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
