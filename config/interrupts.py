"""Being asked to stop: by a signal, or by the `make` that started us."""

import os
import signal
import time
from pathlib import Path
from types import FrameType

POLL_SECONDS = 0.05


class Interrupted(Exception):  # noqa: N818 - past tense, like an event
    """Somebody asked us to stop."""


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP are counted, and end the work where it looks: no start stops halfway."""

    def __init__(self) -> None:
        self.count = 0
        self._make = _Make.above_us()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)

    def pause(self) -> None:
        """Wait a little. Raises Interrupted."""
        self.check()
        time.sleep(POLL_SECONDS)
        self.check()

    def check(self) -> None:
        """Raises Interrupted."""
        if not self.count and self._make is not None and self._make.wants_us_to_stop():
            self.count = 1
        if self.count:
            raise Interrupted

    def hurry(self) -> bool:
        """Whether they asked twice."""
        return self.count > 1

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class _Make:
    """A terminal sends Ctrl-C to make and to us. A script that sends SIGINT to make alone would wait for ever: make
    then waits for us, tells us nothing, and blocks the signal meanwhile, which Linux shows in `/proc`.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @staticmethod
    def above_us() -> "_Make | None":
        """The make that started us, if one did."""
        pid = os.getppid()
        return _Make(pid) if _status(pid).get("Name") in {"make", "gmake"} else None

    def wants_us_to_stop(self) -> bool:
        """Whether it is being interrupted, or has been killed."""
        if os.getppid() != self._pid:
            return True
        blocked = int(_status(self._pid).get("SigBlk", "0"), 16)
        return bool(blocked >> (signal.SIGINT - 1) & 1)


def _status(pid: int) -> dict[str, str]:
    """Source: proc_pid_status(5)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
