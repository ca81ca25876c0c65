"""The broker is only a bell: a command is accepted at once whether it can be rung or not."""

import socket
import time
from collections.abc import Iterator

import pytest
from celery import Celery
from pytest_django.fixtures import Settings

from store.models import Command
from tests.away import redis_away
from tests.till import Till, entry, run_drain
from worker.bell import Bell

ANSWER_SECONDS_MAX = 0.25
"""From the contract. A broker that held requests up would hold up every one of them, a busy machine only some: so what
counts is what most of several take."""


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a broker that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture
def refused() -> str:
    """The address of a broker that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


@pytest.fixture(params=["silent", "refused"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Bell]:
    """A bell that nobody hears, hung where commands are submitted and cancelled; Redis is away as well."""
    broker = request.getfixturevalue(request.param)
    unheard = Bell(Celery("unheard", broker=broker, set_as_current=False), settings.BELL_TRANSPORT_OPTIONS)
    monkeypatch.setattr("api.submission.bell", unheard)
    monkeypatch.setattr("api.commands.bell", unheard)
    with redis_away(broker):
        yield unheard


def test_commands_are_accepted_at_once_though_nobody_hears_the_bell(bell: Bell, pos: Till) -> None:
    pos.submit("order.create")  # the first request of a process imports and connects
    seconds = []
    for _ in range(20):
        started = time.monotonic()
        answer = pos.submit("order.create")
        seconds.append(time.monotonic() - started)
        assert answer.status == 202
    assert sorted(seconds)[14] < ANSWER_SECONDS_MAX, seconds
    assert Command.objects.filter(status="queued").count() == 21


def test_a_batch_is_accepted_at_once_though_nobody_hears_the_bell(bell: Bell, pos: Till) -> None:
    pos.submit("order.create")
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        results = pos.batch(*(entry("order.create") for _ in range(50)))
        seconds.append(time.monotonic() - started)
        assert {result["status"] for result in results} == {202}
    assert min(seconds) < ANSWER_SECONDS_MAX, seconds


def test_a_command_can_be_cancelled_though_nobody_hears_the_bell(bell: Bell, pos: Till) -> None:
    command = pos.submit("order.create").body
    assert pos.post(f"/commands/{command['id']}/cancel").body["status"] == "cancelled"


def test_what_was_accepted_is_executed_by_whoever_comes(bell: Bell, pos: Till) -> None:
    command = pos.submit("order.create").body
    run_drain()
    assert pos.get(command["links"]["self"]).body["status"] == "succeeded"
