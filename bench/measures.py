"""The measurements. Each takes a fresh database, warms up, measures several times and takes the median.

Each one also checks that what was counted really happened, exactly once: a fast wrong answer raises WrongError.
"""

import contextlib
import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg

from bench import processes
from bench.design import COMMANDS_PATH, PAYLOAD, Design, Site
from bench.figures import median
from bench.load import Outcome, Plan
from bench.stage import Stage
from config.processes import free_port

_WATCH_SECONDS = 0.02
_DRAIN_SECONDS_MAX = 120.0


class WrongError(Exception):
    """What was measured did not do what it should have done."""


def worker_rate(stage: Stage, design: Design, *, commands: int, rounds: int, hot: bool = False) -> float:
    """Queued pay commands executed per second, from the bell to the last one that ends."""
    with stage.site(design) as site:
        return worker_rate_at(site, design, commands=commands, rounds=rounds, hot=hot)


def worker_rate_at(site: Site, design: Design, *, commands: int, rounds: int, hot: bool = False) -> float:
    """The same at a site that is there already."""
    rates = []
    with site.connect() as connection, _beside(site, {"worker": design.worker(site)}):
        _drain(site, connection, design, commands // 4, hot=hot)
        for _ in range(rounds):
            rates.append(_drain(site, connection, design, commands, hot=hot))
        check(design, connection)
    return median(rates)


def accept(stage: Stage, design: Design, *, commands: int, rounds: int, connections: int = 16) -> Outcome:
    """Commands accepted per second by one web process while no worker runs."""
    with stage.site(design) as site:
        return accept_at(site, design, commands=commands, rounds=rounds, connections=connections)


def accept_at(
    site: Site,
    design: Design,
    *,
    commands: int,
    rounds: int,
    connections: int = 16,
    beside: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> Outcome:
    """The same at a site that is there already, for the length of whatever goes on `beside` at the same port."""
    with site.connect() as connection, web(site, design) as port, beside(port):
        before = design.count_commands(connection)
        outcomes = []
        for count in [commands // 8] + [commands] * rounds:
            bodies = pays(design.create_orders(connection, count))
            settle(connection)
            outcomes.append(site.load(plan(site, port, bodies, connections)))
            expect(outcomes[-1], count, {"202"})
        _expect_stored(design, connection, before + commands // 8 + commands * rounds)
    return _median(outcomes[1:])


def batch(stage: Stage, design: Design, *, batches: int, rounds: int, entries: int = 1_000) -> float:
    """Commands accepted per second in batches from two clients, while no worker runs."""
    rates = []
    with stage.site(design) as site, site.connect() as connection, web(site, design) as port:
        for count in [2] + [batches] * rounds:
            paid = pays(design.create_orders(connection, count * entries))
            bodies = [("", _batch_body(paid[first : first + entries])) for first in range(0, len(paid), entries)]
            settle(connection)
            batches_plan = dataclasses.replace(plan(site, port, bodies, 2), path=f"{COMMANDS_PATH}/batch")
            outcome = site.load(batches_plan)
            expect(outcome, count, {"200"})
            rates.append(outcome.rate * entries)
        _expect_stored(design, connection, (2 + batches * rounds) * entries)
    return median(rates[1:])


def whole(stage: Stage, design: Design, *, commands: int, rounds: int, clients: int = 64) -> Outcome:
    """Closed loop: each client posts a command and asks until it is final, then posts the next."""
    with stage.site(design) as site, site.connect() as connection, system(site, design) as port:
        outcomes = []
        for count in [commands // 4] + [commands] * rounds:
            bodies = pays(design.create_orders(connection, count))
            settle(connection)
            outcomes.append(site.load(dataclasses.replace(plan(site, port, bodies, clients), follow=True)))
            expect(outcomes[-1], count, {"succeeded"})
        check(design, connection)
    return _median(outcomes[1:])


def idle(stage: Stage, design: Design, *, commands: int, rounds: int) -> Outcome:
    """The same with one client, which asks every 2 ms and rests between commands, so that nothing else is under way."""
    with stage.site(design) as site:
        return idle_at(site, design, commands=commands, rounds=rounds)


def idle_at(site: Site, design: Design, *, commands: int, rounds: int) -> Outcome:
    """The same at a site that is there already."""
    with site.connect() as connection, system(site, design) as port:
        outcomes = []
        for count in [commands // 4] + [commands] * rounds:
            bodies = pays(design.create_orders(connection, count))
            settle(connection)
            alone = dataclasses.replace(plan(site, port, bodies, 1), follow=True, rest_seconds=0.02, poll_growth=1.0)
            outcomes.append(site.load(alone))
            expect(outcomes[-1], count, {"succeeded"})
        check(design, connection)
    return _median(outcomes[1:])


def _drain(site: Site, connection: psycopg.Connection[Any], design: Design, count: int, *, hot: bool) -> float:
    design.queue_pays(site, connection, design.create_orders(connection, count, hot=hot))
    settle(connection)
    began = time.perf_counter()
    design.ring(site)
    while design.is_busy(connection):
        if time.perf_counter() - began > _DRAIN_SECONDS_MAX:
            raise WrongError(f"{design.name}: commands still wait after {_DRAIN_SECONDS_MAX:.0f} s")
        time.sleep(_WATCH_SECONDS)
    return count / (time.perf_counter() - began)


def settle(connection: psycopg.Connection[Any]) -> None:
    """What the preparation left behind is tidied before the clock starts, the same for every design."""
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


@contextmanager
def web(site: Site, design: Design) -> Iterator[int]:
    """One web process, alone, for the length of the block; its port."""
    port = free_port()
    with processes.running(f"{site.name}-web", design.web(site, port), site.env, site.logs) as log:
        processes.wait_for_port(port, log)
        yield port


@contextmanager
def _beside(site: Site, commands: dict[str, list[str]]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(processes.running(f"{site.name}-{name}", command, site.env, site.logs))
        yield


@contextmanager
def system(site: Site, design: Design) -> Iterator[int]:
    """The web process and all that runs beside it, for the length of the block; its port."""
    with _beside(site, design.beside_web(site)), web(site, design) as port:
        yield port


def pays(orders: Sequence[str]) -> list[tuple[str, str]]:
    """A key and a body for each order; keys are random, as clients make them, and so spread over the whole index."""
    return [
        (str(uuid.uuid4()), json.dumps({"type": "order.pay", "order_id": order, "payload": PAYLOAD}))
        for order in orders
    ]


def _batch_body(pays: Sequence[tuple[str, str]]) -> str:
    return json.dumps({"commands": [{"idempotency_key": key, **json.loads(body)} for key, body in pays]})


def plan(site: Site, port: int, bodies: list[tuple[str, str]], connections: int) -> Plan:
    """Each body posted once to the site's web process."""
    return Plan(port=port, authorization=site.authorization, path=COMMANDS_PATH, bodies=bodies, connections=connections)


def expect(outcome: Outcome, count: int, answers: set[str]) -> None:
    """Raise WrongError unless all `count` requests were answered, with these statuses."""
    if outcome.completed != count or set(outcome.answers) != answers:
        raise WrongError(f"{outcome.completed} of {count} answered, as {outcome.answers}, not all {answers}")


def _expect_stored(design: Design, connection: psycopg.Connection[Any], count: int) -> None:
    stored = design.count_commands(connection)
    if stored != count:
        raise WrongError(f"{design.name}: {stored} commands stored, not {count}")


def check(design: Design, connection: psycopg.Connection[Any]) -> None:
    """Raise WrongError unless every ended command did what it should have done, once."""
    wrong = design.count_wrong(connection)
    if wrong:
        raise WrongError(f"{design.name}: {wrong} commands, orders or products are not as they should be")


def _median(outcomes: Sequence[Outcome]) -> Outcome:
    """Each figure's own median."""
    return dataclasses.replace(
        outcomes[0],
        rate=median([outcome.rate for outcome in outcomes]),
        p50_ms=median([outcome.p50_ms for outcome in outcomes]),
        p99_ms=median([outcome.p99_ms for outcome in outcomes]),
    )
