"""The report: a table of figures against their bars for people, one JSON object for programs."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

KEYS = (
    "worker",
    "pgbench",
    "ordinary_worker",
    "accept",
    "accept_p99_ms",
    "ordinary_accept",
    "whole",
    "ordinary_whole",
    "idle_p50_ms",
    "idle_p99_ms",
    "hot",
    "batch",
    "polls",
    "polls_p99_ms",
    "polls_transactions",
    "polls_without_redis",
    "polls_without_redis_p99_ms",
    "polls_without_redis_transactions",
    "replays",
    "replays_p99_ms",
    "replays_transactions",
    "replays_without_redis",
    "replays_without_redis_p99_ms",
    "replays_without_redis_transactions",
    "accept_alone",
    "accept_while_waited",
    "accept_alone_p99_ms",
    "accept_while_waited_p99_ms",
    "waiting_clients",
    "waiting_threads",
    "waiting_connections",
    "waiting_told_ms",
    "webhooks",
    "webhooks_p50_ms",
    "webhooks_p99_ms",
    "empty_worker",
    "grown_worker",
    "empty_accept",
    "grown_accept",
    "empty_accept_p99_ms",
    "grown_accept_p99_ms",
    "empty_idle_p50_ms",
    "grown_idle_p50_ms",
    "empty_idle_p99_ms",
    "grown_idle_p99_ms",
)
"""The figures: per second; where the name says so, milliseconds, PostgreSQL transactions per 1,000 requests or what it
names.
"""

type Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a figure must reach: `times` another figure, or `limit`; at most it where less is better."""

    label: str
    figure: str
    than: str | None = None
    limit: float
    at_most: bool = False

    def reached(self, figures: Figures) -> tuple[float, bool] | None:
        """The ratio or the figure itself, and whether it reaches the bar; None when it was not measured."""
        value = figures.get(self.figure)
        other = 1.0 if self.than is None else figures.get(self.than)
        if value is None or not other:
            return None
        ratio = value / other
        return ratio, (ratio <= self.limit if self.at_most else ratio >= self.limit)


BARS = (
    Bar(label="worker / pgbench", figure="worker", than="pgbench", limit=1.5),
    Bar(label="worker / ordinary worker", figure="worker", than="ordinary_worker", limit=30),
    Bar(label="accept / ordinary accept", figure="accept", than="ordinary_accept", limit=4),
    Bar(label="accept p99, ms", figure="accept_p99_ms", limit=50, at_most=True),
    Bar(label="whole / ordinary whole", figure="whole", than="ordinary_whole", limit=10),
    Bar(label="idle p50, ms", figure="idle_p50_ms", limit=15, at_most=True),
    Bar(label="idle p99, ms", figure="idle_p99_ms", limit=60, at_most=True),
    Bar(label="hot / worker", figure="hot", than="worker", limit=0.6),
    Bar(label="batch, per second", figure="batch", limit=4_000),
    Bar(label="accept while 5,000 wait / alone", figure="accept_while_waited", than="accept_alone", limit=0.9),
    Bar(label="clients that wait at one web process", figure="waiting_clients", limit=5_000),
    Bar(label="its threads meanwhile", figure="waiting_threads", limit=20, at_most=True),
    Bar(label="its PostgreSQL connections meanwhile", figure="waiting_connections", limit=8, at_most=True),
    Bar(label="webhooks p99, ms", figure="webhooks_p99_ms", limit=500, at_most=True),
    Bar(label="grown / empty: worker", figure="grown_worker", than="empty_worker", limit=0.85),
    Bar(label="grown / empty: accept", figure="grown_accept", than="empty_accept", limit=0.85),
    Bar(
        label="grown / empty: accept p99",
        figure="grown_accept_p99_ms",
        than="empty_accept_p99_ms",
        limit=1.15,
        at_most=True,
    ),
    Bar(
        label="grown / empty: idle p50", figure="grown_idle_p50_ms", than="empty_idle_p50_ms", limit=1.15, at_most=True
    ),
    Bar(
        label="grown / empty: idle p99", figure="grown_idle_p99_ms", than="empty_idle_p99_ms", limit=1.15, at_most=True
    ),
)

_LABELS = {
    "worker": "worker, queued pay commands of 3 lines, 2 processes",
    "pgbench": "pgbench, the same SQL, 1 transaction a command, best of 1, 2, 4 connections",
    "ordinary_worker": "ordinary worker, 1 task a command, 2 processes",
    "accept": "accept, 1 web process, 16 connections",
    "accept_p99_ms": "accept, p99",
    "ordinary_accept": "ordinary accept, 1 web process, 16 connections",
    "whole": "the whole way, closed loop, 64 clients",
    "ordinary_whole": "ordinary whole way, the same 64 clients",
    "idle_p50_ms": "idle, POST to final, p50",
    "idle_p99_ms": "idle, POST to final, p99",
    "hot": "worker, one product in every order",
    "batch": "batch upload, 1,000 entries, 2 clients",
    "polls": "polls of finished commands, 64 connections without a pause",
    "polls_p99_ms": "polls, p99",
    "polls_transactions": "polls, PostgreSQL transactions",
    "polls_without_redis": "polls while Redis is away",
    "polls_without_redis_p99_ms": "polls while Redis is away, p99",
    "polls_without_redis_transactions": "polls while Redis is away, PostgreSQL transactions",
    "replays": "replays of finished commands, 64 connections without a pause",
    "replays_p99_ms": "replays, p99",
    "replays_transactions": "replays, PostgreSQL transactions",
    "replays_without_redis": "replays while Redis is away",
    "replays_without_redis_p99_ms": "replays while Redis is away, p99",
    "replays_without_redis_transactions": "replays while Redis is away, PostgreSQL transactions",
    "accept_alone": "accept, in turns with the next",
    "accept_while_waited": "accept while clients wait at the same web process",
    "accept_alone_p99_ms": "accept, in turns with the next, p99",
    "accept_while_waited_p99_ms": "accept while clients wait, p99",
    "waiting_clients": "clients that wait meanwhile, half by Prefer, half on streams",
    "waiting_threads": "threads of the web process meanwhile",
    "waiting_connections": "PostgreSQL connections of the web process meanwhile",
    "waiting_told_ms": "from the commit that ends 2,500 commands to the last answer",
    "webhooks": "webhooks to 20 healthy endpoints beside a dead one",
    "webhooks_p50_ms": "webhooks, from commit to receipt, p50",
    "webhooks_p99_ms": "webhooks, from commit to receipt, p99",
    "empty_worker": "growth: worker, empty tables",
    "grown_worker": "growth: worker, with a past",
    "empty_accept": "growth: accept, empty tables",
    "grown_accept": "growth: accept, with a past",
    "empty_accept_p99_ms": "growth: accept, p99, empty tables",
    "grown_accept_p99_ms": "growth: accept, p99, with a past",
    "empty_idle_p50_ms": "growth: idle, p50, empty tables",
    "grown_idle_p50_ms": "growth: idle, p50, with a past",
    "empty_idle_p99_ms": "growth: idle, p99, empty tables",
    "grown_idle_p99_ms": "growth: idle, p99, with a past",
}
_UNITS = {
    "_ms": "ms",
    "_transactions": "per 1,000 requests",
    "_clients": "clients",
    "_threads": "threads",
    "_connections": "connections",
}


def say(text: str) -> None:
    """Progress, which is no part of the report, to standard error."""
    print(text, file=sys.stderr, flush=True)


def keyed(figures: Figures) -> dict[str, float | None]:
    """The figures under exactly `KEYS`, rounded; null where one was not measured."""
    found = {key: figures.get(key) for key in KEYS}
    return {key: value if value is None else round(value, 1 if value >= 10 else 2) for key, value in found.items()}


def table(figures: Figures, extra: Figures) -> str:
    """Figures first, then each bar with pass or short."""
    lines = ["", f"{'figure':<78}{'':>12}"]
    for key in KEYS:
        unit = next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), "/s")
        lines.append(f"{_LABELS[key]:<78}{_number(figures.get(key)):>12} {unit}")
    lines += [f"  {label:<76}{_number(value):>12}" for label, value in extra.items()]
    lines += ["", f"{'bar':<40}{'measured':>12}{'wanted':>14}"]
    for bar in BARS:
        reached = bar.reached(figures)
        measured, verdict = ("-", "not measured") if reached is None else (_number(reached[0]), _verdict(reached[1]))
        wanted = f"{'<=' if bar.at_most else '>='} {bar.limit:,g}"
        lines.append(f"{bar.label:<40}{measured:>12}{wanted:>14}  {verdict}")
    return "\n".join([*lines, ""])


def machine(server_version: str) -> dict[str, object]:
    """Facts without which a figure means nothing."""
    packages = ("django", "djangorestframework", "celery", "psycopg", "redis", "granian", "gunicorn")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": server_version,
        "load_before": os.getloadavg()[0],
        "packages": {name: version(name) for name in packages},
    }


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def _verdict(is_reached: bool) -> str:
    return "pass" if is_reached else "SHORT"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
