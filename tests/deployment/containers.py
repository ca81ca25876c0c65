"""The services of the compose file as processes of this machine: the very same commands and health checks, in the
image's folder, with the image's packages and the service's variables alone. Addresses are the only thing replaced.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from config.embedded import Servers
from config.processes import PROJECT, free_port, stop_one
from tests.deployment import compose, image
from tests.deployment.compose import Service

CHECK_SECONDS_MAX = 40.0
"""More than a health check may take anywhere else: this machine has other things to do."""


@dataclass(slots=True)
class Containers:
    """What `docker compose up` would start, on servers that run already; `folder` holds the image and logs."""

    folder: Path
    servers: Servers
    given: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    flower_port: int = field(default_factory=free_port)
    services: dict[str, Service] = field(init=False)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        password = urlsplit(self.servers.database_url).password or ""
        secrets = {"POSTGRES_PASSWORD": password, "SECRET_KEY": "s" * 32, "FLOWER_BASIC_AUTH": "ops:correct-horse"}
        self.services = compose.services(secrets | self.given)
        for name in ("tmp", "metrics"):
            (self.folder / name).mkdir(exist_ok=True)

    @property
    def app(self) -> Path:
        """The image's `/app`."""
        return self.folder / "app"

    def start(self, name: str) -> None:
        """Start a service as Docker would."""
        argv = self._argv(name, self.services[name].command or image.command())
        leash = [sys.executable, "-I", "-S", str(PROJECT / "config" / "leash.py"), str(os.getpid())]
        with self.log(name).open("ab") as output:
            self._running[name] = subprocess.Popen(
                [*leash, *argv],
                cwd=self.app,
                env=self._environment(name),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """What the service has said."""
        return self.folder / f"{name}.log"

    def wait(self, name: str) -> int:
        """The exit code of a service that ends by itself."""
        return self._running.pop(name).wait(CHECK_SECONDS_MAX)

    def stop(self, name: str) -> int:
        """The exit code after SIGTERM; fails when Docker would have killed it."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(self.services[name].grace_seconds)
        finally:
            stop_one(process)

    def stop_all(self) -> dict[str, int]:
        """End what still runs, all at once: the exit codes by name."""
        names = list(self._running)
        with ThreadPoolExecutor() as pool:
            return dict(zip(names, pool.map(self.stop, names), strict=True))

    def is_healthy(self, name: str) -> bool:
        """Whether the service's own health check says so."""
        return self._call(name, self.services[name].check).returncode == 0

    def run(self, name: str, *command: str) -> str:
        """`docker compose exec NAME COMMAND...`: what it prints."""
        ended = self._call(name, list(command))
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def _call(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._argv(name, command),
            cwd=self.app,
            env=self._environment(name),
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS_MAX,
            check=False,
        )

    def _argv(self, name: str, command: list[str]) -> list[str]:
        program = shutil.which(command[0], path=self._environment(name)["PATH"])
        assert program, f"{command[0]} is not in the image"
        return [program, *map(self._here, command[1:])]

    def _environment(self, name: str) -> dict[str, str]:
        """What a container gets: the image's variables, the service's, and three that Docker adds."""
        own = image.variables() | self.services[name].environment
        return {key: self._here(text) for key, text in own.items()} | {
            "PATH": f"{self.app / '.venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/home/orderly",
            "HOSTNAME": socket.gethostname(),
        }

    def _here(self, text: str) -> str:
        """The text with the containers' places replaced by ours."""
        database, redis = urlsplit(self.servers.database_url), urlsplit(self.servers.redis_url)
        places = {
            "postgres:5432": f"127.0.0.1:{database.port}",
            "valkey:6379": f":{redis.password}@127.0.0.1:{redis.port}",
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.port),
            "5555": str(self.flower_port),
            "/metrics": str(self.folder / "metrics"),
            "/tmp": str(self.folder / "tmp"),
        }
        pattern = "|".join(rf"(?<!\w){re.escape(place)}\b" for place in places)
        return re.sub(pattern, lambda found: places[found[0]], text)
