"""What the last hour was like, for the operators' dashboard: read from indexes on time alone, and bounded.

A busy hour has millions of commands, so each slice of ten seconds is read up to `SLICE_ROWS` commands; what a fuller
slice had is estimated from how fast those came, and `is_sampled` says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from store import db, ids
from store.figures import IS_DEAD

MINUTES = 60
SLICE_SECONDS = 10
SLICE_ROWS = 300
COUNTED_MAX = 1_000
"""Up to how many rows of a kind are counted."""
LATE = "60 s"

# An id begins with the milliseconds since 1970 (RFC 9562, version 7), so time is a range of ids, newest last.
_ACCEPTED = """
SELECT slice.start, count(*) AS count, max(each.at) AS last
FROM unnest(%b::timestamptz[], %b::uuid[], %b::uuid[]) AS slice (start, first_id, end_id)
CROSS JOIN LATERAL (
    SELECT accepted_at AS at FROM command
    WHERE id >= slice.first_id AND id < slice.end_id AND purged_at IS NULL ORDER BY id LIMIT %s
) AS each
GROUP BY slice.start
"""
_ENDED_SAMPLE = f"""
FROM unnest(%b::timestamptz[]) AS slice (start)
CROSS JOIN LATERAL (
    SELECT finished_at AS at, status, CASE WHEN status = 'failed' THEN error ->> 'code' END AS code,
        CASE WHEN status IN ('succeeded', 'failed') AND moved_at IS NULL
             THEN extract(epoch FROM finished_at - greatest(accepted_at, not_before))::float END AS seconds
    FROM command
    WHERE finished_at >= slice.start AND finished_at < slice.start + interval '{SLICE_SECONDS} s'
        AND finished_at IS NOT NULL AND purged_at IS NULL
    ORDER BY finished_at LIMIT %s
) AS each
"""  # noqa: S608 - the number is a constant
_ENDED = f"""
SELECT start, code, count(*) AS count, max(max(at)) OVER slice AS last, (sum(count(*)) OVER slice)::bigint AS total
{_ENDED_SAMPLE} GROUP BY start, code WINDOW slice AS (PARTITION BY start)
"""
_LATENCY = f"""
SELECT date_trunc('minute', start) AS minute,
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) AS seconds
{_ENDED_SAMPLE} GROUP BY minute
"""
_COUNTS = f"""
SELECT
    (SELECT count(*) FROM (SELECT FROM command WHERE {IS_DEAD} LIMIT {COUNTED_MAX + 1}) AS dead) AS dead,
    (SELECT count(*) FROM webhook_endpoint WHERE NOT is_active AND deleted_at IS NULL) AS disabled,
    (SELECT count(*) FROM (SELECT FROM webhook_endpoint AS endpoint
        JOIN webhook_delivery AS delivery ON delivery.endpoint_id = endpoint.id
        WHERE endpoint.deleted_at IS NULL AND delivery.status = 'pending'
            AND delivery.next_attempt_at < now() - interval '{LATE}'
        LIMIT {COUNTED_MAX + 1}) AS late) AS late,
    (SELECT count(*) FROM (
        SELECT FROM command WHERE status = 'uncertain' AND purged_at IS NULL LIMIT {COUNTED_MAX + 1}
    ) AS uncertain) AS uncertain,
    asked.count AS asked,
    coalesce(extract(epoch FROM now() - asked.since), 0)::float AS asked_seconds
FROM (
    SELECT count(*), min(asked_at) AS since FROM (
        SELECT asked_at FROM provider_request WHERE next_attempt_at IS NOT NULL
        ORDER BY next_attempt_at LIMIT {COUNTED_MAX + 1}
    ) AS unsettled
) AS asked
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Counts:
    """Dead letters, disabled endpoints, deliveries due for more than a minute, commands of which nobody knows what they
    have come to, and all that wait for a payment provider, with the age of the oldest; one above `COUNTED_MAX` at most.
    """

    dead: int
    disabled: int
    late: int
    uncertain: int
    asked: int
    asked_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """By minute, oldest first; each is over. `latency` has p50, p95 and p99 in seconds, None for a minute in which
    nothing ended; what waited for a payment provider is not in it. `failed` has a row a code, the most frequent first.
    """

    minutes: list[datetime]
    accepted: list[int]
    finished: list[int]
    failed: dict[str, list[int]]
    latency: list[tuple[float, float, float] | None]
    is_sampled: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    start: datetime
    count: int
    last: datetime
    total: int | None = None
    code: str | None = None

    @property
    def is_full(self) -> bool:
        return (self.total or self.count) >= SLICE_ROWS

    def estimate(self) -> float:
        """How many there were in all of the slice, if they went on to come as fast."""
        if not self.is_full:
            return self.count
        seconds = max((self.last - self.start).total_seconds(), 0.001)
        return self.count * max(SLICE_SECONDS / seconds, 1)


@dataclass(frozen=True, slots=True)
class _Latency:
    minute: datetime
    seconds: list[float | None]


@db.reconnecting
def counts() -> Counts:
    """Now."""
    return db.rows(Counts, _COUNTS)[0]


@db.reconnecting
def hour(now: datetime) -> Hour:
    """The last sixty minutes that are over."""
    minutes = [now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - place) for place in range(MINUTES)]
    starts = [each + timedelta(seconds=part) for each in minutes for part in range(0, 60, SLICE_SECONDS)]
    ends = [each + timedelta(seconds=SLICE_SECONDS) for each in starts]
    accepted = db.rows(
        _Slice, _ACCEPTED, [starts, list(map(ids.first_of, starts)), list(map(ids.first_of, ends)), SLICE_ROWS]
    )
    ended = db.rows(_Slice, _ENDED, [starts, SLICE_ROWS])
    latency = {each.minute: each.seconds for each in db.rows(_Latency, _LATENCY, [starts, SLICE_ROWS])}
    codes = Counter(each.code for each in ended if each.code is not None)
    return Hour(
        minutes=minutes,
        accepted=_by_minute(accepted, minutes),
        finished=_by_minute(ended, minutes),
        failed={
            code: _by_minute((each for each in ended if each.code == code), minutes)
            for code, _count in codes.most_common()
        },
        latency=[_percentiles(latency.get(minute)) for minute in minutes],
        is_sampled=any(each.is_full for each in (*accepted, *ended)),
    )


def _by_minute(slices: Iterable[_Slice], minutes: Sequence[datetime]) -> list[int]:
    sums: dict[datetime, float] = defaultdict(float)
    for each in slices:
        sums[each.start.replace(second=0)] += each.estimate()
    return [round(sums[minute]) for minute in minutes]


def _percentiles(seconds: list[float | None] | None) -> tuple[float, float, float] | None:
    p50, p95, p99 = seconds or [None, None, None]
    return None if p50 is None or p95 is None or p99 is None else (p50, p95, p99)
