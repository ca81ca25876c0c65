"""Draining: batch after batch until no free lane has a ready command, or the time is up.

No wake-up is lost. A bell rings after its command has committed; a drain that finds the command's lane locked may go,
because whoever holds a lane always looks again after letting go of it.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from django.db import close_old_connections

from store.db import TRANSIENT
from worker.execute import BatchFailed, execute_batch, fail

SECONDS_MAX = 0.5
"""How long one drain goes on before it makes room for another."""
FAULTS_MAX = 8
"""How many passing faults in a row one drain meets before it leaves the rest to the next bell."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did: how many commands ended, in how many batches."""

    commands: int
    batches: int


def drain(first_lane: int, batch_max: int, ring: Callable[[Iterable[int]], None]) -> Drained:
    """Execute ready commands, those of `first_lane` first, for about `SECONDS_MAX` seconds at most.

    It rings once for a further drain: as soon as a batch is full, so that idle workers join in, or when time is up.
    """
    deadline = time.monotonic() + SECONDS_MAX
    commands = batches = faults = 0
    size = batch_max
    rung = False
    while faults < FAULTS_MAX:
        try:
            ended = execute_batch(first_lane, size)
        except BatchFailed as failed:
            faults += _met(failed)
            size = max(1, size // 2)
            continue
        if ended is None:
            break
        commands += ended
        batches += 1
        faults = 0
        size = min(batch_max, size * 2)
        late = time.monotonic() > deadline
        if not rung and (late or ended > batch_max // 2):
            ring([first_lane])
            rung = True
        if late:
            break
    return Drained(commands, batches)


def _met(failed: BatchFailed) -> bool:
    """Wait a passing fault out, or end the culprit that stands alone; whether the fault may pass."""
    cause = failed.__cause__
    passing = isinstance(cause, TRANSIENT)
    log.warning("batch.failed", commands=len(failed.claimed), passing=passing, cause=str(cause).strip())
    if passing:
        close_old_connections()
        time.sleep(0.1)
    elif len(failed.claimed) == 1:
        fail(failed.claimed[0], cause)
    return passing or not failed.claimed
