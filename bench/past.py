"""A past for a database: paid orders of the last twenty days with everything that they leave behind, by plain SQL.

An order was created empty, given its lines and paid, by a command each; for every third one somebody tried to pay
once more and was refused, so there are ten commands for three orders. The rows are those that the system itself would
have written: ids and numbers rise with time, keys are random, the ledger adds up, and the catalogue's stock is as it
was, because what was sold has been received again.
"""

import datetime
import json
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg

from bench.design import LINES_PER_ORDER, PAYLOAD, PRICE, PRODUCTS, Site
from bench.orderly import LANES
from domain.money import to_text
from domain.result import TITLES

DAYS = 20
"""How far back it goes; the system lets go of results after thirty."""
_REFUSAL = {
    "type": "/problems/invalid-transition",
    "title": TITLES["invalid-transition"],
    "detail": "This command does not make an order paid that is paid; the workflow allows: cancelled.",
    "code": "invalid-transition",
    "retryable": False,
    "allowed": ["cancelled"],
}


def commands_of(orders: int) -> int:
    """How many commands so many orders took."""
    return orders * 3 + orders // 3


def fill(site: Site, orders: int, say: Callable[[str], None]) -> datetime.datetime:
    """Give the site's database its past and tidy it up; a moment after all of it, by the database's clock."""
    # One lane is written as the last byte of a hash modulo the number of lanes.
    assert 256 % LANES == 0, f"{LANES} lanes"
    total = to_text(PRICE * LINES_PER_ORDER, "EUR")
    given = {
        "orders": orders,
        "days": DAYS,
        "lanes": LANES,
        "lines": LINES_PER_ORDER,
        "step": PRODUCTS // LINES_PER_ORDER,
        "price": PRICE,
        "total": total,
        "pay": json.dumps(PAYLOAD),
        "payment": json.dumps({"method": "cash", "amount": total, "tendered": "30.00", "change": "0.03"}),
        "refusal": json.dumps(_REFUSAL),
    }
    with site.connect() as connection:
        # The guards would look at every row, and refuse orders that begin as paid.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '256MB'")
        for name, statements in _STEPS.items():
            began = time.monotonic()
            rows = sum(_execute(connection, statement, given) for statement in statements)
            say(f"    the past: {name}, {rows:,} rows  ({time.monotonic() - began:.0f} s)")
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime.datetime = row[0]
    return moment


def _execute(connection: psycopg.Connection[Any], statement: LiteralString, given: dict[str, object]) -> int:
    # A statement that takes no values may not be given any.
    return max(0, connection.execute(statement, given if "%(" in statement else None).rowcount)


# The moments of one order lie seconds apart, those of two orders as far as the days allow: rows of many orders
# alternate as they would have.
_TEMPLATE: tuple[LiteralString, ...] = (
    """
    CREATE TEMPORARY TABLE past_product AS
    SELECT (row_number() OVER (ORDER BY sku) - 1)::int AS place, id, sku, name FROM product
    """,
    """
    CREATE TEMPORARY TABLE past (
        n int, order_id uuid, created_at timestamptz, filled_at timestamptz, paid_at timestamptz,
        refused_at timestamptz, create_id uuid, fill_id uuid, pay_id uuid, refused_id uuid)
    """,
    """
    INSERT INTO past
    SELECT n, uuidv7(created_at - clock_timestamp()), created_at, filled_at, paid_at, refused_at,
           uuidv7(created_at - clock_timestamp()), uuidv7(filled_at - clock_timestamp()),
           uuidv7(paid_at - clock_timestamp()), uuidv7(refused_at - clock_timestamp())
    FROM (
        SELECT n, at AS created_at, at + interval '20 s' AS filled_at, at + interval '50 s' AS paid_at,
               CASE WHEN n %% 3 = 0 THEN at + interval '55 s' END AS refused_at
        FROM (SELECT n, now() - make_interval(days => %(days)s)
                        + (make_interval(days => %(days)s) - interval '10 min') * (n::float / %(orders)s) AS at
              FROM generate_series(1, %(orders)s) AS n) AS begun
    ) AS moments
    """,
    "ANALYZE past",
)

_ORDERS: LiteralString = """
INSERT INTO orders (id, workflow, status, version, currency, total, paid_by, paid_total, created_at, updated_at)
SELECT order_id, 'counter', 'paid', 3, 'EUR', %(price)s * %(lines)s, 'cash', %(price)s * %(lines)s, created_at, paid_at
FROM past ORDER BY n
"""
_LINES: LiteralString = """
INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price)
SELECT order_id, line, product.id, sku, name, 1, %(price)s
FROM past CROSS JOIN generate_series(0, %(lines)s - 1) AS line
JOIN past_product product ON place = (n + line * %(step)s) %% (SELECT count(*) FROM past_product)
ORDER BY n, line
"""
# `seq` is numbered by its default, after the sorting.
_COMMANDS: LiteralString = """
INSERT INTO command (id, lane, type, status, client_id, idempotency_key, body_hash, order_id, payload, attempts,
                     result, error, accepted_at, started_at, finished_at)
SELECT id, get_byte(sha256(convert_to(order_id::text, 'UTF8')), 7) %% %(lanes)s, type,
       CASE WHEN error IS NULL THEN 'succeeded' ELSE 'failed' END, (SELECT min(id) FROM client),
       gen_random_uuid()::text, sha256(uuid_send(id)), order_id, payload, 1,
       CASE WHEN error IS NULL THEN jsonb_build_object('order', jsonb_build_object(
           'id', order_id, 'status', order_status, 'version', version, 'total', total, 'currency', 'EUR')) || more END,
       error, accepted_at, accepted_at + interval '4 ms', accepted_at + interval '9 ms'
FROM (
    SELECT create_id AS id, 'order.create' AS type, order_id, created_at AS accepted_at, '{"currency": "EUR"}'::jsonb,
           'draft', 1, '0.00', '{}'::jsonb, NULL::jsonb FROM past
    UNION ALL
    SELECT fill_id, 'order.add_items', order_id, filled_at, jsonb_build_object('items', (
               SELECT jsonb_agg(jsonb_build_object(
                   'sku', skus[1 + (n + line * %(step)s) %% cardinality(skus)], 'qty', 1))
               FROM generate_series(0, %(lines)s - 1) AS line)),
           'draft', 2, %(total)s, '{}', NULL
    FROM past CROSS JOIN (SELECT array_agg(sku ORDER BY place) AS skus FROM past_product) AS catalogue
    UNION ALL
    SELECT pay_id, 'order.pay', order_id, paid_at, %(pay)s::jsonb, 'paid', 3, %(total)s,
           jsonb_build_object('payment', %(payment)s::jsonb), NULL FROM past
    UNION ALL
    SELECT refused_id, 'order.pay', order_id, refused_at, %(pay)s, 'paid', 3, %(total)s, NULL, %(refusal)s::jsonb
    FROM past WHERE refused_at IS NOT NULL
) AS done (id, type, order_id, accepted_at, payload, order_status, version, total, more, error)
ORDER BY accepted_at
"""
_HISTORY: LiteralString = """
INSERT INTO order_history (order_id, version, from_status, to_status, changed_by, command_id, changed_at)
SELECT order_id, version, from_status, to_status, client.name, command_id, changed_at
FROM (
    SELECT order_id, 1, NULL, 'draft', create_id, created_at FROM past
    UNION ALL
    SELECT order_id, 3, 'draft', 'paid', pay_id, paid_at FROM past
) AS change (order_id, version, from_status, to_status, command_id, changed_at)
CROSS JOIN (SELECT name FROM client ORDER BY id LIMIT 1) AS client
ORDER BY changed_at
"""
_PAYMENTS: LiteralString = """
INSERT INTO payment (id, order_id, command_id, method, amount, tendered, currency, created_at)
SELECT uuidv7(paid_at - clock_timestamp()), order_id, pay_id, 'cash', %(price)s * %(lines)s, 3000, 'EUR', paid_at
FROM past ORDER BY n
"""
_ENTRIES: LiteralString = """
INSERT INTO journal_entry (id, kind, order_id, command_id, occurred_at)
SELECT uuidv7(paid_at - clock_timestamp()), 'payment', order_id, pay_id, paid_at FROM past ORDER BY n
"""
_POSTINGS: LiteralString = """
INSERT INTO posting (entry_id, position, account, amount, currency)
SELECT id, position, account, side * %(price)s * %(lines)s, 'EUR'
FROM journal_entry JOIN past USING (order_id)
CROSS JOIN (VALUES (0, 'cash', 1), (1, 'revenue', -1)) AS line (position, account, side)
ORDER BY n, position
"""
_SALES: LiteralString = """
INSERT INTO stock_movement (product_id, id, kind, on_hand_delta, reserved_delta, order_id, command_id, created_at)
SELECT product_id, uuidv7(paid_at - clock_timestamp()), 'sale', -qty, 0, order_id, pay_id, paid_at
FROM past JOIN order_line USING (order_id) ORDER BY n, position
"""
_RECEIPTS: LiteralString = """
INSERT INTO stock_movement (product_id, id, kind, on_hand_delta, reserved_delta, command_id, created_at)
SELECT product_id, uuidv7(min(created_at) - clock_timestamp()), 'receive', -sum(on_hand_delta), 0, uuidv7(),
       min(created_at)
FROM stock_movement WHERE kind = 'sale' GROUP BY product_id
"""

_STEPS: dict[str, tuple[LiteralString, ...]] = {
    "a template": _TEMPLATE,
    "orders": (_ORDERS,),
    "lines": (_LINES,),
    "commands": (_COMMANDS,),
    "history": (_HISTORY,),
    "payments": (_PAYMENTS,),
    "the books": (_ENTRIES, _POSTINGS),
    "stock movements": (_SALES, _RECEIPTS),
    "tidied up": ("VACUUM ANALYZE", "CHECKPOINT"),
}
