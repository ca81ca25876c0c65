"""Draining: batch after batch until no free lane has a ready command, or the time is up.

No wake-up is lost. A bell rings after its command has committed; a drain that finds the command's lane locked may go,
because whoever holds a lane always looks again after letting go of it. A bell is spared while a drain is awake, because
that drain looks again after taking down its sign.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import close_old_connections

from store import awake, db, metrics
from worker.execute import BatchFailed, execute_batch, fail

SECONDS_MAX = 1.0
"""How long one drain goes on before it makes room for another."""
GATHER_SECONDS = 0.008
"""The pause after a small batch: commands that come meanwhile share the next one."""
PATIENCE = 6
"""How often in a row a drain looks for commands and finds none before it goes: a look costs less than a message."""
LANES_MIN, LANES_FIRST, LANES_MAX = 4, 32, 64
"""How many lanes a batch fills itself from: all it finds while there is little to do; while there is plenty, few, so
that other drains find some."""
FAULTS_MAX = 8
"""How many passing faults in a row one drain meets before it leaves the rest to the next bell."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did: how many commands ended, in how many batches."""

    commands: int
    batches: int


def drain(first_lane: int, batch_max: int, ring: Callable[[int], None], patience: int = PATIENCE) -> Drained:
    """Execute ready commands, those of `first_lane` first, for about `SECONDS_MAX` seconds at most.

    It rings for another drain as soon as there is plenty, so that idle workers join in, and when its time is up.
    """
    deadline = time.monotonic() + SECONDS_MAX
    work = _Work(first_lane, batch_max)
    in_vain = 0
    rung = False
    awake.show()
    while time.monotonic() < deadline and work.faults < FAULTS_MAX:
        in_vain = 0 if work.look() else in_vain + 1
        if work.is_plenty and not rung:
            ring(first_lane)
            rung = True
        if in_vain == patience:
            awake.hide()
            if not work.look():
                return work.drained
            awake.show()
            in_vain = 0
        if not work.is_plenty:
            time.sleep(GATHER_SECONDS)
    awake.hide()
    if not work.faults:
        ring(first_lane)
    return work.drained


class _Work:
    """What a drain has done so far, and how much it takes at a time.

    After a fault batches are halved, until a culprit stands alone.
    """

    def __init__(self, first_lane: int, batch_max: int) -> None:
        self.drained = Drained(commands=0, batches=0)
        self.faults = 0
        self.is_plenty = False
        self._first_lane = first_lane
        self._batch_max = self._batch = batch_max
        self._lanes = LANES_FIRST

    def look(self) -> bool:
        """Execute a batch, if there is one; whether there was."""
        try:
            ended = execute_batch(self._first_lane, self._batch, self._lanes)
        except BatchFailed as failed:
            self.faults += _met(failed)
            self._batch = max(1, self._batch // 2)
            return True
        self.faults = 0
        self.is_plenty = (ended or 0) > self._batch_max // 2
        self._lanes = max(LANES_MIN, self._lanes // 2) if self.is_plenty else min(LANES_MAX, self._lanes * 2)
        if ended is None:
            return False
        self._batch = min(self._batch_max, self._batch * 2)
        self.drained = Drained(self.drained.commands + ended, self.drained.batches + 1)
        return True


def _met(failed: BatchFailed) -> bool:
    """Wait a passing fault out, or end the culprit that stands alone; whether the fault may pass."""
    cause = failed.__cause__
    passing = db.may_pass(cause)
    metrics.batch_failed(passing=passing)
    log.warning("batch.failed", commands=len(failed.claimed), passing=passing, cause=str(cause).strip())
    if passing:
        close_old_connections()
        time.sleep(0.1)
    elif len(failed.claimed) == 1:
        fail(failed.claimed[0], cause)
    return passing or not failed.claimed
