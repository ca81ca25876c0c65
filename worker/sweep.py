"""The sweep: what no bell tells. Twice a second; any number of sweepers may run at once."""

import structlog

from domain import result
from domain.decision import EXPIRED
from store import changes, deliveries, ending, inbox, queue
from store.changes import Change
from worker.bell import bell

log = structlog.get_logger()


def sweep() -> list[int]:
    """Make ready what has become due, end what has expired: the lane to ring for if ready commands wait, or none."""
    inbox.unpark()
    expired = ending.expire(result.of_refused(EXPIRED))
    if expired.ids:
        changes.tell(Change.ENDED, expired.ids)
        log.info("commands.expired", commands=len(expired.ids))
    if expired.deliveries or deliveries.are_due():
        bell.ring_courier()
    return queue.a_ready_lane()
