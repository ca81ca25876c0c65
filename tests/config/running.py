"""`make up` as a process of its own, for tests: started on a folder, read line by line, stopped."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from config.processes import PROJECT, free_port
from config.seed import Api, read_keys
from tests.polling import until

START_SECONDS_MAX = 90.0
_OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "BROKER_URL",
    "SECRET_KEY",
    "PUBLIC_URL",
    "DATA_DIR",
    "PORT",
    "FLOWER_PORT",
    "FLOWER_BASIC_AUTH",
    "PROMETHEUS_MULTIPROC_DIR",
)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without the servers of the test run."""
    return {name: value for name, value in os.environ.items() if name not in _OURS} | variables


def manage(data_dir: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """`manage.py` as somebody in another terminal runs it, who types what is `given`."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(DATA_DIR=str(data_dir)),
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A started `make up`, ready; the variables are those it is given beyond its own."""

    def __init__(self, data_dir: Path, **given: str) -> None:
        self.data_dir = data_dir
        self.port, self.flower_port = free_port(), free_port()
        self._output = data_dir.with_name(f"{data_dir.name}-{self.port}.txt")
        variables = {"PORT": str(self.port), "FLOWER_PORT": str(self.flower_port), "DATA_DIR": str(data_dir)}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.up"],
                cwd=PROJECT,
                env=environment(**variables | given),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            until(lambda: "is ready on" in self.output or self.process.poll() is not None, seconds=START_SECONDS_MAX)
            assert self.process.poll() is None, self.output
        except BaseException:
            self.stop(signal.SIGTERM)
            raise
        self.api = Api(self.port)
        self.keys = read_keys(data_dir / "demo-keys.json")

    @property
    def output(self) -> str:
        """What stands on the terminal."""
        return self._output.read_text()

    def stop(self, number: signal.Signals) -> int:
        """The exit code, in time."""
        self.process.send_signal(number)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def curl_lines(self) -> list[list[str]]:
        """The printed `curl` lines as a shell takes them apart."""
        return [shlex.split(line) for line in self.output.splitlines() if line.startswith("curl ")]

    def pid_of(self, name: str) -> int:
        """The main process of a child, told by its node or module name."""
        mine = (pid for pid in _pids() if _parent(pid) == self.process.pid and name in _words(pid))
        return next(mine, 0)

    def left_behind(self) -> list[str]:
        """Command lines of processes that have our folder in their command line or environment."""
        mark = str(self.data_dir).encode()
        return [
            " ".join(_words(pid))
            for pid in _pids()
            if pid != os.getpid() and _words(pid) and (mark in _read(pid, "cmdline") or mark in _read(pid, "environ"))
        ]


def session(leader: int) -> list[int]:
    """The processes whose session the (perhaps dead) process led."""
    return [pid for pid in _pids() if _words(pid) and _stat(pid)[3:4] == [str(leader)]]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _words(pid: int) -> list[str]:
    return [word.decode(errors="replace") for word in _read(pid, "cmdline").split(b"\0") if word]


def _stat(pid: int) -> list[str]:
    """State, parent, group, session and the rest. Source: proc_pid_stat(5)."""
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])
