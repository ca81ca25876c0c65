"""A whole system on servers of its own, to be hurt: the processes of `make up` under their supervisor."""

import hashlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config import embedded
from config.processes import PROJECT, Supervisor, commands, free_port
from tests.polling import until

_REGISTER = """
WITH made AS (INSERT INTO client (name, role) VALUES (%s, %s) RETURNING id)
INSERT INTO api_key (client_id, prefix, secret_hash) SELECT id, %s, %s FROM made
"""


class System:
    """Servers, web, workers and beat; `say` of the supervisor is kept in `said`."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self.said: list[str] = []
        self._stopping = threading.Event()
        servers = embedded.start(data_dir)
        self.database_url = servers.database_url
        self.broker_url = servers.broker_url
        self.port = free_port()
        self.faults = data_dir / "faults"
        for folder in (self.faults, data_dir / "logs"):
            folder.mkdir(exist_ok=True)
        self._env = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "PROMETHEUS_MULTIPROC_DIR": "",  # the default, not what this process has set for itself
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "BROKER_URL": servers.broker_url,
            "SECRET_KEY": servers.secret_key,
            "FAULTS": str(self.faults),
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32",
            "PAYMENT_PROVIDER": "simulator",
            "PAYMENT_TIMEOUT_SECONDS": "1",
            **variables,
        }
        self.manage("migrate")
        self._thread = threading.Thread(target=self._supervise, daemon=True)

    @property
    def url(self) -> str:
        """Where the web server answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the processes and wait until they do their work."""
        self._thread.start()
        until(lambda: answers(self.port), "the web server answers")
        until(lambda: len(self.processes("commands@")) >= 3, "the worker has its children")

    def stop(self) -> None:
        """End everything."""
        self._stopping.set()
        self._thread.join(timeout=30)
        embedded.stop(self.data_dir)

    def manage(self, *arguments: str) -> str:
        """Run `manage.py`; its output."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=PROJECT, env=self._env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def register(self, name: str, role: str) -> str:
        """A client with one key: its Authorization header. As `create_client` does it, without a process of its own."""
        prefix, secret = uuid.uuid4().hex[:8], secrets.token_urlsafe(32)
        with self.connect() as connection:
            connection.execute(_REGISTER, [name, role, prefix, hashlib.sha256(secret.encode()).digest()])
        return f"Api-Key {prefix}.{secret}"

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the test's own, each statement its own transaction."""
        return psycopg.connect(self.database_url, autocommit=True)

    def processes(self, mark: str) -> list[psutil.Process]:
        """This system's processes whose command line holds `mark`, parents first; another system may run beside it."""
        all_there_are = psutil.Process().children(recursive=True)
        return [each for each in all_there_are if mark in " ".join(command_line(each)) and self._owns(each)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.environ().get("DATA_DIR") == str(self.data_dir)
        except psutil.Error:
            return False

    def suffer(self, fault: str) -> None:
        """Have the next worker that comes by suffer a planted fault, and wait until it has."""
        with self.suffering(fault):
            pass

    @contextmanager
    def suffering(self, fault: str) -> Iterator[None]:
        """Have the next process that comes by suffer a planted fault, and wait at the end of the block until it has."""
        planted = self.faults / fault
        planted.touch()
        yield
        until(lambda: not planted.exists(), f"{fault} has been suffered")

    @contextmanager
    def lasting(self, fault: str) -> Iterator[None]:
        """For the length of the block, a planted fault that every process suffers as often as it comes by."""
        planted = self.faults / fault
        planted.touch()
        try:
            yield
        finally:
            planted.unlink()

    def _supervise(self) -> None:
        table = commands(self.port, free_port(), self.data_dir)
        del table["flower"]
        for name in ("worker", "courier", "payments"):
            table[name] = [part.replace("worker.app", "tests.faults.planted") for part in table[name]]
        supervisor = Supervisor(table, self._env, self.data_dir / "logs", self.said.append)
        while not self._stopping.wait(0.05):
            supervisor.watch()
        supervisor.stop(lambda: False)


@contextmanager
def running(**variables: str) -> Iterator[System]:
    """A system on a fresh folder that PostgreSQL's own user can reach, with these variables of its own."""
    with tempfile.TemporaryDirectory(prefix="orderly-faults-") as folder:
        Path(folder).chmod(0o755)
        system = System(Path(folder), **variables)
        try:
            system.start()
            yield system
        finally:
            system.stop()


def command_line(process: psutil.Process) -> list[str]:
    """Empty when the process has gone."""
    try:
        line: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return line


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
