"""Housekeeping, a bite of each kind at a time, so that the sweeper in the same process is never kept waiting."""

import structlog

from store import deliveries, retention

log = structlog.get_logger()


def retain() -> None:
    """Let results, keys and events go that are due, the oldest few hundred of each; cancel what is never to be sent."""
    purged = retention.purge()
    if purged:
        log.info("commands.purged", commands=purged)
    deleted = retention.delete()
    if deleted:
        log.info("commands.deleted", commands=deleted)
    forgotten = retention.forget_events()
    if forgotten:
        log.info("events.forgotten", events=forgotten)
    cancelled = deliveries.cancel_left_behind()
    if cancelled:
        log.info("deliveries.cancelled", deliveries=cancelled)
