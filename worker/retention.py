"""Retention, a bite of each kind at a time, so that the sweeper, which shares this process, is never kept waiting."""

import structlog

from store import retention

log = structlog.get_logger()


def retain() -> None:
    """Let results, keys and events go that are due, the oldest few hundred of each."""
    purged = retention.purge()
    if purged:
        log.info("commands.purged", commands=purged)
    deleted = retention.delete()
    if deleted:
        log.info("commands.deleted", commands=deleted)
    forgotten = retention.forget_events()
    if forgotten:
        log.info("events.forgotten", events=forgotten)
