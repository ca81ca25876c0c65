"""pgbench's script on real tables: each queued command is executed once, with all its effects."""

import psycopg
import pytest

from bench import pgbench
from bench.design import Site
from bench.orderly import LANES, Orderly
from tests import invariants


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
    seeded = {
        "only successful commands move stock, but one that waits for a provider reserves",
        "an order's history leads from its creation to its status",
    }
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
