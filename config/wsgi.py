"""The WSGI entry point: `granian --interface wsgi config.wsgi:application`."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()

CHUNKED_BYTES_MAX = 5 * 1024 * 1024
"""More than any body may have; the API says so itself, in its own words."""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, which reads no body without a Content-Length: a chunked one is measured for it (RFC 9112)."""
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        body = environ["wsgi.input"].read(CHUNKED_BYTES_MAX)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
    return _django(environ, start_response)
