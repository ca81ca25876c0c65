"""Names looked up for the courier: on threads, because the system's resolver blocks, and never two for one name.

A name server that does not answer costs a thread and those who wait for this very name; nobody else.
"""

import asyncio
import threading
from collections.abc import Callable

from store import addresses
from store.addresses import Destination, Refused

SECONDS_MAX = 5.0
"""How long a send waits for its address."""
FRESH_SECONDS = 5.0
"""How long an answer is used again."""
THREADS_MAX = 64


class Resolver:
    """Belongs to one event loop."""

    def __init__(self, look_up: Callable[[str], list[str]] = addresses.look_up) -> None:
        self._look_up = look_up
        self._answers: dict[str, asyncio.Future[list[str]]] = {}
        self._threads = asyncio.Semaphore(THREADS_MAX)

    async def checked(self, url: str) -> Destination:
        """`addresses.checked`, within `SECONDS_MAX`; raises Refused."""
        place = addresses.parse(url)
        known = addresses.literal(place.host)
        return addresses.judged(place, known or await self._addresses(place.host))

    async def _addresses(self, host: str) -> list[str]:
        answer = self._answers.get(host)
        if answer is None:
            answer = self._answers[host] = asyncio.ensure_future(self._on_a_thread(host))
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise Refused(f"The host's address was not found within {SECONDS_MAX:g} s.") from None

    async def _on_a_thread(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with self._threads:
                found: asyncio.Future[list[str]] = loop.create_future()
                # Daemons, unlike an executor's: a look-up that hangs does not keep the process from ending.
                threading.Thread(target=self._answer, args=(loop, found, host), name="resolver", daemon=True).start()
                return await found
        finally:
            loop.call_later(FRESH_SECONDS, self._answers.pop, host, None)

    def _answer(self, loop: asyncio.AbstractEventLoop, found: asyncio.Future[list[str]], host: str) -> None:
        addresses_found = self._look_up(host)

        def tell() -> None:
            if not found.done():
                found.set_result(addresses_found)

        if not loop.is_closed():
            loop.call_soon_threadsafe(tell)
