"""Django and Celery settings of the ordinary design, read from the environment that the benchmark gives it."""

import os
from typing import Any
from urllib.parse import unquote, urlsplit


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname or "",
        "PORT": parts.port or 5432,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
        # Persistent connections, checked once a request (and once a task, see celery.py) before they are used again.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "bench.ordinary.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": _database(os.environ["DATABASE_URL"])}

INSTALLED_APPS = ["rest_framework", "django_celery_results", "bench.ordinary"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bench.ordinary.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["bench.ordinary.authentication.IsClient"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}

CELERY_BROKER_URL = os.environ["BROKER_URL"]
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# Late acknowledgement alone would fetch one message at a time; a few in hand keep a short task's process busy.
CELERY_WORKER_PREFETCH_MULTIPLIER = 8
CELERY_TASK_DEFAULT_QUEUE = "ordinary"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
