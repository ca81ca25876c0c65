"""Where processes count: files in one folder, a few for each process, that `/metrics` adds up.

A process is named by host and number, because containers that share the folder may have equal numbers. What a dead one
has counted is added to one file for its host, so that totals never fall and the files stay few.
"""

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

_HOST = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())
_FILE = re.compile(rf"(?P<kind>.+)_{re.escape(_HOST)}-(?P<process>[0-9]+)\.db")


_process = ""


def process() -> str:
    """The name of this process; asked at every count, because a fork changes it."""
    return _process


def _name_process() -> None:
    global _process
    _process = f"{_HOST}-{os.getpid()}"


_name_process()
os.register_at_fork(after_in_child=_name_process)


@contextmanager
def held_still(folder: Path, *, to_change: bool = False) -> Iterator[None]:
    """While the block lasts no file appears in place of another; waits for whoever tidies up."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if to_change else fcntl.LOCK_SH)
        yield


def tidy(folder: Path) -> None:
    """Add up what dead processes of this host have counted; what they held, such as waiting clients, is gone."""
    with held_still(folder, to_change=True):
        for file in sorted(folder.glob("*.db")):
            found = _FILE.fullmatch(file.name)
            if found is None or _lives(int(found["process"])):
                continue
            if not found["kind"].startswith("gauge"):
                _add(file, folder / f"{found['kind']}_{_HOST}-gone.db")
            file.unlink()


def empty(folder: Path) -> None:
    """Forget all counts; nobody may be counting."""
    for file in folder.glob("*.db"):
        file.unlink()


def _lives(process: int) -> bool:
    with suppress(ProcessLookupError):
        try:
            os.kill(process, 0)
        except PermissionError:
            return True
        return True
    return False


def _add(file: Path, to: Path) -> None:
    total = MmapedDict(str(to))
    try:
        for key, value, _timestamp, _place in MmapedDict.read_all_values_from_file(str(file)):
            before, _when = total.read_value(key)
            total.write_value(key, before + value, 0.0)
    finally:
        total.close()
