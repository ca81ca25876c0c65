"""One running system for all tests that do not end it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.running import Running


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that another user may pass through, as PostgreSQL has to when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-up-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def system(open_folder: Path) -> Iterator[Running]:
    """`make up` on a folder of its own."""
    running = Running(open_folder / "shared")
    yield running
    running.stop(signal.SIGTERM)
