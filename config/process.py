"""Processes that outlive a function call: started without pipes, known again later, ended with certainty."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.01
_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process has started, kept so that the dead are reaped and none of them counts as alive."""


class StartError(Exception):
    """Why something cannot be started or stopped, in one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later stranger of the same number by the time at which the kernel started it."""

    pid: int
    started: str


def launch(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    account: pwd.struct_passwd | None = None,
    ends_with_us: signal.Signals | None = None,
) -> Process:
    """Start a program in a session of its own, its output appended to `log`; raises StartError.

    `account` is whom it runs as, this process's user when None. `ends_with_us` is the signal that Linux sends it when
    this process dies in whatever way; elsewhere, and away from the main thread (the kernel means the starting
    thread, not the process), it is left out.
    """
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_death_signal(ends_with_us),
                **_identity(account),
            )
        except OSError as error:
            raise StartError(f"cannot run {argv[0]}: {error.strerror}; run `make clean` and try again") from None
    _children[child.pid] = child
    return Process(child.pid, started_at(child.pid) or "")


def run_as(account: pwd.struct_passwd | None, argv: Sequence[str], *, cwd: Path, log: Path, given: str = "") -> bool:
    """Run a program to its end, within a minute; whether it succeeded. `given` becomes its standard input."""
    with log.open("ab") as output, _readable_by(account, given) as stdin:
        try:
            done = subprocess.run(
                argv, cwd=cwd, stdin=stdin, stdout=output, stderr=output, timeout=60, check=False, **_identity(account)
            )
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0


def is_alive(process: Process) -> bool:
    """Whether it still runs; a zombie does not."""
    return bool(process.started) and started_at(process.pid) == process.started


def exit_code(process: Process) -> int | None:
    """How a child of ours ended: its code, or minus the signal; None while it runs or when it is not ours."""
    child = _children.get(process.pid)
    return child.poll() if child else None


def end(process: Process, number: signal.Signals, *, seconds_max: float) -> bool:
    """Send the signal and wait; whether it has ended. One that is stopped is continued, to hear the signal."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
            os.kill(process.pid, signal.SIGCONT)
    return wait_until(lambda: not is_alive(process), seconds_max=seconds_max)


def end_group(process: Process) -> None:
    """Kill at once whatever is left in the session of a process that `launch` started, itself included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    exit_code(process)


def wait_until(holds: Callable[[], bool], *, seconds_max: float) -> bool:
    """Look again and again until it holds or time is up; whether it holds."""
    deadline = time.monotonic() + seconds_max
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def started_at(pid: int) -> str | None:
    """When the kernel started the process, in the kernel's own terms; None when no such process runs."""
    if pid in _children:
        _children[pid].poll()
    if not sys.platform.startswith("linux"):
        return _started_at_by_ps(pid)
    try:
        # pid (name) state ppid …: the name may hold anything, so count from its end. Source: proc_pid_stat(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _started_at_by_ps(pid: int) -> str | None:
    listed = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _space, started = listed.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _identity(account: pwd.struct_passwd | None) -> dict[str, int | list[int]]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "umask": 0o077}


@contextlib.contextmanager
def _readable_by(account: pwd.struct_passwd | None, text: str) -> "contextlib.Iterator[int]":
    raise NotImplementedError


def _death_signal(number: signal.Signals | None) -> Callable[[], None] | None:
    if number is None or not sys.platform.startswith("linux"):
        return None
    if threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return tie
