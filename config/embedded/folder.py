"""The data folder of the embedded servers: its lock, remembered ports and secrets, and one-line errors."""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

# Below Linux's ephemeral range (32768 and up), so that no outgoing connection can sit on a remembered port.
PORT_FIRST, PORT_LAST = 20_000, 32_767
LOCK_TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 0.02


class EmbeddedError(Exception):
    """An embedded server cannot be used; the text is one line that says what to do."""


def prepared(data_dir: Path) -> Path:
    """The absolute folder, made when missing. Raises EmbeddedError when it cannot be made or written."""
    folder = data_dir.expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        if os.geteuid() == 0:
            # PostgreSQL runs as `nobody` then and has to pass through; what is secret inside is 0600 or 0700.
            folder.chmod(folder.stat().st_mode | 0o111)
        with (folder / "servers.lock").open("a"):
            pass
    except OSError as error:
        raise EmbeddedError(
            f"{folder}: cannot be written ({error.strerror}); set DATA_DIR to a folder you own"
        ) from None
    return folder


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Holds the folder's lock of that name against other processes and threads; the kernel frees it with its holder.

    Raises EmbeddedError when another holder keeps it for two minutes.
    """
    path = folder / f"{name}.lock"
    with path.open("a") as file:

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not until(taken, LOCK_TIMEOUT_SECONDS):
            raise EmbeddedError(f"{path}: another process holds it; end the start or stop that hangs, then try again")
        yield


def until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Polls until the condition holds; False when it did not within the time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def kept_port(folder: Path, server: str) -> int:
    """The server's port on 127.0.0.1: chosen once among the free ones, then always the same. Call under its lock."""
    path = folder / f"{server}.port"
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text())
    for _attempt in range(1000):
        port = PORT_FIRST + secrets.randbelow(PORT_LAST - PORT_FIRST + 1)
        if is_free(port):
            write_private(path, f"{port}\n")
            return port
    raise EmbeddedError(f"no free port from {PORT_FIRST} to {PORT_LAST} on 127.0.0.1; end some listening programs")


def is_free(port: int) -> bool:
    """Whether nothing listens on 127.0.0.1 at the port; connections that linger after a server's end do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def port_taken(folder: Path, server: str, port: int, detail: str) -> EmbeddedError:
    """The error for a port on which something other than this folder's server was found."""
    return EmbeddedError(
        f"port {port} on 127.0.0.1 is not this folder's {server} but taken by another program ({detail}); "
        f"end that program, or delete {folder / f'{server}.port'} to use another port"
    )


def kept_secret(folder: Path, name: str) -> str:
    """A secret of 64 hexadecimal digits, generated once and kept. Call under a lock."""
    path = folder / name
    with contextlib.suppress(FileNotFoundError):
        if text := path.read_text().strip():
            return text
    text = secrets.token_hex(32)
    write_private(path, f"{text}\n")
    return text


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step, readable by its owner only."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def write_variables(folder: Path, variables: Mapping[str, str]) -> None:
    """Leaves the variables in `servers.json`, where the settings find them."""
    write_private(folder / "servers.json", json.dumps(variables, indent=2) + "\n")


def command_line(pid: int) -> str:
    """The command line of a process, empty when it ended (also when nobody has collected it yet)."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    return subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    ).stdout.strip()


def last_line(log: Path, *, of: tuple[str, ...] = ()) -> str:
    """The last line of a server's log that holds one of the words, else its last line."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines()[-50:] if line.strip()]
    except OSError:
        return "no log"
    telling = [line for line in lines if any(word in line for word in of)] or lines
    return telling[-1].strip() if telling else "an empty log"
