"""Money to rows: payments, refunds, what a provider is asked, and the entries in the books; in bulk, one a table."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from uuid_utils.compat import uuid7

from domain.asking import ONLINE
from domain.books import entry as entry_of
from domain.orders import Order
from store import db
from store.db import Statement
from store.effects import Changed, Effect

_INSERT_PAYMENTS = """
INSERT INTO payment (created_at, id, command_id, order_id, method, provider, amount, tendered, currency, reference,
                     status)
SELECT %s::timestamptz, id, * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::numeric[],
                                          %b::numeric[], %b::text[], %b::text[], %b::text[]) AS new (id)
"""
_ASK_PROVIDER = """
INSERT INTO provider_request (asked_at, next_attempt_at, id, order_id, amount, payment_method, payment_id)
SELECT now.now, now.now, new.*, payment.id
FROM unnest(%b::uuid[], %b::uuid[], %b::numeric[], %b::text[]) AS new (id, order_id, amount, payment_method)
JOIN payment ON payment.order_id = new.order_id AND payment.status IN ('pending', 'captured')
CROSS JOIN (SELECT %s::timestamptz AS now) AS now
"""
_CAPTURE_PAYMENTS = """
UPDATE payment SET status = 'captured', provider_reference = new.provider_reference
FROM unnest(%b::uuid[], %b::text[]) AS new (id, provider_reference)
WHERE payment.id = new.id AND payment.status = 'pending'
"""
_DECLINE_PAYMENTS = "UPDATE payment SET status = 'declined' WHERE id = ANY (%b::uuid[]) AND status = 'pending'"
_SETTLE_REQUESTS = """
UPDATE provider_request SET settled_at = %s, next_attempt_at = NULL
WHERE id = ANY (%b::uuid[]) AND settled_at IS NULL
"""
_INSERT_REFUNDS = """
INSERT INTO refund (created_at, payment_id, currency, id, order_id, command_id, amount, tax, restock, reason,
                    provider_reference)
SELECT %s::timestamptz, payment.id, payment.currency, new.*
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::numeric[], %b::numeric[], %b::bool[], %b::text[], %b::text[])
     AS new (id, order_id, command_id, amount, tax, restock, reason, provider_reference)
JOIN payment ON payment.order_id = new.order_id AND payment.status = 'captured'
"""
_RETURN_PAYMENTS = "UPDATE payment SET status = 'refunded' WHERE order_id = ANY (%b::uuid[]) AND status = 'captured'"
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


def moved(changed: Changed, now: datetime) -> Iterator[Statement]:
    """Write what one wave of orders has paid, given back, asked for and been answered."""
    yield from _payments(changed, now)
    yield from _refunds(changed, now)
    yield from _requests(changed, now)


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


def _payments(changed: Changed, now: datetime) -> Iterator[Statement]:
    rows: list[tuple[object, ...]] = [
        (
            effect.claimed.id,
            order.id,
            payment.method,
            None,
            payment.amount,
            payment.tendered,
            order.currency,
            payment.reference,
            "captured",
        )
        for effect, order in changed
        if (payment := effect.applied.payment) is not None and not effect.is_settled
    ]
    rows += [
        (
            effect.claimed.id,
            order.id,
            ONLINE,
            question.provider,
            question.amount,
            None,
            order.currency,
            question.reference,
            "pending",
        )
        for effect, order in changed
        if (question := effect.question) is not None and question.payment_method is not None
    ]
    if rows:
        yield Statement(_INSERT_PAYMENTS, [now, *db.columns(rows)], touches=len(rows))
    settled = [effect for effect, _order in changed if effect.is_settled]
    captured = [
        (effect.claimed.id, payment.provider_reference)
        for effect in settled
        if (payment := effect.applied.payment) is not None
    ]
    if captured:
        yield Statement(_CAPTURE_PAYMENTS, db.columns(captured), touches=len(captured))
    if len(settled) > len(captured):
        yield Statement(_DECLINE_PAYMENTS, [[effect.claimed.id for effect in settled]])


def _refunds(changed: Changed, now: datetime) -> Iterator[Statement]:
    refunds = [
        (
            uuid7(),
            order.id,
            effect.claimed.id,
            refund.amount,
            refund.tax,
            refund.restock,
            refund.reason,
            refund.provider_reference,
        )
        for effect, order in changed
        if (refund := effect.applied.refund) is not None and refund.amount
    ]
    if refunds:
        yield Statement(_INSERT_REFUNDS, [now, *db.columns(refunds)], touches=len(refunds))
    returned = [order.id for effect, order in changed if _is_returned(effect.before, order)]
    if returned:
        yield Statement(_RETURN_PAYMENTS, [returned], touches=len(returned))


def _requests(changed: Changed, now: datetime) -> Iterator[Statement]:
    asked = [
        (effect.claimed.id, order.id, question.amount, question.payment_method)
        for effect, order in changed
        if (question := effect.question) is not None
    ]
    if asked:
        yield Statement(_ASK_PROVIDER, [*db.columns(asked), now], touches=len(asked))
    settled = [effect.claimed.id for effect, _order in changed if effect.is_settled]
    if settled:
        yield Statement(_SETTLE_REQUESTS, [now, settled], touches=len(settled))


def _is_returned(before: Order | None, order: Order) -> bool:
    """Whether the last of its money goes back now; a payment of nothing is kept until its order is cancelled."""
    if before is None or before.status != "paid" or order.remainder:
        return False
    return before.remainder > 0 or (order.paid_total == 0 and order.status == "cancelled")
