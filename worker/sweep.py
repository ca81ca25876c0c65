"""The sweep: what no bell tells. Twice a second; any number of sweepers may run at once."""

import structlog

from domain import result
from domain.decision import EXPIRED
from store import changes, inbox, queue
from store.changes import Change

log = structlog.get_logger()


def sweep() -> list[int]:
    """Make ready what has become due, end what has expired: the lane to ring for if ready commands wait, or none."""
    inbox.unpark()
    expired = inbox.expire(result.of_refused(EXPIRED))
    if expired:
        changes.tell(Change.ENDED, expired)
        log.info("commands.expired", commands=len(expired))
    return queue.a_ready_lane()
