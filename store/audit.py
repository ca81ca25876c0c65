"""The audit trail: who did what beside commands, which are their own record. Its entries are kept for ever."""

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store import db

if TYPE_CHECKING:  # clients are administered under the eyes of the trail
    from store.clients import Caller

API, ADMIN, CLI = "api", "admin", "cli"

_RECORD = """
INSERT INTO audit_entry (client_id, actor, via, action, subject_type, subject_id, changes, request_id, address)
VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s::inet)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts and on which way in; `caller` is None for somebody whom no client stands for."""

    name: str
    via: str
    caller: "Caller | None" = None
    request_id: str | None = None
    address: str | None = None


def record(
    actor: Actor, action: str, subject_type: str, subject_id: object, changes: Mapping[str, object] | None = None
) -> None:
    """Write what is done into the transaction that does it.

    `changes` has `{"field": [before, after]}` in values that JSON knows, and no secret.
    """
    client_id = actor.caller.id if actor.caller else None
    told = json.dumps(dict(changes or {}))
    subject = (subject_type, str(subject_id))
    db.execute(_RECORD, [client_id, actor.name, actor.via, action, *subject, told, actor.request_id, actor.address])


def created(columns: Mapping[str, object]) -> dict[str, object]:
    """The changes of something that was not there before."""
    return {name: [None, value] for name, value in columns.items()}


def at_console() -> Actor:
    """Whoever runs a command of `manage.py`: the user of the operating system."""
    try:
        name = getpass.getuser()
    except OSError:  # a container may run as a number without a name
        name = f"uid {os.getuid()}"
    return Actor(name=name, via=CLI)
