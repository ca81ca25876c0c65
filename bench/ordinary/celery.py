"""The Celery application of the ordinary design."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.ordinary.settings")

app = Celery("ordinary")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["bench.ordinary"])
