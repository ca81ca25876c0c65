"""The poll storm: 64 connections ask for finished commands, or send them again, as fast as they are answered.

Each storm runs with Redis there and with Redis away, and says how many PostgreSQL transactions it took: what a look-up
in Redis saves shows as the difference.
"""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench import measures
from bench.design import COMMANDS_PATH, Design, Site
from bench.figures import median
from bench.load import Plan
from bench.stage import Stage

CONNECTIONS = 64
_WARM_SECONDS = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Answers per second, their latencies, and PostgreSQL transactions per 1,000 requests."""

    rate: float
    p50_ms: float
    p99_ms: float
    transactions: float


def storms(stage: Stage, design: Design, *, commands: int, seconds: float, rounds: int) -> dict[str, Storm]:
    """The medians of `polls`, `replays` and both `_without_redis`, on `commands` commands that have just ended."""
    found: dict[str, list[Storm]] = defaultdict(list)
    with stage.site(design) as site:
        for _ in range(rounds):
            finished = _finish(site, design, commands)
            for suffix, redis in (("", contextlib.nullcontext()), ("_without_redis", stage.redis_away())):
                with redis:
                    for name, plan in finished.items():
                        found[f"{name}{suffix}"].append(_storm(stage, site, design, plan, seconds))
    return {name: _median(each) for name, each in found.items()}


def _finish(site: Site, design: Design, commands: int) -> dict[str, Plan]:
    """Submit commands over HTTP and have the worker execute them: what asks for them and what sends them again.

    Nothing but the web process runs afterwards, so no other transaction is counted.
    """
    with site.connect() as connection:
        bodies = measures.pays(design.create_orders(connection, commands))
        measures.settle(connection)
        with measures.system(site, design) as port:
            once = measures.plan(site, port, bodies, CONNECTIONS)
            measures.expect(site.load(dataclasses.replace(once, follow=True)), commands, {"succeeded"})
        measures.check(design, connection)
        keys = [key for key, _body in bodies]
        ids = connection.execute("SELECT id FROM command WHERE idempotency_key = ANY (%s)", [keys]).fetchall()
        measures.settle(connection)
    reads = [f"{COMMANDS_PATH}/{row[0]}" for row in ids]
    return {"polls": dataclasses.replace(once, bodies=[], reads=reads), "replays": once}


def _storm(stage: Stage, site: Site, design: Design, plan: Plan, seconds: float) -> Storm:
    """One storm on a web process of its own, whose end tells PostgreSQL of all its transactions."""
    before = stage.transactions(site)
    with measures.web(site, design) as port:
        warm, measured = (
            site.load(dataclasses.replace(plan, port=port, repeat_seconds=each)) for each in (_WARM_SECONDS, seconds)
        )
    transactions = stage.transactions(site) - before
    for outcome in (warm, measured):
        measures.expect(outcome, outcome.requests, {"200"})
    return Storm(
        rate=measured.rate,
        p50_ms=measured.p50_ms,
        p99_ms=measured.p99_ms,
        transactions=transactions * 1000 / (warm.requests + measured.requests),
    )


def _median(each: Sequence[Storm]) -> Storm:
    """Each figure's own median."""
    names = [field.name for field in dataclasses.fields(Storm)]
    return Storm(**{name: median([getattr(storm, name) for storm in each]) for name in names})
