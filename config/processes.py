"""The processes of a running system, and a small supervisor for them.

Honcho and its kind signal whole process groups, which kills a running task. Here each child has a session of its own,
SIGTERM goes to its main process alone, and what a dead main process leaves behind in its session ends with it.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 7.0
"""How long running tasks may take to finish; the servers need the rest of the ten seconds that a stop may take."""
DELAY_SECONDS_FIRST = 0.5
DELAY_SECONDS_MAX = 30.0
STEADY_SECONDS = 30.0
"""A child that lived this long starts again as if it had never died."""
LOG_BYTES_MAX = 10 * 1024 * 1024


def commands(port: int, flower_port: int, data_dir: Path) -> dict[str, list[str]]:
    """Every process by name with its command line; they read the rest from the environment."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "worker.app", "--quiet"]  # logs are JSON, without a banner
    # Mingle asks other workers for revoked tasks and a logical clock, gossip follows them: a second at the start and
    # chatter for ever, and nothing here needs either.
    worker = [*celery, "worker", "--without-mingle", "--without-gossip", "-E", "--loglevel", "INFO"]
    return {
        "web": [
            python, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--loop", "uvloop", "--backlog", "4096", "--backpressure", "16384", "--no-ws",
            "--log-config", "config/granian.json", "config.rsgi:application",
        ],
        "worker": [*worker, "-Q", "commands", "--concurrency", "2", "-n", "commands@%h"],
        "sweeper": [*worker, "-Q", "sweep,celery", "--concurrency", "1", "-n", "sweeper@%h"],
        # Its tasks only wake a thread that sends: no pool of children is needed, and no time limit cuts a send.
        "courier": [*worker, "-Q", "webhooks", "--pool", "solo", "-n", "courier@%h"],
        # Its tasks wait for payment providers, and do little else: threads are enough.
        "payments": [*worker, "-Q", "payments", "--pool", "threads", "--concurrency", "16", "-n", "payments@%h"],
        "beat": [*celery, "beat", "--pidfile", "", "--schedule", str(data_dir / "beat-schedule")],
        "flower": [python, "-m", "config.flower", "--address=127.0.0.1", f"--port={flower_port}"],
    }  # fmt: skip


def spawn(argv: Sequence[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its output appended to `log`; on Linux it ends with this process."""
    leash = [sys.executable, "-I", "-S", str(PROJECT / "config" / "leash.py"), str(os.getpid())]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*leash, *argv],
            env=dict(env),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def free_port() -> int:
    """A port nobody listens on, below the range from which the system takes ports for outgoing connections."""
    for port in random.sample(range(20_000, 32_768), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise SystemExit("no free port between 20000 and 32767; stop some servers on this machine")


@dataclass(slots=True)
class _Child:
    name: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    next_start: float = field(default_factory=time.monotonic)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps children running until told to stop. `watch` has to be called a few times a second."""

    def __init__(
        self, table: Mapping[str, Sequence[str]], env: Mapping[str, str], logs: Path, say: Callable[[str], None]
    ) -> None:
        self._children = [_Child(name, argv) for name, argv in table.items()]
        self._env = env
        self._logs = logs
        self._say = say
        for child in self._children:
            _rotate(self._log(child.name))

    def watch(self) -> None:
        """Start whatever does not run and whose delay is over; say which child has died."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, now)
            if child.process is None and now >= child.next_start:
                child.process = spawn(child.argv, self._env, self._log(child.name))
                child.started = now

    def most_deaths(self) -> tuple[int, str]:
        """How often the child that died most has died, and its name."""
        return max((child.deaths, child.name) for child in self._children)

    def stop(self, hurry: Callable[[], bool]) -> None:
        """Ask every child to finish what it does, and end those that take too long, or all as soon as `hurry`."""
        for child in self._children:
            if child.process is not None and child.is_alive():
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.is_alive() for child in self._children) and time.monotonic() < deadline and not hurry():
            time.sleep(0.02)
        for child in self._children:
            if child.process is not None:
                stop_one(child.process)

    def _bury(self, child: _Child, now: float) -> None:
        process = child.process
        assert process is not None, "only a child that ran can die"
        # The children of a killed Celery worker wait for it for ever; what they had begun rolls back.
        stop_one(process)
        if now - child.started > STEADY_SECONDS:
            child.deaths = 0
        delay = min(DELAY_SECONDS_FIRST * 2**child.deaths, DELAY_SECONDS_MAX)
        child.process = None
        child.deaths += 1
        child.next_start = now + delay
        how = f"exit code {process.returncode}" if process.returncode >= 0 else f"signal {-process.returncode}"
        self._say(f"{child.name} has died ({how}) and starts again in {delay:g} s; see {self._log(child.name)}")

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def stop_one(process: subprocess.Popen[bytes]) -> None:
    """Kill at once whatever is left in the child's session, itself included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _rotate(log: Path) -> None:
    """Keep one old log, so that starting again and again does not fill the disk."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))
