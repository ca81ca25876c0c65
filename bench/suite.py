"""The suite: which measurements there are, how large each one is, and which figures it gives."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench import grown, measures, past, pgbench, polls, waiting, webhooks
from bench.grown import Turns
from bench.load import Outcome
from bench.orderly import Orderly
from bench.ordinary.design import Ordinary
from bench.stage import Stage

ORDERLY = Orderly()
ORDINARY = Ordinary()
PATCHED = Ordinary(keeps_connections=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many commands each round of a measurement takes, and how many rounds; the median of them counts."""

    worker: int = 10_000
    pgbench: int = 4_000
    ordinary_worker: int = 600
    accept: int = 5_000
    ordinary_accept: int = 800
    batches: int = 16
    whole: int = 3_000
    ordinary_whole: int = 500
    idle: int = 150
    polls: int = 640
    polls_seconds: float = 3.0
    waiting_clients: int = 5_000
    waiting_accept: int = 3_000
    webhook_events: int = 1_000
    grown: Turns = Turns(orders=300_000, rounds=5, worker=5_000, accept=3_000, idle=100)
    rounds: int = 3


QUICK = Sizes(
    worker=6_000,
    pgbench=2_000,
    ordinary_worker=200,
    accept=1_500,
    ordinary_accept=400,
    batches=6,
    whole=1_000,
    ordinary_whole=200,
    idle=60,
    polls_seconds=1.5,
    waiting_accept=1_500,
    webhook_events=200,
    grown=Turns(orders=30_000, rounds=2, worker=3_000, accept=1_500, idle=50),
    rounds=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures under the report's keys, and others that explain them."""

    figures: dict[str, float]
    extra: dict[str, float] = field(default_factory=dict)


type Measure = Callable[[Stage, Sizes], Measured]


def _worker(stage: Stage, sizes: Sizes) -> Measured:
    rate = measures.worker_rate(stage, ORDERLY, commands=sizes.worker, rounds=sizes.rounds)
    return Measured(figures={"worker": rate})


def _pgbench(stage: Stage, sizes: Sizes) -> Measured:
    rates = pgbench.rates(stage, commands=sizes.pgbench)
    extra = {f"pgbench, {connections} connections, /s": rate for connections, rate in rates.items()}
    return Measured(figures={"pgbench": max(rates.values())}, extra=extra)


def _hot(stage: Stage, sizes: Sizes) -> Measured:
    rate = measures.worker_rate(stage, ORDERLY, commands=sizes.worker, rounds=sizes.rounds, hot=True)
    return Measured(figures={"hot": rate})


def _ordinary_worker(stage: Stage, sizes: Sizes) -> Measured:
    rate = measures.worker_rate(stage, ORDINARY, commands=sizes.ordinary_worker, rounds=sizes.rounds)
    patched = measures.worker_rate(stage, PATCHED, commands=sizes.ordinary_worker, rounds=1)
    return Measured(
        figures={"ordinary_worker": rate},
        extra={"ordinary worker, Celery patched to keep its connection, /s": patched},
    )


def _accept(stage: Stage, sizes: Sizes) -> Measured:
    outcome = measures.accept(stage, ORDERLY, commands=sizes.accept, rounds=sizes.rounds)
    return Measured(
        figures={"accept": outcome.rate, "accept_p99_ms": outcome.p99_ms},
        extra={"accept, p50, ms": outcome.p50_ms},
    )


def _ordinary_accept(stage: Stage, sizes: Sizes) -> Measured:
    outcome = measures.accept(stage, ORDINARY, commands=sizes.ordinary_accept, rounds=sizes.rounds)
    extra = {"ordinary accept, p50, ms": outcome.p50_ms, "ordinary accept, p99, ms": outcome.p99_ms}
    return Measured(figures={"ordinary_accept": outcome.rate}, extra=extra)


def _batch(stage: Stage, sizes: Sizes) -> Measured:
    return Measured(figures={"batch": measures.batch(stage, ORDERLY, batches=sizes.batches, rounds=sizes.rounds)})


def _whole(stage: Stage, sizes: Sizes) -> Measured:
    outcome = measures.whole(stage, ORDERLY, commands=sizes.whole, rounds=sizes.rounds)
    return Measured(figures={"whole": outcome.rate}, extra=_explained("the whole way", outcome))


def _ordinary_whole(stage: Stage, sizes: Sizes) -> Measured:
    outcome = measures.whole(stage, ORDINARY, commands=sizes.ordinary_whole, rounds=sizes.rounds)
    patched = measures.whole(stage, PATCHED, commands=sizes.ordinary_whole, rounds=1)
    extra = {"ordinary whole way, Celery patched to keep its connection, /s": patched.rate}
    return Measured(figures={"ordinary_whole": outcome.rate}, extra=_explained("ordinary whole way", outcome) | extra)


def _explained(name: str, outcome: Outcome) -> dict[str, float]:
    return {
        f"{name}, p50, ms": outcome.p50_ms,
        f"{name}, p99, ms": outcome.p99_ms,
        f"{name}, requests a command": outcome.requests / outcome.completed,
    }


def _idle(stage: Stage, sizes: Sizes) -> Measured:
    outcome = measures.idle(stage, ORDERLY, commands=sizes.idle, rounds=sizes.rounds)
    ordinary = measures.idle(stage, ORDINARY, commands=sizes.idle, rounds=1)
    extra = {"ordinary idle, p50, ms": ordinary.p50_ms, "ordinary idle, p99, ms": ordinary.p99_ms}
    return Measured(figures={"idle_p50_ms": outcome.p50_ms, "idle_p99_ms": outcome.p99_ms}, extra=extra)


def _polls(stage: Stage, sizes: Sizes) -> Measured:
    storms = polls.storms(stage, ORDERLY, commands=sizes.polls, seconds=sizes.polls_seconds, rounds=sizes.rounds)
    figures: dict[str, float] = {}
    extra: dict[str, float] = {}
    for name, storm in storms.items():
        figures |= {name: storm.rate, f"{name}_p99_ms": storm.p99_ms, f"{name}_transactions": storm.transactions}
        extra[f"{name.replace('_', ' ')}, p50, ms"] = storm.p50_ms
    return Measured(figures=figures, extra=extra)


def _waiting(stage: Stage, sizes: Sizes) -> Measured:
    figures = waiting.compare(stage, clients=sizes.waiting_clients, commands=sizes.waiting_accept, rounds=sizes.rounds)
    return Measured(figures=figures)


def _webhooks(stage: Stage, sizes: Sizes) -> Measured:
    waits = webhooks.waits(stage, events=sizes.webhook_events)
    return Measured(
        figures={"webhooks": waits.per_second, "webhooks_p50_ms": waits.p50_ms, "webhooks_p99_ms": waits.p99_ms},
        extra={"webhooks, the longest wait, ms": waits.worst_ms},
    )


def _grown(stage: Stage, sizes: Sizes) -> Measured:
    turns = sizes.grown
    about = f"growth: commands in the past (medians of {turns.rounds} rounds each, turn by turn)"
    return Measured(figures=grown.compare(stage, turns), extra={about: past.commands_of(turns.orders)})


GROWN = "grown"
# What is divided by each other stands side by side, so that a machine that slows down slows both.
MEASURES: dict[str, Measure] = {
    "pgbench": _pgbench,
    "worker": _worker,
    "hot": _hot,
    "ordinary_worker": _ordinary_worker,
    "accept": _accept,
    "ordinary_accept": _ordinary_accept,
    "batch": _batch,
    "whole": _whole,
    "ordinary_whole": _ordinary_whole,
    "idle": _idle,
    "polls": _polls,
    "waiting": _waiting,
    "webhooks": _webhooks,
    GROWN: _grown,
}
