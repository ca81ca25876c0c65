"""The test database as a site of the benchmark."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection as django_connection

from bench.design import Site
from bench.orderly import Orderly
from config import embedded
from store import clients


@pytest.fixture
def site(database: None, tmp_path: Path) -> Site:
    """The test database as a site of the benchmark."""
    settings = django_connection.settings_dict
    user = ":".join(quote(settings[name], safe="") for name in ("USER", "PASSWORD") if settings[name])
    key = clients.create_client("bench", "pos")
    return Site(
        name="tests",
        database_url=f"postgresql://{user}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}",
        broker_url="",
        programs=embedded.postgres_binaries(),
        env={},
        logs=tmp_path,
        authorization=f"Api-Key {key}",
    )


@pytest.fixture
def connection(site: Site) -> Iterator[psycopg.Connection]:
    """A connection of the benchmark's own, and its catalogue."""
    with site.connect() as connection:
        Orderly().create_products(connection)
        yield connection
