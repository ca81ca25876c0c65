"""pgbench's script on real tables: each queued command is executed once, with all its effects."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection as django_connection

from bench import pgbench
from bench.design import Site
from bench.orderly import LANES, Orderly
from config import embedded
from store import clients
from tests import invariants


@pytest.fixture
def site(database: None, tmp_path: Path) -> Site:
    """The test database as a site of the benchmark."""
    settings = django_connection.settings_dict
    user = ":".join(quote(settings[name], safe="") for name in ("USER", "PASSWORD") if settings[name])
    key = clients.create_client("bench", "pos")
    return Site(
        name="tests",
        database_url=f"postgresql://{user}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}",
        broker_url="",
        programs=embedded.postgres_binaries(),
        env={},
        logs=tmp_path,
        authorization=f"Api-Key {key}",
    )


@pytest.fixture
def connection(site: Site) -> Iterator[psycopg.Connection]:
    """A connection of the benchmark's own, and its catalogue."""
    with site.connect() as connection:
        Orderly().create_products(connection)
        yield connection


@pytest.mark.parametrize("clients", [1, 2, 4])
def test_the_script_pays_each_order_once(site: Site, connection: psycopg.Connection, clients: int) -> None:
    pgbench.run(site, connection, clients, 2 * LANES)

    counted = connection.execute(
        """
        SELECT (SELECT count(*) FROM command WHERE status = 'succeeded'), (SELECT count(*) FROM orders),
               (SELECT count(*) FROM orders WHERE status = 'paid'), (SELECT count(*) FROM payment),
               (SELECT count(*) FROM stock_movement WHERE kind = 'sale')
        """
    ).fetchone()
    assert counted == (2 * LANES, 2 * LANES, 2 * LANES, 2 * LANES, 6 * LANES)
    assert not Orderly().is_busy(connection)
    assert Orderly().count_wrong(connection) == 0


def test_the_script_leaves_what_a_worker_leaves(site: Site, connection: psycopg.Connection) -> None:
    pgbench.run(site, connection, 2, LANES)

    # Seeded stock and orders have no commands and no first history row of their own.
    seeded = {"only successful commands move stock", "an order's history leads from its creation to its status"}
    seeded |= {"an order's version counts its successful commands"}
    assert set(invariants.broken_rules(connection)) <= seeded


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE command SET status = 'queued', finished_at = NULL, result = NULL WHERE lane = 0",
        "DELETE FROM payment WHERE id = (SELECT id FROM payment LIMIT 1)",
        "DELETE FROM stock_movement WHERE order_id = (SELECT id FROM orders LIMIT 1) AND kind = 'sale'",
        "DELETE FROM order_history WHERE order_id = (SELECT id FROM orders LIMIT 1)",
        "UPDATE orders SET status = 'draft' WHERE id = (SELECT id FROM orders LIMIT 1)",
        "UPDATE product SET on_hand = on_hand - 1 WHERE id = (SELECT id FROM product LIMIT 1)",
        "INSERT INTO stock_movement SELECT gen_random_uuid(), kind, on_hand_delta, 0, order_id, command_id, reason, "
        "created_at, product_id FROM stock_movement WHERE order_id IS NOT NULL LIMIT 1",
    ],
)
def test_the_check_finds_any_missing_or_doubled_effect(site: Site, connection: psycopg.Connection, damage: str) -> None:
    pgbench.run(site, connection, 1, LANES)
    assert Orderly().count_wrong(connection) == 0

    connection.execute("SET session_replication_role = replica")
    connection.execute(damage.encode())

    assert Orderly().count_wrong(connection) > 0
