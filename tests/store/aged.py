"""Commands that ended long ago, as no test can wait for them."""

import uuid
from datetime import timedelta
from typing import Any, LiteralString

from store.models import FINAL_STATUSES, Command
from tests.guards import guards_asleep
from tests.store.shop import execute
from tests.till import Till

PURGE: LiteralString = "UPDATE command SET payload = NULL, result = NULL, error = NULL, purged_at = now() WHERE id = %s"
DELETE: LiteralString = "DELETE FROM command WHERE id = %s"


def aged(
    till: Till, days: float, status: str = "succeeded", *, purged: bool = False, code: str = "poisoned", key: str = ""
) -> str:
    """The id of a command that ended so many days ago, or goes on since then; made past the guards."""
    command_id: str = till.submit("order.create", {"note": "x"}, key=key or str(uuid.uuid4())).body["id"]
    ago = timedelta(days=days)
    with guards_asleep():
        execute(
            "UPDATE command SET status = %s, accepted_at = now() - %s, "
            "finished_at = CASE WHEN %s THEN now() - %s END, "
            "result = CASE WHEN %s THEN '{}'::jsonb END, "
            "error = CASE WHEN %s THEN jsonb_build_object('code', %s::text) END WHERE id = %s",
            status, ago, status in FINAL_STATUSES, ago, status == "succeeded", status == "failed", code, command_id,
        )  # fmt: skip
        if purged:
            execute(PURGE, command_id)
    return command_id


def row(command_id: str) -> dict[str, Any]:
    """The whole command as it stands in its table."""
    return dict(Command.objects.filter(id=command_id).values().get())
