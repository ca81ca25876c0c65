"""What a measurement knows of a design: where it runs, how to fill its tables, how to start its processes."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from bench import processes
from bench.load import Outcome, Plan

PRODUCTS = 200
LINES_PER_ORDER = 3
PRICE = 999
STOCK = 1_000_000
COMMANDS_PATH = "/api/v1/commands"
PAYLOAD = {"method": "cash", "tendered": "30.00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One design ready to run: its database, the environment of its processes, the key of its client."""

    name: str
    database_url: str
    broker_url: str
    programs: Path  # PostgreSQL's own
    env: Mapping[str, str]
    logs: Path
    authorization: str = ""

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the benchmark's own, which commits each statement."""
        return psycopg.connect(self.database_url, autocommit=True)

    def load(self, plan: Plan) -> Outcome:
        """Carry the plan out in a process of its own."""
        given = json.dumps(dataclasses.asdict(plan))
        return Outcome(**json.loads(processes.run(processes.python("-m", "bench.load"), self.env, given)))


class Design(Protocol):
    """A way to build the same thing, measured like the others."""

    @property
    def name(self) -> str:
        """A word for database names and logs."""

    def migrate(self, site: Site) -> None:
        """Create the tables."""

    def create_client(self, site: Site) -> str:
        """A client that may pay; the value of its Authorization header."""

    def create_products(self, connection: psycopg.Connection[Any]) -> None:
        """`PRODUCTS` products at `PRICE`, with `STOCK` pieces each."""

    def create_orders(self, connection: psycopg.Connection[Any], count: int, *, hot: bool = False) -> list[str]:
        """Draft orders, one piece of each of three products; with `hot` one product is in all of them. Their ids."""

    def queue_pays(self, site: Site, connection: psycopg.Connection[Any], orders: Sequence[str]) -> None:
        """One accepted pay command for each order, which no worker knows of yet."""

    def ring(self, site: Site) -> None:
        """Tell the workers of the queued commands."""

    def is_busy(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether any command still waits."""

    def count_commands(self, connection: psycopg.Connection[Any]) -> int:
        """All commands, waiting or ended."""

    def count_wrong(self, connection: psycopg.Connection[Any]) -> int:
        """Ended commands whose effects are not there exactly once, stock that does not add up, failures."""

    def web(self, site: Site, port: int) -> list[str]:
        """The command line of one web process."""

    def worker(self, site: Site) -> list[str]:
        """The command line of a worker with two processes."""

    def beside_web(self, site: Site) -> dict[str, list[str]]:
        """The command lines of all that runs beside the web process, by name."""


def products_of(number: int, products: Sequence[Any], *, hot: bool) -> list[Any]:
    """The three products of the order with this number, spread over the catalogue."""
    step = len(products) // LINES_PER_ORDER
    picked = [products[(number + line * step) % len(products)] for line in range(LINES_PER_ORDER)]
    if hot and products[0] not in picked:
        picked[0] = products[0]
    return picked
