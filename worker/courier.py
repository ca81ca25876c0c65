"""The courier: sends what is due, hundreds at once, from one event loop on a thread of its own.

The Celery task only wakes it, so no time limit of Celery cuts a send. A turn records what has ended, claims what there
is room for, and lets go of the database; sending holds neither a transaction nor a connection. How much an endpoint may
have in flight follows from how it answers: one that hangs soon holds a place or two, however much waits for it.
"""

import asyncio
import ssl
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from django.db import close_old_connections, connection

from store import awake, db, deliveries
from store.awake import Sign
from store.deliveries import Claimed, Tried
from worker import schedule, sending
from worker.lines import Lines
from worker.resolver import Resolver

IN_FLIGHT_MAX = 400
ALLOWANCE_FIRST, ALLOWANCE_MIN, ALLOWANCE_MAX = 5, 2, 20
"""How many sends an endpoint may have in flight: one more after each quick success, half after anything else."""
QUICK_SECONDS = 1.0
PAUSE_SECONDS_MAX = 60.0
"""How long an endpoint that asks for time is left alone as a whole."""
REST_SECONDS = 0.005
"""The least time between two turns: what ends meanwhile shares the next one's transaction."""
LOOK_SECONDS = 0.02
PATIENCE = 10
"""How often in a row an awake courier looks and finds nothing before it waits for a bell."""
IDLE_SECONDS = 5.0
"""How often it looks without any bell."""
FAULT_SECONDS = 0.5
FORGET_SECONDS = 60.0
FINISH_SECONDS = 5.0
"""How long sends in flight may take to end when the worker stops; the rest is sent again after its lease."""
_SIGN_SECONDS = awake.FADES_MILLISECONDS / 1_000 / 2

log = structlog.get_logger()


@dataclass(slots=True)
class _Peer:
    """An endpoint as this courier knows it."""

    lines: Lines
    allowance: int = ALLOWANCE_FIRST
    in_flight: int = 0
    paused_until: float = 0.0
    used: float = field(default_factory=time.monotonic)

    def room(self) -> int:
        """How many more sends it may have."""
        return 0 if time.monotonic() < self.paused_until else max(0, self.allowance - self.in_flight)

    def learn(self, tried: Tried) -> None:
        """Draw conclusions from an answer, or from none."""
        self.used = time.monotonic()
        if schedule.succeeded(tried.status) and tried.duration_ms < QUICK_SECONDS * 1_000:
            self.allowance = min(ALLOWANCE_MAX, self.allowance + 1)
        else:
            self.allowance = max(ALLOWANCE_MIN, self.allowance // 2)
        if tried.asked_for_seconds is not None:
            self.paused_until = self.used + min(tried.asked_for_seconds, PAUSE_SECONDS_MAX)


class Courier:
    """One a process; `wake` costs microseconds. Several processes share the work."""

    def __init__(self, tls: ssl.SSLContext | None = None, resolver: Resolver | None = None) -> None:
        """What is given replaces the system's certificates and resolver."""
        self._tls = tls
        self._resolver = resolver
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running: _Running | None = None

    def wake(self) -> None:
        """Have it look for due deliveries now."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._start()
        assert self._running is not None
        self._running.wake()

    def stop(self) -> None:
        """Claim nothing more, give what is in flight `FINISH_SECONDS` to end, and record it."""
        with self._starting:
            if self._thread is not None and self._running is not None:
                self._running.stop()
                self._thread.join(FINISH_SECONDS * 2)
                self._thread = None

    def _start(self) -> None:
        ready = threading.Event()
        tls, resolver = self._tls or trusted(), self._resolver or Resolver()

        async def run() -> None:
            self._running = _Running(tls, resolver)
            ready.set()
            await self._running.run()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="courier", daemon=True)
        self._thread.start()
        ready.wait()


class _Running:
    """The courier on its loop."""

    def __init__(self, tls: ssl.SSLContext, resolver: Resolver) -> None:
        self._tls = tls
        self._resolver = resolver
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._stopping = False
        self._peers: dict[uuid.UUID, _Peer] = {}
        self._sends: set[asyncio.Task[None]] = set()
        self._tried: list[Tried] = []
        self._in_vain = 0
        self._sign_until = 0.0
        # Django's connections belong to threads; this one's is the courier's.
        self._database = ThreadPoolExecutor(1, "courier-database")

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._hear)

    def stop(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._be_stopped)

    def _be_stopped(self) -> None:
        self._stopping = True
        self._hear()

    def _hear(self) -> None:
        self._in_vain = 0
        self._woken.set()

    async def run(self) -> None:
        """Turn after turn until told to stop."""
        while not self._stopping:
            try:
                await self._turn()
            except Exception as error:  # PostgreSQL is away; deliveries wait, and so does what has been tried
                log.warning("courier.failed", cause=str(error).strip())
                await asyncio.sleep(FAULT_SECONDS)
            await asyncio.sleep(REST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._in_vain <= PATIENCE else IDLE_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
        await self._finish()

    async def _turn(self) -> None:
        tried, self._tried = self._tried, []
        try:
            claimed = await self._in_database(tried)
        except BaseException:
            self._tried = tried + self._tried
            raise
        self._in_vain = 0 if claimed else self._in_vain + 1
        now = time.monotonic()
        for each in claimed:
            self._begin(each, now)
        self._forget_the_idle(now)

    async def _in_database(self, tried: Sequence[Tried]) -> list[Claimed]:
        rooms = {endpoint_id: peer.room() for endpoint_id, peer in self._peers.items()}
        total = 0 if self._stopping else IN_FLIGHT_MAX - len(self._sends)
        return await self._loop.run_in_executor(self._database, self._record_and_claim, tried, total, rooms)

    def _record_and_claim(self, tried: Sequence[Tried], total: int, rooms: dict[uuid.UUID, int]) -> list[Claimed]:
        """On the thread of the database."""
        try:
            if tried:
                _record(tried)
            # The sign is taken down before the last look; nobody is spared a bell because of a courier that is full.
            if total > 0 and self._in_vain < PATIENCE:
                self._show_sign()
            else:
                self._hide_sign()
            return deliveries.claim(total, rooms, ALLOWANCE_FIRST) if total > 0 else []
        except BaseException:
            close_old_connections()
            raise

    def _show_sign(self) -> None:
        now = time.monotonic()
        if now > self._sign_until - _SIGN_SECONDS:
            awake.show(Sign.COURIER)
            self._sign_until = now + 2 * _SIGN_SECONDS

    def _hide_sign(self) -> None:
        if self._sign_until:
            awake.hide(Sign.COURIER)
            self._sign_until = 0.0

    def _begin(self, claimed: Claimed, claimed_at: float) -> None:
        peer = self._peers.get(claimed.endpoint_id)
        if peer is None:
            peer = self._peers[claimed.endpoint_id] = _Peer(Lines(self._tls))
        peer.in_flight += 1
        send = self._loop.create_task(self._send(claimed, claimed_at, peer))
        self._sends.add(send)
        send.add_done_callback(self._sends.discard)

    async def _send(self, claimed: Claimed, claimed_at: float, peer: _Peer) -> None:
        try:
            tried = await sending.attempt(claimed, claimed_at, peer.lines, self._resolver)
        finally:
            peer.in_flight -= 1
        peer.learn(tried)
        self._tried.append(tried)
        self._woken.set()

    def _forget_the_idle(self, now: float) -> None:
        """Close lines nobody uses; whoever has been silent for long is met like a stranger."""
        for endpoint_id, peer in list(self._peers.items()):
            if not peer.in_flight and now - peer.used > FORGET_SECONDS and now > peer.paused_until:
                peer.lines.close()
                del self._peers[endpoint_id]

    async def _finish(self) -> None:
        if self._sends:
            await asyncio.wait(self._sends, timeout=FINISH_SECONDS)
        with suppress(Exception):
            await self._in_database(self._tried)
        for send in list(self._sends):
            send.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)
        for peer in self._peers.values():
            peer.lines.close()
        await self._loop.run_in_executor(self._database, _disconnect)
        self._database.shutdown(wait=False)


def trusted() -> ssl.SSLContext:
    """The certificates that this machine trusts; SSL_CERT_FILE names others."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _disconnect() -> None:
    """Close this thread's connection."""
    connection.close()


def _record(tried: Sequence[Tried]) -> None:
    """Record all; a try that cannot be recorded stands in nobody's way, and its delivery is sent again."""
    try:
        deliveries.record(tried)
    except Exception as error:
        if db.may_pass(error):
            raise
        if len(tried) == 1:
            log.error("delivery.unrecorded", delivery_id=str(tried[0].claimed.id), exc_info=error)
            return
        for each in tried:
            _record([each])


courier = Courier()
