"""The Celery application: `celery -A worker.app worker`."""

import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.concurrency.thread import TaskPool as Threads
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined] # the stubs lack it
from django.conf import settings
from django.db import close_old_connections

from store import observing, presence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks read every URL and with them the whole API: 0.7 s of a start, for what `migrate` has checked before.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

if settings.UNFIT_TO_SERVE and Path(sys.argv[0]).name != "manage.py":
    raise SystemExit(settings.UNFIT_TO_SERVE)


def _keep_connections(_fixup: object, **_kwargs: object) -> None:
    """Close broken connections only. Celery's own way closes every connection around every task: 7 ms a task."""
    close_old_connections()


DjangoWorkerFixup.close_database = _keep_connections

_KINDS = {"commands": "worker", "webhooks": "courier", "payments": "payments", "sweep": "sweeper"}

app = Celery("orderly", include=["worker.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")


@signals.setup_logging.connect
def _log_as_django_does(**_kwargs: Any) -> None:
    """Connected, so that Celery leaves the logging that Django has set up alone."""


@signals.heartbeat_sent.connect
def _report_alive(sender: Any, **_kwargs: Any) -> None:
    if "commands" in app.amqp.queues.consume_from:  # a sweeper alone executes nothing
        presence.seen(sender.eventer.hostname)


@signals.worker_process_init.connect
def _begin_to_observe(**_kwargs: Any) -> None:
    """In every child, and in the one process of a solo worker."""
    observing.start(_kind())


@signals.worker_ready.connect
def _begin_to_observe_threads(sender: Any, **_kwargs: Any) -> None:
    """A pool of threads has no child, so Celery tells of none."""
    if isinstance(sender.pool, Threads):
        observing.start(_kind())


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def _end_observing(**_kwargs: Any) -> None:
    observing.stop()


def _kind() -> str:
    queues = app.amqp.queues.consume_from
    return next((kind for queue, kind in _KINDS.items() if queue in queues), "worker")


@signals.worker_shutting_down.connect
def _report_leaving(sender: str, **_kwargs: Any) -> None:
    presence.left(sender)
