"""PostgreSQL and Valkey for development and tests, from two wheels: nothing to install, nothing to configure.

Each data folder has its own pair of servers, on ports, passwords and files of its own, so several run side by side. The
servers outlive the process that started them and are found again by the next; production never comes here.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config.embedded import postgres, valkey
from config.embedded.folder import EmbeddedError, kept_secret, locked, prepared, write_variables

__all__ = [
    "EmbeddedError",
    "Servers",
    "empty_valkey",
    "postgres_binaries",
    "remove",
    "start",
    "start_postgres",
    "start_valkey",
    "stop",
    "stop_postgres",
    "stop_valkey",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Two running servers: their addresses with passwords, and the ids of their main processes."""

    database_url: str
    redis_url: str
    broker_url: str
    secret_key: str
    postgres_pid: int
    valkey_pid: int


def start(data_dir: Path, *, durable: bool = True) -> Servers:
    """Finds the servers that run on this folder, or starts them, and writes `servers.json` (mode 0600) beside them.

    `redis_url` names database 0 and `broker_url` database 1 of the same Valkey. Not `durable` is faster and may lose
    the data with the machine; a running server stays as it is. Raises EmbeddedError.
    """
    folder = prepared(data_dir)
    with locked(folder, "servers"):
        database_url, postgres_pid = start_postgres(folder, durable=durable)
        valkey_url, valkey_pid = start_valkey(folder)
        servers = Servers(
            database_url=database_url,
            redis_url=f"{valkey_url}/0",
            broker_url=f"{valkey_url}/1",
            secret_key=kept_secret(folder, "secret.key"),
            postgres_pid=postgres_pid,
            valkey_pid=valkey_pid,
        )
        variables = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "BROKER_URL": servers.broker_url,
            "SECRET_KEY": servers.secret_key,
        }
        write_variables(folder, variables)
    return servers


def stop(data_dir: Path) -> None:
    """Ends both servers in order; nothing for one that does not run, whoever has its port. Raises EmbeddedError."""
    if not data_dir.is_dir():
        return
    folder = prepared(data_dir)
    with locked(folder, "servers"):
        stop_valkey(folder)
        stop_postgres(folder)


def remove(data_dir: Path) -> None:
    """Ends both servers at once and deletes the folder with all their data. Raises EmbeddedError."""
    if not data_dir.is_dir():
        return
    folder = prepared(data_dir)
    with locked(folder, "servers"):
        stop_valkey(folder)
        stop_postgres(folder, "immediate")
        postgres.forget(folder)
        shutil.rmtree(folder)


def start_postgres(data_dir: Path, *, durable: bool = True) -> tuple[str, int]:
    """The URL of the database `orderly` and the postmaster's process id; found, else started. Raises EmbeddedError."""
    return postgres.start(data_dir, durable=durable)


def stop_postgres(data_dir: Path, mode: Literal["fast", "immediate"] = "fast") -> None:
    """Ends PostgreSQL: `fast` in order, `immediate` like a power cut, so that the next start recovers from its log."""
    postgres.stop(data_dir, mode)


def start_valkey(data_dir: Path) -> tuple[str, int]:
    """Valkey's URL without a database number, and its process id; found, else started. Raises EmbeddedError."""
    return valkey.start(data_dir)


def stop_valkey(data_dir: Path) -> None:
    """Ends Valkey in order: what it accepted is there again after the next start."""
    valkey.stop(data_dir)


def empty_valkey(data_dir: Path) -> None:
    """Deletes the stopped Valkey's files; port and password stay. Raises EmbeddedError while it runs."""
    valkey.empty(data_dir)


def postgres_binaries() -> Path:
    """The folder of PostgreSQL's programs; `psql` and `pgbench` are among them. Raises EmbeddedError if absent."""
    return postgres.binaries()
