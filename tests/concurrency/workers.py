"""Several workers at once, in threads with a database connection each."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once[R](times: int, act: Callable[[], R]) -> list[R]:
    """Call `act` in so many threads that start together; what each returned, the first error raised."""
    together = threading.Barrier(times)

    def one() -> R:
        together.wait(timeout=10)
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return [future.result(timeout=60) for future in [threads.submit(one) for _ in range(times)]]
