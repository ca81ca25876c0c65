"""The Celery tasks: a name, a queue and one call each."""

import functools
from dataclasses import asdict
from typing import Any

from celery import shared_task, signals
from django.conf import settings

from worker import drain as draining
from worker import payments, retention
from worker import sweep as sweeping
from worker.bell import bell
from worker.courier import courier
from worker.providers import Provider
from worker.providers.choosing import provider_named


@shared_task(name="drain")
def drain(lane: int) -> dict[str, Any]:
    """Execute what waits, `lane` first; ring for another drain when there is more than one should take."""
    return asdict(draining.drain(lane, settings.BATCH_MAX, bell.ring_anyway))


@shared_task(name="deliver", ignore_result=True, send_events=False)  # what came of it stands with each delivery
def deliver() -> None:
    """Wake this process's courier, which sends what is due."""
    courier.wake()


@shared_task(name="ask")
def ask() -> int:
    """Ask payment providers what commands wait for: how often."""
    return payments.ask(_provider_named, settings.PAYMENT_TIMEOUT_SECONDS)


@functools.cache
def _provider_named(name: str) -> Provider:
    provider = provider_named(
        name,
        timeout_seconds=settings.PAYMENT_TIMEOUT_SECONDS,
        stripe_key=settings.STRIPE_API_KEY,
        stripe_base=settings.STRIPE_API_BASE,
    )
    assert provider is not None, "nobody is asked without a provider"
    return provider


@signals.worker_shutdown.connect
def _finish_sending(**_kwargs: Any) -> None:
    courier.stop()


@shared_task(name="sweep", ignore_result=True, send_events=False)  # twice a second, it would hide the drains in Flower
def sweep() -> None:
    """Make ready what has become due, end what has expired, ring for what still waits."""
    for lane in sweeping.sweep():
        bell.ring_anyway(lane)


@shared_task(name="retain", ignore_result=True, send_events=False)  # once a second, hidden as the sweep is
def retain() -> None:
    """Let a few hundred results and events go that are 30 days old, and as many keys that are 400 days old."""
    retention.retain()
