"""`python -m config.up`, which is `make up`: the whole system on this machine, until Ctrl-C.

Servers, tables and demo keys, then the processes, then a little data over HTTP. The terminal stays quiet; every
process writes to a log of its own. PostgreSQL and Valkey are the embedded ones unless DATABASE_URL, REDIS_URL and
BROKER_URL name others.
"""

import contextlib
import fcntl
import importlib
import json
import os
import runpy
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from config import env
from config.interrupts import Interrupted, Interrupts
from config.processes import Supervisor, commands, spawn, stop_one
from config.seed import KEYS_FILE, PEOPLE_FILE, Api, Draft, SeedFailed, read_keys, seed
from store import metric_files

SERVERS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")
READY_SECONDS_MAX = 60.0
DEATHS_MAX = 4
"""A process that died this often before the system was ready will not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the system lives."""

    port: int
    flower_port: int
    data_dir: Path
    metrics_dir: Path
    flower_login: str

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.data_dir / "logs"


def main() -> int:
    """Run until interrupted; what prevents that ends it with one line and exit code 1."""
    interrupts = Interrupts()
    place = _place()
    try:
        with _claimed(place), _servers(place.data_dir) as variables:
            _run(place, dict(os.environ) | variables, interrupts)
    except (Interrupted, SystemExit):
        if not interrupts.count:
            raise
        _say("Stopped.")
    return 0


def _place() -> Place:
    # Run apart from the module cache: the settings are read here for their complaints alone, before any server runs.
    settings = runpy.run_module("config.settings")
    flower_port = env.integer("FLOWER_PORT", 5555, minimum=1, maximum=65_535)
    place = Place(
        port=settings["PORT"],
        flower_port=flower_port,
        data_dir=settings["DATA_DIR"],
        metrics_dir=settings["PROMETHEUS_MULTIPROC_DIR"],
        flower_login=env.credentials("FLOWER_BASIC_AUTH"),
    )
    if place.port == place.flower_port:
        raise SystemExit(f"FLOWER_PORT: {flower_port} is PORT too; set another one")
    for name, port in {"PORT": place.port, "FLOWER_PORT": place.flower_port}.items():
        _demand_free(name, port)
    try:
        place.logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"DATA_DIR: cannot write to {place.data_dir} ({error.strerror}); set another folder") from None
    return place


def _demand_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            cause = (error.strerror or str(error)).lower()
            hint = f"stop what listens there, or choose another: make up {name}={min(port + 1, 65_535)}"
            raise SystemExit(f"{name}: port {port} cannot be used ({cause}); {hint}") from None


@contextmanager
def _claimed(place: Place) -> Iterator[None]:
    """One `make up` a folder: two would stop each other's servers. The kernel lets go of the lock if we are killed."""
    with (place.data_dir / "up.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "stop it, or set another folder"
            raise SystemExit(f"DATA_DIR: another `make up` runs on {place.data_dir}; {hint}") from None
        yield


@contextmanager
def _servers(data_dir: Path) -> Iterator[dict[str, str]]:
    """The variables that name the servers: those given, embedded ones for the rest, which stop with the block."""
    given = {name: value for name in SERVERS if (value := os.environ.get(name, "").strip())}
    if len(given) == len(SERVERS):
        with _known(data_dir, given | {"SECRET_KEY": _secret_key(data_dir)}) as variables:
            yield variables
        return
    try:
        # By name, when needed: its wheels are a development dependency, and servers of one's own need none.
        embedded = importlib.import_module("config.embedded")
    except ModuleNotFoundError as error:
        absent = ", ".join(name for name in SERVERS if name not in given)
        raise SystemExit(f"{absent}: not set, and {error.name} is not installed; set them or run `make up`") from None
    _say("Starting PostgreSQL and Valkey ...")
    try:
        try:
            found = embedded.start(data_dir)
            ours = {
                "DATABASE_URL": found.database_url,
                "REDIS_URL": found.redis_url,
                "BROKER_URL": found.broker_url,
                "SECRET_KEY": os.environ.get("SECRET_KEY") or found.secret_key,
            }
            with _known(data_dir, ours | given) as variables:
                yield variables
        finally:
            embedded.stop(data_dir)
    except embedded.EmbeddedError as error:
        raise SystemExit(str(error)) from None


@contextmanager
def _known(data_dir: Path, variables: dict[str, str]) -> Iterator[dict[str, str]]:
    """Leave the variables where `manage.py` in another terminal finds them, for as long as they are true."""
    file = data_dir / "servers.json"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(variables, indent=2) + "\n")
    try:
        yield variables
    finally:
        file.unlink(missing_ok=True)


def _secret_key(data_dir: Path) -> str:
    """The one given, or one made once and kept."""
    return os.environ.get("SECRET_KEY") or _kept(data_dir / "secret-key", secrets.token_urlsafe(48))


def _kept(file: Path, new: str) -> str:
    """The secret in the file; the new one when there is none yet."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(new)
    return file.read_text()


def _run(place: Place, environment: dict[str, str], interrupts: Interrupts) -> None:
    login = place.flower_login or f"operator:{_kept(place.data_dir / 'flower-password', secrets.token_urlsafe(12))}"
    environment |= {
        "PUBLIC_URL": environment.get("PUBLIC_URL", "").strip() or f"http://127.0.0.1:{place.port}",
        "FLOWER_BASIC_AUTH": login,
        "PORT": str(place.port),
        "FLOWER_PORT": str(place.flower_port),
        "DATA_DIR": str(place.data_dir),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "PAYMENT_PROVIDER": environment.get("PAYMENT_PROVIDER", "").strip() or "simulator",
        "DEMO": environment.get("DEMO", "").strip() or "true",  # whoever reaches this machine's own address may try it
    }
    _say("Preparing the database ...")
    _prepare(place, environment, interrupts)
    metric_files.empty(place.metrics_dir)
    _say("Starting the web server, workers, beat and Flower ...")
    table = commands(place.port, place.flower_port, place.data_dir)
    supervisor = Supervisor(table, environment, place.logs, _say)
    try:
        api = Api(place.port)
        _wait_until_ready(api, place, supervisor, interrupts)
        keys = read_keys(place.data_dir / KEYS_FILE)
        try:
            draft = seed(api, keys)
        except SeedFailed as error:
            raise SystemExit(f"The demo data could not be made: {error}; see {place.logs}") from None
        interrupts.check()
        _say(_welcome(place, login, keys, draft))
        while True:
            supervisor.watch()
            interrupts.pause()
    finally:
        if interrupts.count:
            _say("\nStopping; running tasks finish first (Ctrl-C again hurries) ...")
        supervisor.stop(interrupts.hurry)


def _prepare(place: Place, environment: dict[str, str], interrupts: Interrupts) -> None:
    log = place.logs / "prepare.log"
    log.unlink(missing_ok=True)
    kept = [str(place.data_dir / name) for name in (KEYS_FILE, PEOPLE_FILE)]
    process = spawn([sys.executable, "manage.py", "prepare_demo", *kept], environment, log)
    try:
        while process.poll() is None:
            interrupts.pause()
    finally:
        stop_one(process)
    if process.returncode:
        server = urlsplit(environment["DATABASE_URL"])
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        cause = lines[-1] if lines else f"exit code {process.returncode}"
        where = f"DATABASE_URL: {server.hostname}:{server.port or 5432}"
        raise SystemExit(f"{where} could not be prepared: {cause}; see {log}")


def _wait_until_ready(api: Api, place: Place, supervisor: Supervisor, interrupts: Interrupts) -> None:
    """Until the web server answers, a worker has reported and Flower listens; SystemExit when that takes too long."""
    stages: list[tuple[str, Callable[[], bool]]] = [
        ("web", lambda: api.ask("GET", "/health/live")[0] == 200),
        ("worker", lambda: api.ask("GET", "/health/")[1]["workers"] >= 1),
        ("flower", lambda: _listens(place.flower_port)),
    ]
    deadline = time.monotonic() + READY_SECONDS_MAX
    for name, holds in stages:
        while True:
            supervisor.watch()
            with contextlib.suppress(SeedFailed):
                if holds():
                    break
            deaths, culprit = supervisor.most_deaths()
            if deaths >= DEATHS_MAX:
                raise SystemExit(f"{culprit} does not start; see {place.logs / culprit}.log")
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} was not ready in {READY_SECONDS_MAX:g} s; see {place.logs / name}.log")
            interrupts.pause()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _welcome(place: Place, flower_login: str, keys: dict[str, str], draft: Draft) -> str:
    root = f"http://127.0.0.1:{place.port}"
    authorization = f"-H 'Authorization: Api-Key {keys['pos']}'"
    pay = json.dumps({"type": "order.pay", "order_id": draft.order_id, "payload": {"method": "cash"}})
    listed = "\n".join(f"  {role:<12} Api-Key {key}" for role, key in keys.items())
    people = read_keys(place.data_dir / PEOPLE_FILE)
    passwords = ", ".join(f"{name} {password}" for name, password in people.items())
    return f"""
Open    {root}/
API     {root}/api/v1
Console {root}/admin/
Health  {root}/health/
Flower  http://127.0.0.1:{place.flower_port}/ ({flower_login.replace(":", " / ", 1)})

People, for the console (kept in {place.data_dir / PEOPLE_FILE}): {passwords}

Keys, for the header Authorization (kept in {place.data_dir / KEYS_FILE}):
{listed}

Pay an order of {draft.total} {draft.currency} in cash:
curl -sS {root}/api/v1/commands {authorization} -H 'Idempotency-Key: pay-{draft.order_id}' \
-H 'Content-Type: application/json' -d '{pay}'

Read it:
curl -sS {root}/api/v1/orders/{draft.order_id} {authorization}

Logs in {place.logs}, data in {place.data_dir}. Ctrl-C stops.
Orderly is ready on {root}"""


def _say(text: str) -> None:
    """To the terminal, as long as there is one."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
