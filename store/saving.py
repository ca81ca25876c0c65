"""Aggregates to rows: the statements that write everything a batch changed, in bulk, one a table and wave."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson
from uuid_utils.compat import uuid7

from store import db, saving_money
from store.db import Statement
from store.effects import Changed, Effect, Standing

_INSERT_ORDERS = """
INSERT INTO orders (updated_at, id, workflow, status, version, currency, total, customer_id, note, archived, created_at)
SELECT %s::timestamptz, * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::numeric[],
                                      %b::uuid[], %b::text[], %b::bool[], %b::timestamptz[])
"""
_UPDATE_ORDERS = """
UPDATE orders SET status = new.status, version = new.version, total = new.total, archived = new.archived,
                  paid_by = new.paid_by, paid_total = new.paid_total,
                  refunded_total = new.refunded_total, refunded_tax = new.refunded_tax,
                  asked_by = NULL, updated_at = %s
FROM unnest(%b::uuid[], %b::text[], %b::bigint[], %b::numeric[], %b::bool[],
            %b::text[], %b::numeric[], %b::numeric[], %b::numeric[])
     AS new (id, status, version, total, archived, paid_by, paid_total, refunded_total, refunded_tax)
WHERE orders.id = new.id AND orders.version = new.version - 1
"""
_FREEZE_ORDERS = """
UPDATE orders SET asked_by = new.asked_by
FROM unnest(%b::uuid[], %b::bigint[], %b::uuid[]) AS new (id, version, asked_by)
WHERE orders.id = new.id AND orders.version = new.version
"""
_DELETE_LINES = """
DELETE FROM order_line USING unnest(%b::uuid[], %b::int[]) AS kept (order_id, lines)
WHERE order_line.order_id = kept.order_id AND order_line.position >= kept.lines
"""
_PUT_LINES = """
INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price, tax_rate, unit_cost)
SELECT * FROM unnest(%b::uuid[], %b::int[], %b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::int[],
                     %b::bigint[])
ON CONFLICT (order_id, position) DO UPDATE SET
    product_id = excluded.product_id, sku = excluded.sku, name = excluded.name,
    qty = excluded.qty, unit_price = excluded.unit_price, tax_rate = excluded.tax_rate, unit_cost = excluded.unit_cost
"""
_INSERT_HISTORY = """
INSERT INTO order_history (changed_at, order_id, version, from_status, to_status, changed_by, command_id, note)
SELECT %s::timestamptz, * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::uuid[],
                                      %b::text[])
"""
_REFUND_LINES = """
UPDATE order_line SET refunded_qty = new.refunded_qty
FROM unnest(%b::uuid[], %b::int[], %b::bigint[]) AS new (order_id, position, refunded_qty)
WHERE order_line.order_id = new.order_id AND order_line.position = new.position
"""
_UPDATE_PRODUCTS = """
UPDATE product SET on_hand = new.on_hand, reserved = new.reserved
FROM unnest(%b::uuid[], %b::bigint[], %b::bigint[]) AS new (id, on_hand, reserved)
WHERE product.id = new.id
"""
_INSERT_MOVEMENTS = """
INSERT INTO stock_movement (created_at, id, product_id, kind, on_hand_delta, reserved_delta, order_id, command_id,
                            reason)
SELECT %s::timestamptz, * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::bigint[], %b::bigint[], %b::uuid[],
                                      %b::uuid[], %b::text[])
"""
_MOVE_COMMANDS = """
UPDATE command SET status = new.status, result = new.result::jsonb, error = new.error::jsonb,
                   attempts = new.attempts, started_at = coalesce(command.started_at, %s),
                   moved_at = CASE WHEN new.status = 'running' THEN statement_timestamp() ELSE command.moved_at END,
                   finished_at = CASE WHEN new.status <> 'running' THEN statement_timestamp() END
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::int[])
     AS new (id, status, result, error, attempts)
WHERE command.id = new.id AND command.status IN ('queued', 'running', 'uncertain')
RETURNING statement_timestamp(), EXISTS (SELECT FROM webhook_endpoint WHERE deleted_at IS NULL)
"""


def orders(effects: Sequence[Effect], now: datetime) -> list[Statement]:
    """Write the orders of one wave: each order changes at most once in it, so that no version is skipped."""
    changed = [(effect, effect.applied.order) for effect in effects if effect.applied.order is not None]
    return [
        *_orders(changed, now),
        *_lines(changed),
        *_history(changed, now),
        *saving_money.moved(changed, now),
    ]


def stock(effects: Sequence[Effect], now: datetime) -> list[Statement]:
    """Write the products as they end and every movement of the whole batch."""
    products = {product.id: product for effect in effects for product in effect.applied.products}
    if not products:
        return []
    movements = [
        (
            uuid7(),
            movement.product_id,
            movement.kind,
            movement.on_hand_delta,
            movement.reserved_delta,
            effect.claimed.order_id,
            effect.claimed.id,
            movement.reason,
        )
        for effect in effects
        for movement in effect.applied.movements
    ]
    rows = [(product.id, product.on_hand, product.reserved) for product in products.values()]
    return [
        Statement(_UPDATE_PRODUCTS, db.columns(rows), touches=len(rows)),
        Statement(_INSERT_MOVEMENTS, [now, *db.columns(movements)], touches=len(movements)),
    ]


def commands(standings: Sequence[Standing], started_at: datetime) -> Statement:
    """Write how each command stands; one that has ended before stops the whole transaction.

    Returns since when, and whether there is any endpoint that may want to hear of it: so asked, it costs no statement.
    """
    rows = [
        (
            each.claimed.id,
            each.status,
            each.result and orjson.dumps(each.result).decode(),
            each.error and orjson.dumps(each.error).decode(),
            each.attempts,
        )
        for each in standings
    ]
    return Statement(_MOVE_COMMANDS, [started_at, *db.columns(rows)], touches=len(rows))


def _orders(changed: Changed, now: datetime) -> Iterator[Statement]:
    created = [
        (
            order.id,
            order.workflow,
            order.status,
            order.version,
            order.currency,
            order.total,
            order.customer_id,
            order.note,
            order.archived,
            order.created_at,
        )
        for effect, order in changed
        if effect.before is None
    ]
    if created:
        yield Statement(_INSERT_ORDERS, [now, *db.columns(created)], touches=len(created))
    updated = [
        (
            order.id,
            order.status,
            order.version,
            order.total,
            order.archived,
            order.paid_by,
            order.paid_total,
            order.refunded_total,
            order.refunded_tax,
        )
        for effect, order in changed
        if effect.before is not None and order.version > effect.before.version
    ]
    if updated:
        yield Statement(_UPDATE_ORDERS, [now, *db.columns(updated)], touches=len(updated))
    waiting = [
        (order.id, order.version, order.asked_by)
        for effect, order in changed
        if effect.before is not None and order.version == effect.before.version
    ]
    if waiting:
        yield Statement(_FREEZE_ORDERS, db.columns(waiting), touches=len(waiting))


def _lines(changed: Changed) -> Iterator[Statement]:
    shortened: list[tuple[object, ...]] = []
    put: list[tuple[object, ...]] = []
    refunded: list[tuple[object, ...]] = []
    for effect, order in changed:
        before = effect.before.lines if effect.before else ()
        if order.lines is before:
            continue
        if order.status != "draft" and effect.before:
            refunded += [
                (order.id, position, line.refunded_qty)
                for position, line in enumerate(order.lines)
                if line != before[position]
            ]
            continue
        if len(order.lines) < len(before):
            shortened.append((order.id, len(order.lines)))
        put += [
            (
                order.id,
                position,
                line.product_id,
                line.sku,
                line.name,
                line.qty,
                line.unit_price,
                line.tax_rate,
                line.unit_cost,
            )
            for position, line in enumerate(order.lines)
            if position >= len(before) or before[position] != line
        ]
    if shortened:
        yield Statement(_DELETE_LINES, db.columns(shortened))
    if put:
        yield Statement(_PUT_LINES, db.columns(put), touches=len(put))
    if refunded:
        yield Statement(_REFUND_LINES, db.columns(refunded), touches=len(refunded))


def _history(changed: Changed, now: datetime) -> Iterator[Statement]:
    rows = [
        (order.id, order.version, change.source, change.target, effect.claimed.client, effect.claimed.id, change.note)
        for effect, order in changed
        if (change := effect.applied.status_change) is not None
    ]
    if rows:
        yield Statement(_INSERT_HISTORY, [now, *db.columns(rows)], touches=len(rows))
