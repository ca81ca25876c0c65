"""The same application with its database connections kept between tasks.

Celery closes the connection around every task, whatever CONN_MAX_AGE says. The remedy is a patch of Celery's inside,
which no documentation tells; the ordinary design is measured without it, and once with it for information.
"""

from celery.fixups import django as fixup
from django.db import close_old_connections

from bench.ordinary.celery import app

__all__ = ["app"]


def _keep_connections(_fixup: object, **_signal: object) -> None:
    close_old_connections()


fixup.DjangoWorkerFixup.close_database = _keep_connections  # type: ignore[attr-defined]
