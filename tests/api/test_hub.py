"""The hub's listeners: what one stream has to send, and when it wakes up."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from api.hub import Hub, Listener
from api.stream import Event, Stream
from store.clients import Caller

NOW = datetime(2026, 11, 21, tzinfo=UTC)
STREAM = Stream(caller=Caller(1, "till", "pos"), order_id=None, since=None, begins=NOW)


def event(number: int, client_id: int = 1) -> Event:
    return Event(f"{number}", NOW, client_id, uuid.uuid4(), b"%d" % number)


async def here[R](job: Callable[[], R], /) -> R:
    return job()


def test_what_has_come_is_there_at_once_in_order_and_once() -> None:
    async def listen() -> list[list[Event]]:
        listener = Listener(STREAM)
        for each in events:
            listener.hear(each)
        listener.hear(event(9, client_id=2))
        return [await listener.news(20), await listener.news(0.01)]

    events = [event(1), event(2)]
    assert asyncio.run(listen()) == [events, []]


def test_whoever_waits_hears_of_it() -> None:
    async def listen() -> list[Event]:
        listener = Listener(STREAM)
        asyncio.get_running_loop().call_later(0.01, listener.hear, heard)
        return await listener.news(20)

    heard = event(1)
    assert asyncio.run(listen()) == [heard]


def test_whoever_waits_can_be_woken_for_nothing() -> None:
    async def listen() -> list[Event]:
        listener = Listener(STREAM)
        asyncio.get_running_loop().call_later(0.01, listener.wake)
        return await listener.news(20)

    assert asyncio.run(listen()) == []


def test_a_client_for_whom_too_much_waits_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listen() -> tuple[list[Event], bool]:
        listener = Listener(STREAM)
        for each in events:
            listener.hear(each)
        return await listener.news(20), listener.too_slow

    monkeypatch.setattr("api.hub.UNSENT_MAX", 2)
    events = [event(number) for number in range(3)]
    assert asyncio.run(listen()) == (events[:2], True)


def test_every_open_stream_counts() -> None:
    async def listen() -> list[int]:
        hub = Hub(here)
        with hub.listening(STREAM):
            one = hub.streams
            with hub.listening(STREAM):
                two = hub.streams
        return [one, two, hub.streams]

    assert asyncio.run(listen()) == [1, 2, 0]
