"""The bell: one message serves many rings, and no broker, dead or silent, holds up whoever rings."""

import base64
import json
import socket
from collections.abc import Callable, Iterator

import pytest
import redis
from celery import Celery
from django.conf import settings

from store import awake
from store.awake import Sign
from tests.polling import until
from worker.bell import Bell


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker's own database, with an empty queue."""
    client = redis.Redis.from_url(settings.BROKER_URL)
    client.delete("commands", "webhooks")
    yield client
    client.delete("commands", "webhooks")
    client.close()


def bell_of(broker_url: str) -> Bell:
    """A bell that publishes there."""
    app = Celery("test", broker=broker_url, set_as_current=False)
    app.conf.task_routes = settings.CELERY_TASK_ROUTES
    return Bell(app, settings.BELL_TRANSPORT_OPTIONS)


def has_messages(broker: redis.Redis) -> Callable[[], bool]:
    """Whether a message waits."""
    return lambda: bool(broker.llen("commands"))


def test_many_rings_share_few_messages(broker: redis.Redis) -> None:
    bell = bell_of(settings.BROKER_URL)
    for lane in range(500):
        bell.ring([lane])
    until(has_messages(broker), "a message has been published")
    until(lambda: not bell._rung, "no ring is left over")
    waiting = broker.llen("commands")
    assert isinstance(waiting, int)
    assert 1 <= waiting < 100


def test_a_dead_broker_is_survived_and_rung_again_when_it_is_back(broker: redis.Redis) -> None:
    bell = bell_of("redis://127.0.0.1:1/0")
    bell.ring([1])
    until(lambda: not bell._rung, "the ring has been lost")
    bell._celery.conf.update(broker_url=settings.BROKER_URL, broker_write_url=settings.BROKER_URL)
    bell.ring([2])
    until(has_messages(broker), "the next ring has been published")


def test_a_bell_is_spared_while_a_drain_is_awake_unless_it_must_ring(broker: redis.Redis) -> None:
    bell = bell_of(settings.BROKER_URL)
    awake.show()
    bell.ring([1])
    until(lambda: not bell._rung, "the ring has been heard")
    bell.ring_anyway(2)
    until(has_messages(broker), "a message has been published")
    awake.hide()
    assert [b"[2]" in base64.b64decode(json.loads(each)["body"]) for each in broker.lrange("commands", 0, -1)] == [True]


def test_many_rings_for_the_courier_share_few_messages_beside_those_of_lanes(broker: redis.Redis) -> None:
    bell = bell_of(settings.BROKER_URL)
    awake.hide(Sign.COURIER)
    for lane in range(500):
        bell.ring([lane])
        bell.ring_courier()
    until(lambda: broker.llen("webhooks") and broker.llen("commands"), "both have been published")
    until(lambda: not bell._courier_rung, "no ring is left over")
    waiting = broker.llen("webhooks")
    assert isinstance(waiting, int)
    assert 1 <= waiting < 100


def test_the_courier_is_not_rung_for_while_it_is_awake(broker: redis.Redis) -> None:
    bell = bell_of(settings.BROKER_URL)
    awake.show(Sign.COURIER)
    bell.ring_courier()
    until(lambda: not bell._courier_rung, "the ring has been heard")
    bell.ring([1])
    until(has_messages(broker), "the next round is over")
    assert broker.llen("webhooks") == 0
    awake.hide(Sign.COURIER)


def test_a_silent_broker_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bell = bell_of(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        for lane in range(100):
            bell.ring([lane])
        until(lambda: not bell._rung, "the rings have been given up")
