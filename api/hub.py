"""The hub: every client of this process that waits for a command, without a thread or a database connection each.

It lives on the server's event loop and listens to the changes that workers and other web processes tell by Redis. A
command whose word got lost, or all of them while Redis is away, are found by looking at the table now and then, once
for all who wait.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from django.conf import settings
from django.db import Error
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from store import changes, commands
from store.changes import Change

LOOK_SECONDS = 2.0
"""How often the table is looked at for commands whose word may have got lost."""
LOOK_SECONDS_ALONE = 0.25
"""How often while nobody listens to Redis."""
REMEMBERED_SECONDS = 1.0
"""How long an end is remembered for those who begin to wait a moment too late; twice that at most."""

log = structlog.get_logger()


class InThread(Protocol):
    """Runs a function on a thread that may use the database."""

    def __call__[R](self, job: Callable[[], R], /) -> Awaitable[R]:
        """What the function returns or raises."""


class Hub:
    """One an event loop; `stopped` once nobody is to wait any longer."""

    def __init__(self, in_thread: InThread) -> None:
        self.stopped = False
        self._in_thread = in_thread
        self._waiting: dict[uuid.UUID, set[asyncio.Event]] = defaultdict(set)
        self._ended: set[uuid.UUID] = set()
        self._ended_before: set[uuid.UUID] = set()
        self._listening = False

    def start(self) -> None:
        """Begin to listen; call it on the loop."""
        self._tasks = [asyncio.ensure_future(each) for each in (self._listen(), self._look(), self._forget())]

    def stop(self) -> None:
        """Wake everybody up."""
        self.stopped = True
        self._tell(list(self._waiting))

    async def until_ended(self, command_id: uuid.UUID, seconds: float) -> None:
        """Return when the command may have ended, or after so many seconds."""
        if command_id in self._ended or command_id in self._ended_before:
            return
        rung = asyncio.Event()
        self._waiting[command_id].add(rung)
        try:
            await asyncio.wait_for(rung.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._waiting[command_id].discard(rung)
            if not self._waiting[command_id]:
                del self._waiting[command_id]

    def _tell(self, ended: Sequence[uuid.UUID]) -> None:
        self._ended.update(ended)
        for command_id in ended:
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
                    self._tell(ids)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS if self._listening else LOOK_SECONDS_ALONE)
            if self._waiting:
                waiting = list(self._waiting)
                try:
                    self._tell(await self._in_thread(lambda: commands.ended_among(waiting)))  # noqa: B023 - at once
                except Error as error:
                    log.warning("table.unread", cause=str(error).strip())

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(REMEMBERED_SECONDS)
            self._ended_before, self._ended = self._ended, set()
