"""A real web server on the test database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from config.processes import commands, free_port, spawn, stop_one
from tests.faults.system import answers
from tests.polling import until


@contextmanager
def web_server(folder: Path, **variables: str) -> Iterator[tuple[int, int]]:
    """Its port and its process id; it ends with the block."""
    port = free_port()
    database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    servers = {name: str(getattr(settings, name)) for name in ("REDIS_URL", "BROKER_URL", "SECRET_KEY")}
    argv = commands(port, free_port(), folder)["web"]
    server = spawn(argv, {**os.environ, **servers, "DATABASE_URL": database, **variables}, folder / "web.log")
    try:
        until(lambda: answers(port), "the web server answers")
        yield port, server.pid
    finally:
        stop_one(server)
