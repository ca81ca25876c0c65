"""The stage: one embedded PostgreSQL and Valkey, on which every measurement of every design gets a fresh database."""

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from bench.design import Design, Site
from bench.orderly import LANES
from bench.processes import ProcessError
from config import embedded
from config.embedded import Servers

# Limits that protect a deployment from its clients would only cut a measurement short.
_SETTINGS = {"BACKLOG_LIMIT": "10000000", "RATE_LIMIT_PER_MINUTE": "100000000", "LANES": str(LANES)}
_LEAVE_SECONDS_MAX = 15.0
_CLIENT = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend' LIMIT 1"
_COMMITTED = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"


class Stage:
    """The servers, and the databases on them."""

    def __init__(self, servers: Servers, data_dir: Path, programs: Path, logs: Path) -> None:
        """`data_dir` is the folder on which the servers run, `programs` are PostgreSQL's own."""
        self._servers = servers
        self._data_dir = data_dir
        self._programs = programs
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self._templates: dict[str, Site] = {}
        self._numbers = itertools.count(1)

    @contextmanager
    def site(self, design: Design) -> Iterator[Site]:
        """A fresh database of the design with a client and a catalogue, and an empty broker; dropped again."""
        template = self._template(design)
        name = f"bench_{design.name}_{next(self._numbers)}"
        self._administer("CREATE DATABASE {} TEMPLATE {}", name, f"bench_{design.name}")
        self.clear_redis()
        try:
            yield dataclasses.replace(self._site(name), authorization=template.authorization)
        finally:
            self._administer("DROP DATABASE {} WITH (FORCE)", name)

    def clear_redis(self) -> None:
        """Leave no message and no key."""
        for url in (self._servers.broker_url, self._servers.redis_url):
            with redis.Redis.from_url(url) as client:
                client.flushdb()

    @contextmanager
    def redis_away(self) -> Iterator[None]:
        """Valkey is down for the length of the block, and has its data again afterwards, on the same port."""
        embedded.stop_valkey(self._data_dir)
        try:
            yield
        finally:
            embedded.start_valkey(self._data_dir)

    def transactions(self, site: Site) -> int:
        """How many transactions were committed in the site's database so far; waits until all its clients have left.

        A client's count is added up to ten seconds late while it stays, but always before it is gone. What is counted
        besides is autovacuum's, a few in five seconds; this question is asked from another database.
        """
        deadline = time.monotonic() + _LEAVE_SECONDS_MAX
        # Each statement is a transaction of its own, so the second one sees no older copy of the statistics.
        with psycopg.connect(self._servers.database_url, autocommit=True) as connection:
            while connection.execute(_CLIENT, [site.name]).fetchone():
                if time.monotonic() > deadline:
                    raise ProcessError(f"{site.name} is still in use: its transactions cannot be counted")
                time.sleep(0.02)
            row = connection.execute(_COMMITTED, [site.name]).fetchone()
        assert row is not None, f"there is no database {site.name}"
        return int(row[0])

    def server_version(self) -> str:
        """PostgreSQL's version."""
        with psycopg.connect(self._servers.database_url) as connection:
            return connection.info.parameter_status("server_version") or "unknown"

    def _template(self, design: Design) -> Site:
        """Migrated once for each design; a copy of it takes milliseconds."""
        if design.name not in self._templates:
            name = f"bench_{design.name}"
            self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            self._administer("CREATE DATABASE {}", name)
            site = self._site(name)
            design.migrate(site)
            authorization = design.create_client(site)
            with site.connect() as connection:
                design.create_products(connection)
            self._templates[design.name] = dataclasses.replace(site, authorization=authorization)
        return self._templates[design.name]

    def _site(self, database: str) -> Site:
        url = urlsplit(self._servers.database_url)._replace(path=f"/{database}").geturl()
        env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        servers = {
            "DATABASE_URL": url,
            "BROKER_URL": self._servers.broker_url,
            "REDIS_URL": self._servers.redis_url,
            "SECRET_KEY": self._servers.secret_key,
            "PROMETHEUS_MULTIPROC_DIR": str(self._data_dir / "metrics"),  # not where a running system counts
        }
        env |= _SETTINGS | servers
        return Site(
            name=database,
            database_url=url,
            broker_url=self._servers.broker_url,
            programs=self._programs,
            env=env,
            logs=self._logs,
        )

    def _administer(self, statement: LiteralString, *databases: str) -> None:
        with psycopg.connect(self._servers.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, databases)))
