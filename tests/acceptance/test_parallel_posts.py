"""A hundred parallel submissions with one key make one command."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from store.models import Command
from tests.till import Answer, Till, entry

PARALLEL = 100


def at_once(till: Till, send: Callable[[Till, int], Answer]) -> list[Answer]:
    """What a hundred threads get that send at the same moment, each over a connection of its own."""
    start = threading.Barrier(PARALLEL)

    def one(number: int) -> Answer:
        try:
            start.wait(timeout=30)
            return send(Till(till.name, till.role, till.key), number)
        finally:
            connection.close()

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(one, range(PARALLEL)))


def test_one_key_makes_one_command(pos: Till) -> None:
    answers = at_once(pos, lambda till, _number: till.submit("order.create", {"note": "x"}, key="k"))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == 1
    replays = Counter("idempotent-replayed" in answer.headers for answer in answers)
    assert replays == {False: 1, True: PARALLEL - 1}
    assert Command.objects.count() == 1


def test_a_hundred_keys_make_a_hundred_commands(pos: Till) -> None:
    answers = at_once(pos, lambda till, number: till.submit("order.create", key=f"k{number}"))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == PARALLEL == Command.objects.count()


def test_one_key_with_two_bodies_makes_one_command(pos: Till) -> None:
    answers = at_once(pos, lambda till, number: till.submit("order.create", {"note": str(number % 2)}, key="k"))
    assert Counter(answer.status for answer in answers) == {202: PARALLEL // 2, 422: PARALLEL // 2}
    assert Command.objects.count() == 1


def test_batches_that_overlap_make_each_command_once(pos: Till) -> None:
    def send(till: Till, number: int) -> Answer:
        keys = [f"k{number % 5 + step}" for step in range(5)]
        return till.post("/commands/batch", {"commands": [entry("order.create", key=key) for key in keys]})

    answers = at_once(pos, send)
    assert {answer.status for answer in answers} == {200}
    results = [result for answer in answers for result in answer.body["results"]]
    assert {result["status"] for result in results} == {202}
    assert sum("replayed" not in result for result in results) == 9 == Command.objects.count()
