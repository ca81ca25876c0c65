"""Aggregates to rows: the statements that write everything a batch changed, in bulk, one a table and wave."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from domain.books import entry as entry_of
from domain.orders import Order
from domain.outcome import Applied
from store import db
from store.commands import CommandRow
from store.db import Statement
from store.queue import Claimed

_INSERT_ORDERS = """
INSERT INTO orders (updated_at, id, workflow, status, version, currency, total, customer_id, note, archived, created_at)
SELECT %s::timestamptz, * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::numeric[],
                                      %b::uuid[], %b::text[], %b::bool[], %b::timestamptz[])
"""
_UPDATE_ORDERS = """
UPDATE orders SET status = new.status, version = new.version, total = new.total, archived = new.archived,
                  paid_by = new.paid_by, paid_total = new.paid_total,
                  refunded_total = new.refunded_total, refunded_tax = new.refunded_tax,
                  updated_at = %s
FROM unnest(%b::uuid[], %b::text[], %b::bigint[], %b::numeric[], %b::bool[],
            %b::text[], %b::numeric[], %b::numeric[], %b::numeric[])
     AS new (id, status, version, total, archived, paid_by, paid_total, refunded_total, refunded_tax)
WHERE orders.id = new.id AND orders.version = new.version - 1
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
_INSERT_PAYMENTS = """
INSERT INTO payment (created_at, id, order_id, command_id, method, amount, tendered, currency, reference)
SELECT %s::timestamptz, * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::numeric[], %b::numeric[],
                                      %b::text[], %b::text[])
"""
_REFUND_LINES = """
UPDATE order_line SET refunded_qty = new.refunded_qty
FROM unnest(%b::uuid[], %b::int[], %b::bigint[]) AS new (order_id, position, refunded_qty)
WHERE order_line.order_id = new.order_id AND order_line.position = new.position
"""
_INSERT_REFUNDS = """
INSERT INTO refund (created_at, payment_id, currency, id, order_id, command_id, amount, tax, restock, reason)
SELECT %s::timestamptz, payment.id, payment.currency, new.*
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::numeric[], %b::numeric[], %b::bool[], %b::text[])
     AS new (id, order_id, command_id, amount, tax, restock, reason)
JOIN payment ON payment.order_id = new.order_id AND payment.status = 'captured'
"""
_RETURN_PAYMENTS = "UPDATE payment SET status = 'refunded' WHERE order_id = ANY (%b::uuid[]) AND status = 'captured'"
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
_INSERT_ENTRIES = """
INSERT INTO journal_entry (occurred_at, id, kind, order_id, command_id, reverses_id)
SELECT %s::timestamptz, new.id, kind, order_id, command_id,
       CASE WHEN NOT reverses THEN NULL
            WHEN reverses_id IS NOT NULL THEN reverses_id
            ELSE (SELECT id FROM journal_entry AS sale WHERE sale.order_id = new.order_id AND sale.kind = 'payment') END
FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::uuid[], %b::bool[], %b::uuid[])
     AS new (id, kind, order_id, command_id, reverses, reverses_id)
"""
_INSERT_POSTINGS = """
INSERT INTO posting (entry_id, position, account, amount, currency)
SELECT * FROM unnest(%b::uuid[], %b::int[], %b::text[], %b::numeric[], %b::text[])
"""
_FINISH_COMMANDS = """
UPDATE command SET status = new.status, result = new.result::jsonb, error = new.error::jsonb,
                   attempts = new.attempts, started_at = %s, finished_at = statement_timestamp()
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::int[])
     AS new (id, status, result, error, attempts)
WHERE command.id = new.id AND command.status = 'queued'
RETURNING finished_at, EXISTS (SELECT FROM webhook_endpoint WHERE deleted_at IS NULL)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A yes, the command that got it, and the order as it was before."""

    claimed: Claimed
    applied: Applied
    before: Order | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended: its final status and its `result` or `error` as clients see them."""

    claimed: Claimed
    status: str
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def attempts(self) -> int:
        """How often it has been executed, this time included."""
        return self.claimed.attempts + self.claimed.deaths + 1

    def row(self, started_at: datetime, finished_at: datetime) -> CommandRow:
        """The command as it stands in its table now."""
        claimed = self.claimed
        return CommandRow(
            id=claimed.id,
            client_id=claimed.client_id,
            lane=claimed.lane,
            type=claimed.type,
            status=self.status,
            order_id=claimed.order_id,
            idempotency_key=claimed.idempotency_key,
            body_hash=claimed.body_hash,
            result=self.result,
            error=self.error,
            attempts=self.attempts,
            expected_version=claimed.expected_version,
            expires_at=claimed.expires_at,
            not_before=claimed.not_before,
            occurred_at=claimed.occurred_at,
            device_sequence=claimed.device_sequence,
            accepted_at=claimed.accepted_at,
            started_at=started_at,
            finished_at=finished_at,
            request_id=claimed.request_id,
            traceparent=claimed.traceparent,
        )


def orders(effects: Sequence[Effect], now: datetime) -> list[Statement]:
    """Write the orders of one wave: each order changes at most once in it, so that no version is skipped."""
    changed = [(effect, effect.applied.order) for effect in effects if effect.applied.order is not None]
    return [*_orders(changed, now), *_lines(changed), *_history(changed, now), *_payments(changed, now)]


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


def books(effects: Sequence[Effect], now: datetime) -> list[Statement]:
    """Write the journal entries of the whole batch."""
    made = [(uuid7(), effect, entry) for effect in effects if (entry := entry_of(effect.applied, effect.before))]
    if not made:
        return []
    sales = {effect.claimed.order_id: entry_id for entry_id, effect, entry in made if entry.kind == "payment"}
    entries = [
        (
            entry_id,
            entry.kind,
            effect.claimed.order_id,
            effect.claimed.id,
            entry.reverses_payment,
            sales.get(effect.claimed.order_id) if entry.reverses_payment else None,
        )
        for entry_id, effect, entry in made
    ]
    postings = [
        (entry_id, position, account, amount, entry.currency)
        for entry_id, _effect, entry in made
        for position, (account, amount) in enumerate(entry.postings.items())
    ]
    return [
        Statement(_INSERT_ENTRIES, [now, *db.columns(entries)], touches=len(entries)),
        Statement(_INSERT_POSTINGS, db.columns(postings), touches=len(postings)),
    ]


def ends(finished: Sequence[Finished], started_at: datetime) -> Statement:
    """Write how each command ended; one that is no longer queued stops the whole transaction.

    Returns when, and whether there is any endpoint that may want to hear of it: so asked, it costs no statement.
    """
    rows = [
        (
            end.claimed.id,
            end.status,
            end.result and orjson.dumps(end.result).decode(),
            end.error and orjson.dumps(end.error).decode(),
            end.attempts,
        )
        for end in finished
    ]
    return Statement(_FINISH_COMMANDS, [started_at, *db.columns(rows)], touches=len(rows))


type _Changed = Sequence[tuple[Effect, Order]]


def _orders(changed: _Changed, now: datetime) -> Iterator[Statement]:
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
        if effect.before is not None
    ]
    if updated:
        yield Statement(_UPDATE_ORDERS, [now, *db.columns(updated)], touches=len(updated))


def _lines(changed: _Changed) -> Iterator[Statement]:
    shortened: list[tuple[object, ...]] = []
    put: list[tuple[object, ...]] = []
    refunded: list[tuple[object, ...]] = []
    for effect, order in changed:
        before = effect.before.lines if effect.before else ()
        if order.lines is before:
            continue
        if order.status != "draft" and effect.before:
            refunded += [(order.id, position, line.refunded_qty) for position, line in enumerate(order.lines)]
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


def _history(changed: _Changed, now: datetime) -> Iterator[Statement]:
    rows = [
        (order.id, order.version, change.source, change.target, effect.claimed.client, effect.claimed.id, change.note)
        for effect, order in changed
        if (change := effect.applied.status_change) is not None
    ]
    if rows:
        yield Statement(_INSERT_HISTORY, [now, *db.columns(rows)], touches=len(rows))


def _payments(changed: _Changed, now: datetime) -> Iterator[Statement]:
    taken = [
        (
            uuid7(),
            order.id,
            effect.claimed.id,
            payment.method,
            payment.amount,
            payment.tendered,
            order.currency,
            payment.reference,
        )
        for effect, order in changed
        if (payment := effect.applied.payment) is not None
    ]
    if taken:
        yield Statement(_INSERT_PAYMENTS, [now, *db.columns(taken)], touches=len(taken))
    refunds = [
        (uuid7(), order.id, effect.claimed.id, refund.amount, refund.tax, refund.restock, refund.reason)
        for effect, order in changed
        if (refund := effect.applied.refund) is not None and refund.amount
    ]
    if refunds:
        yield Statement(_INSERT_REFUNDS, [now, *db.columns(refunds)], touches=len(refunds))
    returned = [order.id for effect, order in changed if _is_returned(effect.before, order)]
    if returned:
        yield Statement(_RETURN_PAYMENTS, [returned], touches=len(returned))


def _is_returned(before: Order | None, order: Order) -> bool:
    """Whether the last of its money goes back now; a payment of nothing is kept until its order is cancelled."""
    if before is None or before.status != "paid" or order.remainder:
        return False
    return before.remainder > 0 or (order.paid_total == 0 and order.status == "cancelled")
