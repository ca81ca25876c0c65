"""Orderly itself as a design to measure: its tables filled as its inbox would leave them, its processes."""

import datetime
import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import psycopg
from celery import Celery
from uuid_utils.compat import uuid7

from bench import processes
from bench.design import LINES_PER_ORDER, PAYLOAD, PRICE, PRODUCTS, STOCK, Site, products_of
from config.processes import commands
from store.inbox import lane_number

LANES = 64
_BELLS = 4  # as many as one sweep rings


class Orderly:
    """One command, one row; batches of them drained lane by lane."""

    name = "orderly"

    def __init__(self, *, since: datetime.datetime | None = None) -> None:
        """With `since` only what came later is checked: nobody executed the past that was there before."""
        self._since = since

    def migrate(self, site: Site) -> None:
        """Create the tables."""
        processes.run(processes.python("manage.py", "migrate", "-v", "0"), site.env)

    def create_client(self, site: Site) -> str:
        """A till's key."""
        command = processes.python("manage.py", "create_client", "bench", "--role", "pos")
        return processes.run(command, site.env).strip()

    def create_products(self, connection: psycopg.Connection[Any]) -> None:
        """The catalogue; the stock is there because a movement says so."""
        connection.execute(
            """
            WITH stocked AS (
                INSERT INTO product (id, sku, name, price, currency, on_hand)
                SELECT uuidv7(), 'P-' || n, 'Product ' || n, %s, 'EUR', %s FROM generate_series(1, %s) AS n
                RETURNING id, on_hand
            )
            INSERT INTO stock_movement (id, product_id, kind, on_hand_delta, reserved_delta, command_id, created_at)
            SELECT uuidv7(), id, 'receive', on_hand, 0, uuidv7(), now() FROM stocked
            """,
            (PRICE, STOCK, PRODUCTS),
        )

    def create_orders(self, connection: psycopg.Connection[Any], count: int, *, hot: bool = False) -> list[str]:
        """Draft orders at version 1."""
        products = connection.execute("SELECT id, sku, name FROM product ORDER BY sku").fetchall()
        orders = [uuid7() for _ in range(count)]
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orders (id, workflow, status, version, currency, total, created_at, updated_at)
                SELECT id, 'counter', 'draft', 1, 'EUR', %s, now(), now() FROM unnest(%s::uuid[]) AS id
                """,
                (PRICE * LINES_PER_ORDER, orders),
            )
            with cursor.copy(
                "COPY order_line (order_id, position, product_id, sku, name, qty, unit_price) FROM STDIN"
            ) as copy:
                for number, order in enumerate(orders):
                    for position, product in enumerate(products_of(number, products, hot=hot)):
                        copy.write_row((order, position, *product, 1, PRICE))
        return [str(order) for order in orders]

    def queue_pays(self, site: Site, connection: psycopg.Connection[Any], orders: Sequence[str]) -> None:
        """Rows as the inbox leaves them."""
        self.queue_pays_in(connection, orders, [lane_number(order, LANES) for order in orders])

    def queue_pays_in(self, connection: psycopg.Connection[Any], orders: Sequence[str], lanes: Sequence[int]) -> None:
        """The same in lanes of the caller's choice, for a client that knows where to look."""
        client = connection.execute("SELECT min(id) FROM client").fetchone()
        assert client is not None
        payload = json.dumps(PAYLOAD)
        with connection.cursor().copy(
            "COPY command (id, client_id, idempotency_key, body_hash, type, order_id, lane, payload) FROM STDIN"
        ) as copy:
            for order, lane in zip(orders, lanes, strict=True):
                body_hash = hashlib.sha256(order.encode()).digest()
                copy.write_row(
                    (uuid7(), client[0], str(uuid.uuid4()), body_hash, "order.pay", uuid.UUID(order), lane, payload)
                )

    def ring(self, site: Site) -> None:
        """What a sweep would send."""
        with Celery(broker=site.broker_url) as app:
            for lane in range(0, LANES, LANES // _BELLS):
                app.send_task("drain", [lane], queue="commands")

    def is_busy(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether a command still waits."""
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM command WHERE status = 'queued' AND NOT parked)"
        ).fetchone()
        return row == (True,)

    def count_commands(self, connection: psycopg.Connection[Any]) -> int:
        """All rows."""
        row = connection.execute("SELECT count(*) FROM command").fetchone()
        assert row is not None
        return int(row[0])

    def count_wrong(self, connection: psycopg.Connection[Any]) -> int:
        """Counted by set against set, so that it stays quick over many thousands of commands."""
        given = {"stock": STOCK, "lines": LINES_PER_ORDER, "since": self._since or "-infinity"}
        row = connection.execute(_COUNT_WRONG, given).fetchone()
        assert row is not None
        return int(row[0])

    def web(self, site: Site, port: int) -> list[str]:
        """As `make up` starts it."""
        return commands(port, 0, site.logs)["web"]

    def worker(self, site: Site) -> list[str]:
        """As `make up` starts it."""
        return commands(0, 0, site.logs)["worker"]

    def beside_web(self, site: Site) -> dict[str, list[str]]:
        """All that `make up` starts, but Flower, which only looks on."""
        return {name: commands(0, 0, site.logs)[name] for name in ("worker", "sweeper", "beat")}


_COUNT_WRONG = """
WITH done AS (
    SELECT c.order_id, c.status, o.status AS order_status, o.version
    FROM command c LEFT JOIN orders o ON o.id = c.order_id
    WHERE c.status <> 'queued' AND c.accepted_at >= %(since)s
), paid AS (
    SELECT order_id, count(*) AS payments FROM payment WHERE created_at >= %(since)s GROUP BY order_id
), moved AS (
    SELECT order_id, count(*) AS movements, sum(on_hand_delta) AS delta
    FROM stock_movement WHERE order_id IS NOT NULL AND created_at >= %(since)s GROUP BY order_id
), stories AS (
    SELECT order_id, count(*) AS changes FROM order_history WHERE changed_at >= %(since)s GROUP BY order_id
), ledger AS (
    SELECT product_id, sum(on_hand_delta) AS on_hand FROM stock_movement GROUP BY product_id
)
SELECT (SELECT count(*) FROM done LEFT JOIN paid USING (order_id) LEFT JOIN moved USING (order_id)
                             LEFT JOIN stories USING (order_id)
        WHERE (status, order_status, version, payments, movements, delta, changes)
              IS DISTINCT FROM ('succeeded', 'paid', 2, 1, %(lines)s, -%(lines)s, 1))
     + (SELECT count(*) FROM product JOIN ledger ON product_id = id WHERE product.on_hand <> ledger.on_hand)
     + abs((SELECT count(*) FROM paid) - (SELECT count(*) FROM done))
     + abs((SELECT sum(%(stock)s - on_hand) FROM product) - (SELECT count(*) * %(lines)s FROM done))
"""
