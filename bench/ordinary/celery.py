"""The Celery application of the ordinary design."""

import os

from celery import Celery
from celery.fixups.django import DjangoWorkerFixup
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.ordinary.settings")


def _keep_connections(self: DjangoWorkerFixup, **_signal: object) -> None:
    close_old_connections()


# Celery closes the database connection around every task, whatever CONN_MAX_AGE says. Not every competent developer
# knows; here the connection is kept, as a web request would keep it, which is several times faster.
DjangoWorkerFixup.close_database = _keep_connections  # type: ignore[method-assign]

app = Celery("ordinary")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["bench.ordinary"])
