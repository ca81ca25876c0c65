"""Child processes of the benchmark: servers that run for the length of a block, programs that run to their end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.processes import PROJECT, spawn

_STOP_SECONDS = 15.0
_RUN_SECONDS_MAX = 120.0


class ProcessError(Exception):
    """A child ended, or did not answer, when it was needed; the text ends with what it wrote last."""


@contextmanager
def running(name: str, argv: Sequence[str], env: Mapping[str, str], logs: Path) -> Iterator[Path]:
    """Run a server for the length of the block; yields its log file. It ends with this process in any case."""
    log = logs / f"{name}.log"
    log.unlink(missing_ok=True)
    child = spawn(argv, env, log)
    try:
        yield log
        if child.poll() is not None:
            raise ProcessError(f"{name} ended with {child.returncode}: {tail(log)}")
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def run(argv: Sequence[str], env: Mapping[str, str], given: str = "") -> str:
    """Run a program to its end; its standard output."""
    try:
        done = subprocess.run(
            argv, env=dict(env), cwd=PROJECT, input=given, capture_output=True, text=True, check=False,
            timeout=_RUN_SECONDS_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ProcessError(f"{' '.join(argv)} took over {_RUN_SECONDS_MAX:.0f} s") from None
    if done.returncode:
        raise ProcessError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def python(*arguments: str) -> list[str]:
    """The command line that runs this interpreter."""
    return [sys.executable, *arguments]


def wait_for_port(port: int, log: Path, seconds_max: float = 30.0) -> None:
    """Return as soon as something answers an HTTP request on the port."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if probe.recv(16).startswith(b"HTTP/"):
                return
        time.sleep(0.05)
    raise ProcessError(f"nothing answered on port {port}: {tail(log)}")


def tail(log: Path) -> str:
    """The last lines of a log."""
    return log.read_text(errors="replace")[-2000:]
