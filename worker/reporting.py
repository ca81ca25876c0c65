"""What operators see of commands that were executed: a log line for each batch, counts, spans."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from domain.result import RETRYABLE
from store import metrics, traces
from store.commands import CommandRow
from store.traces import Executed

LINE_COMMANDS_MAX = 64
"""How many commands stand in one line; a larger batch has several: lines above 16 KiB are cut on their way."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Began:
    """When a batch began: in nanoseconds since 1970, and by a clock that never jumps."""

    at: int = field(default_factory=time.time_ns)
    clock: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.perf_counter() - self.clock


def executed(began: Began, lanes: Sequence[int], ended: Sequence[CommandRow]) -> None:
    """A batch has committed; these commands have ended with it."""
    seconds = began.seconds
    metrics.batch_executed(len(ended), seconds)
    metrics.ended(ended)
    for part in itertools.batched(ended, LINE_COMMANDS_MAX, strict=False):
        log.info(
            "batch.executed",
            lanes=lanes,
            size=len(ended),
            duration_ms=round(seconds * 1_000, 2),
            commands=[named(row) for row in part],
        )
    if traces.is_on():
        traces.batch(began.at, began.at + int(seconds * 1e9), [_span(row) for row in ended])


def named(row: CommandRow) -> dict[str, Any]:
    """An ended command as log lines have it."""
    named = {"command_id": row.id, "status": row.status}
    if row.request_id is not None:
        named["request_id"] = row.request_id
    if row.traceparent is not None:
        named["trace_id"] = traces.trace_id(row.traceparent)
    if row.error is not None:
        named["code"] = row.error["code"]
    return named


def _span(row: CommandRow) -> Executed:
    code = row.error["code"] if row.error else None
    attributes = {"orderly.command.id": str(row.id), "orderly.command.type": row.type, "orderly.status": row.status}
    if row.request_id is not None:
        attributes["orderly.request_id"] = row.request_id
    if code is not None:
        attributes["orderly.code"] = code
    return Executed(
        name=f"execute {row.type}",
        parent=row.traceparent,
        attributes=attributes,
        error=code if code in RETRYABLE else None,
    )
