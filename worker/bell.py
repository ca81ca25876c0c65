"""The bell: tells the workers that a lane has work, the courier that webhooks wait, and who asks payment providers that
there is something to ask. Rung after the commit, off the caller's path, allowed to fail.

A thread of its own publishes, so nobody who rings ever waits for the broker. Lanes that are rung while it is busy share
one message in its next round, which is enough: a drain goes on to every free lane that has work.
"""

import threading
import time
from collections.abc import Iterable, Mapping

import structlog
from celery import Celery
from django.conf import settings
from kombu import Producer

from store import awake, metrics
from store.awake import Sign
from worker.app import app

REST_FACTOR = 2.0
"""After each round the ringer rests this many times as long as publishing took: bells never eat the processor."""
REST_SECONDS_MIN, REST_SECONDS_MAX = 0.008, 0.5
"""A drain costs its worker some milliseconds even when another has done its work; more bells would only slow it."""

log = structlog.get_logger()


class Bell:
    """One a process; ringing costs microseconds and never raises. Call it after the commit."""

    def __init__(self, celery: Celery, transport_options: Mapping[str, object]) -> None:
        self._celery = celery
        self._transport_options = transport_options
        self._rung: set[int] = set()
        self._anyway = False
        self._courier_rung = False
        self._payments_rung = False
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._ringer: threading.Thread | None = None
        self._producer: Producer | None = None

    def ring(self, lanes: Iterable[int]) -> None:
        """These lanes have new commands: have a drain begin at one of them soon, unless one is awake already."""
        self._rung.update(lanes)
        self._wake_ringer()

    def ring_anyway(self, lane: int) -> None:
        """Have one more drain begin at this lane soon."""
        self._anyway = True
        self.ring([lane])

    def ring_courier(self) -> None:
        """Deliveries have been written: have a courier look for them soon, unless one is awake already."""
        self._courier_rung = True
        self._wake_ringer()

    def ring_payments(self) -> None:
        """There is something to ask a payment provider: have it asked soon."""
        self._payments_rung = True
        self._wake_ringer()

    def _wake_ringer(self) -> None:
        if not self._rings():
            with self._starting:
                if not self._rings():
                    self._ringer = threading.Thread(target=self._publish_for_ever, name="bell", daemon=True)
                    self._ringer.start()
        self._wake.set()

    def _rings(self) -> bool:
        # A forked child has the object but not the thread.
        return self._ringer is not None and self._ringer.is_alive()

    def _publish_for_ever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            started = time.monotonic()
            if self._rung:
                anyway, self._anyway = self._anyway, False
                lane = self._rung.pop()
                self._rung.clear()
                if anyway or not awake.is_shown():
                    self._publish("drain", lane)
            if self._courier_rung:
                self._courier_rung = False
                if not awake.is_shown(Sign.COURIER):
                    self._publish("deliver")
            if self._payments_rung:
                self._payments_rung = False
                self._publish("ask")
            busy = time.monotonic() - started
            time.sleep(min(max(busy * REST_FACTOR, REST_SECONDS_MIN), REST_SECONDS_MAX))

    def _publish(self, task: str, *arguments: int) -> None:
        try:
            if self._producer is None:
                connection = self._celery.connection_for_write(transport_options=dict(self._transport_options))
                self._producer = self._celery.amqp.Producer(connection, auto_declare=False)
            self._celery.send_task(task, arguments, producer=self._producer)
        except Exception as error:  # whatever a broker can do to us, the sweeper rings again
            metrics.bell_lost(task)
            log.warning("bell.lost", task=task, arguments=arguments, cause=str(error))
            self._drop_connection()

    def _drop_connection(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None and producer.connection is not None:
            producer.connection.close()


bell = Bell(app, settings.BELL_TRANSPORT_OPTIONS)
