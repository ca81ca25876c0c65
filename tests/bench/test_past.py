"""The filled past: rows as the system itself would have left them, so that what is measured beside them is real."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from api import envelope
from bench import past, pgbench
from bench.design import Site
from bench.orderly import LANES, Orderly
from store.inbox import lane_number
from tests import invariants

ORDERS = 60
_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text, f.attname
FROM pg_constraint
JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = confkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


@pytest.fixture
def since(site: Site, connection: psycopg.Connection) -> datetime:
    """A database with a past, and the moment when it ended."""
    return past.fill(site, ORDERS, lambda _text: None)


def test_it_has_the_rows_of_its_orders(since: datetime, connection: psycopg.Connection) -> None:
    tables = ("orders", "order_line", "command", "order_history", "payment", "posting")
    counted = [connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in tables]

    assert counted == [(ORDERS,), (3 * ORDERS,), (past.commands_of(ORDERS),), (2 * ORDERS,), (ORDERS,), (2 * ORDERS,)]
    assert past.commands_of(300_000) == 1_000_000


def test_it_breaks_no_rule_and_no_reference(since: datetime, connection: psycopg.Connection) -> None:
    # The seeded stock has no commands of its own, nor has what was received again.
    assert set(invariants.broken_rules(connection)) == {
        "only successful commands move stock, but one that waits for a provider reserves"
    }
    for table, column, target, key in connection.execute(_FOREIGN_KEYS.encode()).fetchall():
        orphans = connection.execute(
            f"SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT FROM {target} t WHERE t.{key} = {table}.{column})"
            f" AND {column} IS NOT NULL".encode()
        ).fetchone()
        assert orphans == (0,), (table, column)
    loose = """
    SELECT (SELECT count(*) FROM command LEFT JOIN orders ON orders.id = order_id WHERE orders.id IS NULL)
         + (SELECT count(*) FROM order_history h LEFT JOIN command c ON c.id = h.command_id AND c.order_id = h.order_id
            WHERE c.id IS NULL)
    """
    assert connection.execute(loose.encode()).fetchone() == (0,)


def test_ids_and_numbers_rise_with_the_time_of_acceptance(since: datetime, connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT seq, id, accepted_at, uuid_extract_timestamp(id) FROM command ORDER BY accepted_at"
    ).fetchall()

    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert all(abs(shown - accepted) < timedelta(milliseconds=50) for _seq, _id, accepted, shown in rows)
    assert timedelta(days=19) < since - rows[0][2] < timedelta(days=20, minutes=5)
    assert since - rows[-1][2] > timedelta(minutes=1)


def test_a_command_stands_in_its_lane_and_asks_what_may_be_asked(
    since: datetime, connection: psycopg.Connection
) -> None:
    rows = connection.execute("SELECT type, order_id, lane, payload FROM command").fetchall()

    for name, order, lane, payload in rows:
        assert lane == lane_number(str(order), LANES)
        envelope.check({"type": name, "order_id": str(order), "payload": payload}, datetime.now(UTC))
    assert {row[0] for row in rows} == {"order.create", "order.add_items", "order.pay"}


def test_items_that_were_added_are_the_lines(since: datetime, connection: psycopg.Connection) -> None:
    differing = """
    SELECT count(*) FROM command
    WHERE type = 'order.add_items' AND payload -> 'items' <> (
        SELECT jsonb_agg(jsonb_build_object('sku', sku, 'qty', qty) ORDER BY position)
        FROM order_line WHERE order_line.order_id = command.order_id)
    """
    assert connection.execute(differing.encode()).fetchone() == (0,)


def test_the_check_looks_at_what_came_after_the_past_alone(
    since: datetime, site: Site, connection: psycopg.Connection
) -> None:
    pgbench.run(site, connection, 1, LANES)
    assert Orderly(since=since).count_wrong(connection) == 0
    assert Orderly().count_wrong(connection) > 0

    connection.execute("SET session_replication_role = replica")
    connection.execute("DELETE FROM payment WHERE created_at = (SELECT max(created_at) FROM payment)")

    assert Orderly(since=since).count_wrong(connection) > 0


def test_the_guards_are_awake_afterwards(since: datetime, site: Site) -> None:
    with site.connect() as other, pytest.raises(psycopg.errors.CheckViolation):
        other.execute("DELETE FROM command")
