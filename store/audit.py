"""The audit trail: who did what beside commands, which are their own record."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.clients import Caller
from store.models import AuditEntry

API, ADMIN, CLI = "api", "admin", "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts and on which way in; `caller` is None for somebody whom no client stands for."""

    name: str
    via: str
    caller: Caller | None = None
    request_id: str | None = None
    address: str | None = None


def record(
    actor: Actor, action: str, subject_type: str, subject_id: object, changes: Mapping[str, object] | None = None
) -> None:
    """Write what is done into the transaction that does it.

    `changes` has `{"field": [before, after]}` in values that JSON knows, and no secret.
    """
    AuditEntry.objects.create(
        client_id=actor.caller.id if actor.caller else None,
        actor=actor.name,
        via=actor.via,
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        changes=dict(changes or {}),
        request_id=actor.request_id,
        address=actor.address,
    )
