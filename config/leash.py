"""Becomes the command that it is given, and ends when the process that started it ends (on Linux).

A program of its own, because code between fork and exec may deadlock in a process that has threads.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def become(parent: int, argv: Sequence[str]) -> None:
    """Run `argv` in place of this program, unless `parent` has gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            return
    os.execv(argv[0], list(argv))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
