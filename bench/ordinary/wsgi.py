"""The WSGI entry of the ordinary design; it loads Celery's application so that `delay` knows its broker."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.ordinary.settings")

from bench.ordinary.celery import app as celery_app

celery_app.set_default()
application = get_wsgi_application()
