"""Commands that no till can make on purpose."""

import uuid

from store.models import Command
from tests.guards import guards_asleep
from tests.till import Till

ITEMS = [{"sku": "TEA", "qty": 1}]


def dead_letter(till: Till, code: str = "internal-error") -> str:
    """A command that broke; its id. Executed again it succeeds."""
    created = till.submit("order.create", {"items": ITEMS})
    command_id: str = created.body["id"]
    error = {"type": f"/problems/{code}", "title": "It broke", "detail": "Boom.", "code": code, "retryable": True}
    with guards_asleep():
        row = Command.objects.get(id=command_id)
        Command.objects.filter(id=command_id).update(
            status="failed", error=error, finished_at=row.accepted_at, started_at=row.accepted_at, attempts=1
        )
    return command_id


def queued(till: Till) -> str:
    """A command that nobody has executed yet; its id."""
    command_id: str = till.submit("order.create", {"items": ITEMS}, order_id=str(uuid.uuid4())).body["id"]
    return command_id


def status_of(command_id: str) -> str:
    """How it stands."""
    return Command.objects.values_list("status", flat=True).get(id=command_id)
