"""What PostgreSQL itself makes of the worker's SQL: pgbench, one transaction a command, without any Python.

Every client drains its own lanes in turn and stops after its share, so each command is executed exactly once; the
check afterwards is the same as after a worker.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from bench import measures, processes
from bench.design import Site
from bench.orderly import LANES, Orderly
from bench.stage import Stage

SCRIPT = Path(__file__).parent / "pay.sql"
CONNECTIONS = (1, 2, 4)


def rates(stage: Stage, *, commands: int) -> dict[int, float]:
    """Transactions per second for each number of connections, each over its own `commands` queued commands."""
    design = Orderly()
    found = {}
    for clients in CONNECTIONS:
        with stage.site(design) as site, site.connect() as connection:
            run(site, connection, clients, commands // 4)
            found[clients] = run(site, connection, clients, commands)
            measures.check(design, connection)
    return found


def run(site: Site, connection: psycopg.Connection[Any], clients: int, commands: int) -> float:
    """Queue `commands` commands, equally many a lane, and execute them: transactions per second."""
    lanes = LANES - LANES % clients
    commands -= commands % lanes
    orders = Orderly().create_orders(connection, commands)
    Orderly().queue_pays_in(connection, orders, [number % lanes for number in range(commands)])
    measures.settle(connection)
    printed = processes.run(_command(site, clients, lanes, commands // clients), _env(site))
    return _tps(printed, commands)


def executable(programs: Path) -> str:
    """The embedded server's own pgbench, else the machine's."""
    bundled = programs / "pgbench"
    found = str(bundled) if bundled.exists() else shutil.which("pgbench")
    if found is None:
        raise processes.ProcessError(f"pgbench: neither in {programs} nor on the PATH")
    return found


def _command(site: Site, clients: int, lanes: int, each: int) -> Sequence[str]:
    variables = {"turn": 0, "lanes": lanes, "clients": clients}
    defined = [f"--define={name}={value}" for name, value in variables.items()]
    load = [f"--client={clients}", f"--jobs={min(2, clients)}", f"--transactions={each}"]
    database = urlsplit(site.database_url).path.lstrip("/")
    return [
        executable(site.programs), "--no-vacuum", "--protocol=prepared", f"--file={SCRIPT}", *load, *defined, database
    ]  # fmt: skip


def _env(site: Site) -> dict[str, str]:
    url = urlsplit(site.database_url)
    return dict(site.env) | {
        "PGHOST": url.hostname or "127.0.0.1",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
    }


def _tps(printed: str, commands: int) -> float:
    done = re.search(r"number of transactions actually processed: (\d+)/(\d+)", printed)
    tps = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", printed)
    if done is None or tps is None or int(done[1]) != commands:
        raise measures.WrongError(f"pgbench did not process {commands} transactions: {printed[-1500:]}")
    return float(tps[1])
