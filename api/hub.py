"""The hub: every client of this process that waits for commands, without a thread or a database connection each.

It lives on the server's event loop and listens to the changes that workers and other web processes tell by Redis. A
command whose word got lost, or all of them while Redis is away, are found by looking at the table now and then, once
for all who wait.
"""

import asyncio
import functools
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog
from django.conf import settings
from django.db import Error
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from api.reading import LATELY_SECONDS
from api.stream import About, Event, Stream, events_of, recent_events
from store import changes, commands
from store.changes import Change

LOOK_SECONDS = 2.0
"""How often the table is looked at for commands whose word may have got lost."""
LOOK_SECONDS_ALONE = 0.25
"""How often while nobody listens to Redis."""
ENDED_SECONDS = 2 * LATELY_SECONDS
"""How long at least an end is remembered for those who begin to wait a moment too late, or know an older state."""
TOLD_SECONDS = 15.0
"""How long at least it is remembered what streams have been told: longer than a look goes back."""
UNSENT_MAX = 2_000
"""How many events may wait for a slow client before its stream ends; it resumes where it was."""

log = structlog.get_logger()


class InThread(Protocol):
    """Runs a function on a thread that may use the database."""

    def __call__[R](self, job: Callable[[], R], /) -> Awaitable[R]:
        """What the function returns or raises."""


class Hub:
    """One an event loop; it is `over` once nobody is to wait any longer."""

    def __init__(self, in_thread: InThread) -> None:
        self.over = asyncio.Event()
        self._in_thread = in_thread
        self._streams: dict[About, set[Listener]] = defaultdict(set)
        self._told = Memory()
        self._waiting: dict[uuid.UUID, set[asyncio.Event]] = defaultdict(set)
        self._ended = Memory()
        self._listening = False

    def start(self) -> None:
        """Begin to listen; call it on the loop."""
        forgetting = (_forget(self._ended, ENDED_SECONDS), _forget(self._told, TOLD_SECONDS))
        self._tasks = [asyncio.ensure_future(each) for each in (self._listen(), self._look(), *forgetting)]

    def stop(self) -> None:
        """Wake everybody up."""
        self.over.set()
        self._wake(list(self._waiting))

    @property
    def clients_waiting(self) -> int:
        """How many answers are held back."""
        return sum(map(len, self._waiting.values()))

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    def has_ended(self, command_id: uuid.UUID) -> bool:
        """Whether the command ended a moment ago; since then it may have been queued again."""
        return command_id in self._ended

    async def until_ended(self, command_id: uuid.UUID, deadline: float) -> None:
        """Return when the command may have ended from now on, or at this time of the loop."""
        rung = asyncio.Event()
        with _among(self._waiting, command_id, rung), suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await rung.wait()

    @contextmanager
    def listening(self, stream: Stream) -> Iterator["Listener"]:
        """A listener that gets every change the stream wants from now on, as long as the block lasts."""
        listener = Listener(stream)
        with _among(self._streams, stream.about, listener):
            yield listener

    def _wake(self, ended: Sequence[uuid.UUID]) -> None:
        for command_id in ended:
            self._ended.add(command_id)
            for rung in self._waiting.get(command_id, ()):
                rung.set()

    async def _listen(self) -> None:
        while True:
            try:
                async with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1) as client:
                    await self._follow(client.pubsub())
            except (RedisError, OSError, Error) as error:
                if self._listening:
                    log.warning("changes.unheard", cause=str(error))
            self._listening = False
            await asyncio.sleep(LOOK_SECONDS_ALONE)

    async def _follow(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(await self._in_thread(changes.channel))
        self._listening = True
        async for message in pubsub.listen():
            if message["type"] == "message":
                change, ids = changes.read(message["data"])
                if change is Change.ENDED:
                    self._wake(ids)
                if self._streams:
                    self._tell(await self._in_thread(functools.partial(events_of, ids, set(self._streams))))

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.id not in self._told:
                self._told.add(event.id)
                for about in event.abouts:
                    for listener in self._streams.get(about, ()):
                        listener.hear(event)

    async def _look(self) -> None:
        """See to it that nobody misses what nobody told."""
        while True:
            await asyncio.sleep(LOOK_SECONDS if self._listening else LOOK_SECONDS_ALONE)
            try:
                if self._waiting:
                    self._wake(await self._in_thread(functools.partial(commands.ended_among, list(self._waiting))))
                if self._streams:
                    self._tell(await self._in_thread(functools.partial(recent_events, set(self._streams), self._told)))
            except Error as error:
                log.warning("table.unread", cause=str(error).strip())


class Listener:
    """What has happened for one stream and has not been sent yet."""

    def __init__(self, stream: Stream) -> None:
        self.too_slow = False
        self._stream = stream
        self._events: list[Event] = []
        self._rung = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Take the event if the stream wants it."""
        if self._stream.wants(event):
            if len(self._events) < UNSENT_MAX:
                self._events.append(event)
            else:
                self.too_slow = True
            self.wake()

    def wake(self) -> None:
        """There is something to do, or nothing more to do."""
        self._rung.set()

    async def news(self, seconds: float) -> list[Event]:
        """What has come: as soon as there is any, as somebody wakes it, or none after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()
        events, self._events = self._events, []
        return events


class Memory:
    """Things of the last moments: what is put in is known until it has faded twice."""

    def __init__(self) -> None:
        self._now: set[Hashable] = set()
        self._before: set[Hashable] = set()

    def add(self, thing: Hashable) -> None:
        """Remember it."""
        self._now.add(thing)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._now or thing in self._before

    def fade(self) -> None:
        """Forget what is older than the last time."""
        self._before, self._now = self._now, set()


@contextmanager
def _among[K, T](groups: dict[K, set[T]], key: K, member: T) -> Iterator[None]:
    """One more member of a group for the length of the block; an empty group is gone."""
    groups[key].add(member)
    try:
        yield
    finally:
        groups[key].discard(member)
        if not groups[key]:
            del groups[key]


async def _forget(memory: Memory, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        memory.fade()
