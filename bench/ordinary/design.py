"""The ordinary design as a design to measure: its tables filled as its view would leave them, its processes."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

import psycopg
import redis

from bench import processes
from bench.design import LINES_PER_ORDER, PAYLOAD, PRICE, PRODUCTS, STOCK, Site, products_of

HELD_QUEUE = "ordinary-held"


class Ordinary:
    """One command, one task, one transaction through the ORM."""

    name = "ordinary"

    def __init__(self, *, keeps_connections: bool = False) -> None:
        """With `keeps_connections` a patch stops Celery from closing the database connection around each task."""
        self._keeps_connections = keeps_connections

    def migrate(self, site: Site) -> None:
        """Create the tables."""
        command = ("-m", "django", "migrate", "--run-syncdb", "-v", "0", "--settings", "bench.ordinary.settings")
        processes.run(processes.python(*command), site.env)

    def create_client(self, site: Site) -> str:
        """A till's key."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        with site.connect() as connection:
            connection.execute(
                "INSERT INTO ordinary_client (name, prefix, secret_sha256, role) VALUES ('bench', %s, %s, 'pos')",
                (prefix, hashlib.sha256(secret.encode()).hexdigest()),
            )
        return f"Api-Key {prefix}.{secret}"

    def create_products(self, connection: psycopg.Connection[Any]) -> None:
        """The catalogue."""
        connection.execute(
            """
            INSERT INTO ordinary_product (id, sku, name, price, on_hand)
            SELECT gen_random_uuid(), 'P-' || n, 'Product ' || n, %s, %s FROM generate_series(1, %s) AS n
            """,
            (PRICE, STOCK, PRODUCTS),
        )

    def create_orders(self, connection: psycopg.Connection[Any], count: int, *, hot: bool = False) -> list[str]:
        """Draft orders at version 1."""
        products = connection.execute("SELECT id FROM ordinary_product ORDER BY sku").fetchall()
        orders = [uuid.uuid4() for _ in range(count)]
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO ordinary_order (id, status, version, currency, total, created_at, updated_at)
                SELECT id, 'draft', 1, 'EUR', %s, now(), now() FROM unnest(%s::uuid[]) AS id
                """,
                (PRICE * LINES_PER_ORDER, orders),
            )
            with cursor.copy("COPY ordinary_line (order_id, product_id, qty, unit_price) FROM STDIN") as copy:
                for number, order in enumerate(orders):
                    for product in products_of(number, products, hot=hot):
                        copy.write_row((order, *product, 1, PRICE))
        return [str(order) for order in orders]

    def queue_pays(self, site: Site, connection: psycopg.Connection[Any], orders: Sequence[str]) -> None:
        """Rows as the view leaves them, and their messages, held back."""
        commands = connection.execute(
            """
            INSERT INTO ordinary_command
                   (id, client_id, idempotency_key, type, order_id, payload, status, accepted_at)
            SELECT gen_random_uuid(), (SELECT min(id) FROM ordinary_client), 'queued-' || id, 'order.pay', id,
                   %s, 'queued', now()
            FROM unnest(%s::uuid[]) AS id
            RETURNING id
            """,
            (json.dumps(PAYLOAD), list(orders)),
        ).fetchall()
        ids = "".join(f"{command[0]}\n" for command in commands)
        processes.run(processes.python("-m", "bench.ordinary.enqueue", HELD_QUEUE), site.env, ids)

    def ring(self, site: Site) -> None:
        """Let go of the messages, all at once."""
        redis.Redis.from_url(site.broker_url).rename(HELD_QUEUE, "ordinary")

    def is_busy(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether a command still waits."""
        row = connection.execute("SELECT EXISTS (SELECT FROM ordinary_command WHERE status = 'queued')").fetchone()
        return row == (True,)

    def count_commands(self, connection: psycopg.Connection[Any]) -> int:
        """All rows."""
        row = connection.execute("SELECT count(*) FROM ordinary_command").fetchone()
        assert row is not None
        return int(row[0])

    def count_wrong(self, connection: psycopg.Connection[Any]) -> int:
        """Counted by set against set."""
        row = connection.execute(_COUNT_WRONG, {"stock": STOCK, "lines": LINES_PER_ORDER}).fetchone()
        assert row is not None
        return int(row[0])

    def web(self, site: Site, port: int) -> list[str]:
        """One synchronous process: threads made it slower, and a second one took the worker's processor."""
        return processes.python(
            "-m", "gunicorn", "bench.ordinary.wsgi", "-b", f"127.0.0.1:{port}", "-w", "1", "--log-level", "warning"
        )

    def worker(self, site: Site) -> list[str]:
        """Two processes on two cores: four were no faster here, and slower beside a web process."""
        app = "bench.ordinary.patched" if self._keeps_connections else "bench.ordinary.celery"
        return processes.python(
            "-m", "celery", "-A", app, "worker", "-Q", "ordinary", "-c", "2", "-l", "warning",
            "--without-gossip", "--without-mingle",
        )  # fmt: skip

    def beside_web(self, site: Site) -> dict[str, list[str]]:
        """The worker alone."""
        return {"worker": self.worker(site)}


_COUNT_WRONG = """
WITH done AS (
    SELECT c.order_id, c.status, o.status AS order_status, o.version
    FROM ordinary_command c LEFT JOIN ordinary_order o ON o.id = c.order_id WHERE c.status <> 'queued'
), paid AS (
    SELECT order_id, count(*) AS payments FROM ordinary_payment GROUP BY order_id
), moved AS (
    SELECT order_id, count(*) AS movements, sum(on_hand_delta) AS delta FROM ordinary_movement GROUP BY order_id
), stories AS (
    SELECT order_id, count(*) AS changes FROM ordinary_statuschange GROUP BY order_id
)
SELECT (SELECT count(*) FROM done LEFT JOIN paid USING (order_id) LEFT JOIN moved USING (order_id)
                             LEFT JOIN stories USING (order_id)
        WHERE (status, order_status, version, payments, movements, delta, changes)
              IS DISTINCT FROM ('succeeded', 'paid', 2, 1, %(lines)s, -%(lines)s, 1))
     + abs((SELECT count(*) FROM paid) - (SELECT count(*) FROM done))
     + abs((SELECT sum(%(stock)s - on_hand) FROM ordinary_product) - (SELECT count(*) * %(lines)s FROM done))
"""
