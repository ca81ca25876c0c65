"""Waiting in tests: poll until it holds, fail after a deadline."""

import time
from collections.abc import Callable
from typing import Any

DEADLINE_SECONDS = 40.0
_POLL_SECONDS = 0.02


def until(holds: Callable[[], Any], what: str = "it became true", seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true value; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)
    return value
