"""Waiting: the accept rate of one web process with thousands of clients that wait there and with none, turn by turn.

Half of the clients hold a `GET /commands/{id}` with `Prefer: wait=25` and ask again whenever it runs out, 100 times a
second if there are 5,000 of them; the other half listens to the stream of an order each. Their commands are for
tomorrow, so that nobody hears anything but the end of a wait. The machine's speed swings more than what is looked for
here, so short rounds without and with the crowd alternate, each on a web process of its own.
"""

import time
import urllib.request
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil
import psycopg

from bench import crowd, measures, processes
from bench.crowd import Count
from bench.design import COMMANDS_PATH, Site
from bench.figures import median
from bench.measures import WrongError
from bench.orderly import Orderly
from bench.report import say
from bench.stage import Stage

_SECONDS_MAX = 60.0
_PROMPT_SECONDS = 0.1
_EARLY_SECONDS_MAX = 0.1

# As the inbox leaves what is not to be executed before its time.
_QUEUE_FOR_TOMORROW = """
INSERT INTO command (id, client_id, idempotency_key, body_hash, type, order_id, lane, payload, parked, not_before)
SELECT uuidv7(), (SELECT min(id) FROM client), gen_random_uuid()::text, sha256(uuid_send(id)), 'order.pay', id, 0, '{}',
       true, now() + interval '1 day'
FROM unnest(%s::uuid[]) AS id
RETURNING id
"""
# As a worker ends a batch: all commands at once, and when that has committed, it is told.
_END = """
import sys, time, uuid
from django.db import connection
from store import changes
ids = [uuid.UUID(line) for line in sys.stdin.read().split()]
with connection.cursor() as cursor:
    cursor.execute("UPDATE command SET status = 'cancelled', finished_at = now() WHERE id = ANY (%s)", [ids])
print(time.time())
changes.tell(changes.Change.ENDED, ids)
"""

type Figures = dict[str, list[float]]


def compare(stage: Stage, *, clients: int, commands: int, rounds: int) -> dict[str, float]:
    """The medians of `accept_alone` and `accept_while_waited`, each with its `_p99_ms`, and of what the web process
    held meanwhile: `waiting_clients`, `waiting_threads`, `waiting_connections` to PostgreSQL.

    `waiting_told_ms` goes from the commit that ends the commands of half of the clients until each of them knows.
    Raises WrongError unless all of them waited from before the first command until after the last one.
    """
    design = Orderly()
    found: Figures = defaultdict(list)
    with stage.site(design) as site, site.connect() as connection:
        waiting = partial(_waiting, site, connection, design.create_orders(connection, clients), found)
        for number in range(1, rounds + 1):
            alone = measures.accept_at(site, design, commands=commands, rounds=1)
            waited = measures.accept_at(site, design, commands=commands, rounds=1, beside=waiting)
            for side, outcome in {"alone": alone, "while_waited": waited}.items():
                found[f"accept_{side}"].append(outcome.rate)
                found[f"accept_{side}_p99_ms"].append(outcome.p99_ms)
            say(f"    round {number} of {rounds}: alone {alone.rate:,.0f}/s, while {clients} wait {waited.rate:,.0f}/s")
    return {name: median(values) for name, values in found.items()}


@contextmanager
def _waiting(
    site: Site, connection: psycopg.Connection[Any], orders: Sequence[str], found: Figures, port: int
) -> Iterator[None]:
    """All clients wait at this port for the length of the block; then half of them learn that their commands ended."""
    half = len(orders) // 2
    ids = [row[0] for row in connection.execute(_QUEUE_FOR_TOMORROW, [list(orders[:half])]).fetchall()]
    plan = crowd.Plan(
        port=port,
        authorization=site.authorization,
        commands=[f"{COMMANDS_PATH}/{command_id}" for command_id in ids],
        streams=[f"{COMMANDS_PATH}/stream?order_id={order}" for order in orders[half:]],
    )
    with crowd.gathered(plan, site.env) as count:
        _until(lambda: _answers_promptly(port), "the web process has read what everybody asks")
        _check(count(), len(orders))
        yield
        _check(count(), len(orders))
        found["waiting_clients"].append(len(orders))
        web = _web_process(port)
        to_postgres = [
            each for each in web.net_connections("tcp") if each.raddr and each.raddr.port == connection.info.port
        ]
        found["waiting_threads"].append(web.num_threads())
        found["waiting_connections"].append(len(to_postgres))
        found["waiting_told_ms"].append(_end(site, ids, count))


def _check(count: Count, clients: int) -> None:
    """Raise WrongError unless everybody waits, and those waits that have run out lasted as long as they should."""
    if count.waiting != clients or count.early_seconds > _EARLY_SECONDS_MAX:
        raise WrongError(f"of {clients} clients that should wait: {count}")


def _end(site: Site, ids: Sequence[uuid.UUID], count: Callable[[], Count]) -> float:
    """End the commands: how many milliseconds later the last client knew."""
    shell = processes.python("manage.py", "shell", "-v", "0", "-c", _END)
    committed_at = float(processes.run(shell, site.env, "\n".join(map(str, ids))))
    _until(lambda: count().ended >= len(ids), "everybody knows that the commands have ended")
    return (count().last_end_at - committed_at) * 1_000


def _answers_promptly(port: int) -> bool:
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live") as answer:
        answer.read()
    return time.monotonic() - began < _PROMPT_SECONDS


def _web_process(port: int) -> psutil.Process:
    """The one that serves: the only child of the one that was started with this port."""
    started = next(each for each in psutil.Process().children() if str(port) in each.cmdline())
    [serving] = started.children()
    return serving


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise WrongError(f"not within {_SECONDS_MAX:.0f} s: {what}")
        time.sleep(0.05)
