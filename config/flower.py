"""`python -m config.flower --address=... --port=...`: Flower with a bounded memory, and never open to the world.

Flower reads FLOWER_BASIC_AUTH (`user:password`) itself, like any option as FLOWER_...; its `/healthcheck` needs none.
"""

import ipaddress
import os
import sys
from collections.abc import Sequence

from config import env

BOUNDS = (
    "--max-tasks=2000",  # its default keeps 100,000 in memory
    "--max-workers=50",
    "--purge-offline-workers=3600",
    "--persistent=False",  # nothing it knows is worth a file
)


def main(arguments: Sequence[str]) -> None:
    """Become Flower."""
    address = _address(arguments)
    if not env.credentials("FLOWER_BASIC_AUTH") and not _is_own_machine(address):
        everybody = f"Flower would let everybody in who reaches {address or 'any address of this machine'}"
        raise env.EnvError(f"FLOWER_BASIC_AUTH: not set, and {everybody}; set user:password")
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # its own metrics are no business of ours
    argv = [sys.executable, "-m", "celery", "-A", "worker.app", "--quiet", "flower", *BOUNDS, *arguments]
    os.execv(sys.executable, argv)  # noqa: S606 - the very same process goes on, so that signals reach it


def _address(arguments: Sequence[str]) -> str:
    """Where Flower will listen; empty, as by its default, is everywhere."""
    given = [text.partition("=")[2] for text in arguments if text.startswith("--address=")]
    return given[-1] if given else os.environ.get("FLOWER_ADDRESS", "")


def _is_own_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


if __name__ == "__main__":
    main(sys.argv[1:])
