"""The stage: one embedded PostgreSQL and Valkey, on which every measurement of every design gets a fresh database."""

import dataclasses
import itertools
import os
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
from config.embedded import Servers

# Limits that protect a deployment from its clients would only cut a measurement short.
_SETTINGS = {"BACKLOG_LIMIT": "10000000", "RATE_LIMIT_PER_MINUTE": "100000000", "LANES": str(LANES)}


class Stage:
    """The servers, and the databases on them."""

    def __init__(self, servers: Servers, programs: Path, folder: Path) -> None:
        """`programs` are PostgreSQL's own; `folder` takes the logs of all processes."""
        self._servers = servers
        self._programs = programs
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._templates: dict[str, Site] = {}
        self._numbers = itertools.count(1)

    @contextmanager
    def site(self, design: Design) -> Iterator[Site]:
        """A fresh database of the design with a client and a catalogue, and an empty broker; dropped again."""
        template = self._template(design)
        name = f"bench_{design.name}_{next(self._numbers)}"
        self._administer("CREATE DATABASE {} TEMPLATE {}", name, f"bench_{design.name}")
        for url in (self._servers.broker_url, self._servers.redis_url):
            redis.Redis.from_url(url).flushdb()
        try:
            yield dataclasses.replace(self._site(name), authorization=template.authorization)
        finally:
            self._administer("DROP DATABASE {} WITH (FORCE)", name)

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
        }
        env |= _SETTINGS | servers | {"LOG_LEVEL": "WARNING"}
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
