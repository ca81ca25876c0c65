"""The sweep: what no bell tells. Twice a second; any number of sweepers may run at once."""

import itertools

import structlog

from domain import result
from domain.decision import EXPIRED
from store import asking, changes, deliveries, ending, inbox, metrics, queue
from store.changes import Change
from worker.bell import bell
from worker.reporting import LINE_COMMANDS_MAX, named

log = structlog.get_logger()


def sweep() -> list[int]:
    """Make ready what has become due, end what has expired: the lane to ring for if ready commands wait, or none."""
    inbox.unpark()
    expired = ending.expire(result.of_refused(EXPIRED))
    if expired.ids:
        changes.tell(Change.ENDED, expired.ids)
        metrics.ended(expired.rows)
        for part in itertools.batched(expired.rows, LINE_COMMANDS_MAX, strict=False):
            log.info("commands.expired", size=len(expired.rows), commands=[named(row) for row in part])
    if expired.deliveries or deliveries.are_due():
        bell.ring_courier()
    if asking.is_due():
        bell.ring_payments()
    metrics.swept()
    return queue.a_ready_lane()
