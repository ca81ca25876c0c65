"""The checker: what must hold in the database whatever died, stopped or came twice. Every fault test calls it."""

import uuid
from collections.abc import Iterable
from typing import Any, LiteralString

import psycopg

# Whether somebody has heard everything from the beginning.
_ALL_IS_TOLD: LiteralString = """
    EXISTS (SELECT FROM webhook_endpoint JOIN client ON client.id = client_id
            WHERE role = 'manager' AND client.is_active AND event_types = '{}' AND deleted_at IS NULL
            AND webhook_endpoint.created_at <= (SELECT min(accepted_at) FROM command))"""

# Each query returns the rows that break its rule.
_RULES: dict[str, LiteralString] = {
    "stock is the sum of its movements": """
        SELECT product.sku, on_hand, reserved, sum(on_hand_delta), sum(reserved_delta)
        FROM product LEFT JOIN stock_movement ON product_id = product.id
        GROUP BY product.id
        HAVING (on_hand, reserved) <> (coalesce(sum(on_hand_delta), 0), coalesce(sum(reserved_delta), 0))""",
    "an order's total is the sum of its lines": """
        SELECT orders.id, total, sum(qty * unit_price)
        FROM orders LEFT JOIN order_line ON order_id = orders.id
        GROUP BY orders.id HAVING total <> coalesce(sum(qty * unit_price), 0)""",
    "an order's version counts its successful commands": """
        SELECT orders.id, version, count(command.id)
        FROM orders LEFT JOIN command ON command.order_id = orders.id AND command.status = 'succeeded'
            AND starts_with(type, 'order.')
        GROUP BY orders.id HAVING version <> count(command.id)""",
    "each successful payment is one captured or refunded row": """
        SELECT command.id, count(payment.id)
        FROM command LEFT JOIN payment ON command_id = command.id AND payment.status IN ('captured', 'refunded')
        WHERE type = 'order.pay' AND command.status = 'succeeded'
        GROUP BY command.id HAVING count(payment.id) <> 1""",
    "a payment stands as the command does that asked for it": """
        SELECT payment.id, payment.status, command.type, command.status
        FROM payment LEFT JOIN command ON command.id = command_id
        WHERE command.type IS DISTINCT FROM 'order.pay' OR payment.status NOT IN ('captured', 'refunded')
            AND (payment.status, command.status) NOT IN
                (('pending', 'running'), ('pending', 'uncertain'), ('declined', 'failed'))
            OR payment.status IN ('captured', 'refunded') AND command.status <> 'succeeded'""",
    "an order waits for the provider exactly while its command does": """
        SELECT orders.id, asked_by, command.id, command.status
        FROM orders FULL JOIN (SELECT * FROM command WHERE status IN ('running', 'uncertain')) AS command
            ON command.id = asked_by
        WHERE (asked_by IS NOT NULL OR command.id IS NOT NULL) AND orders.id IS DISTINCT FROM command.order_id""",
    "what a provider was asked is settled exactly when its command has ended": """
        SELECT provider_request.id, settled_at, is_yes, command.status
        FROM provider_request LEFT JOIN command ON command.id = provider_request.id
        WHERE command.status IS NULL OR command.status <> ALL (
            CASE WHEN settled_at IS NULL THEN ARRAY['running', 'uncertain']
                 WHEN is_yes THEN ARRAY['succeeded'] ELSE ARRAY['failed'] END)""",
    "every command that waits for a provider has asked it": """
        SELECT command.id FROM command LEFT JOIN provider_request USING (id)
        WHERE status IN ('running', 'uncertain') AND provider_request.id IS NULL""",
    "the simulated provider has moved what payments and refunds say, or is asked still": """
        SELECT provider.id, provider.amount, booked.amount FROM (
            SELECT id, CASE WHEN charge_id IS NULL THEN amount ELSE -amount END AS amount
            FROM simulated_payment WHERE is_yes) AS provider
        FULL JOIN (
            SELECT id, amount FROM payment WHERE provider = 'simulator' AND status IN ('captured', 'refunded')
            UNION ALL
            SELECT refund.command_id, -refund.amount FROM refund JOIN payment ON payment.id = payment_id
            WHERE provider = 'simulator') AS booked USING (id)
        LEFT JOIN provider_request USING (id)
        WHERE provider.amount IS DISTINCT FROM booked.amount
            AND (booked.amount IS NOT NULL OR settled_at IS NOT NULL OR provider_request.id IS NULL)""",
    "a payment moves each of its products once, by the sum of its lines": """
        SELECT command.id, line.product_id, line.qty, moved.delta, moved.times
        FROM command
        CROSS JOIN LATERAL (SELECT product_id, sum(qty) AS qty FROM order_line
                            WHERE order_line.order_id = command.order_id GROUP BY product_id) line
        LEFT JOIN LATERAL (SELECT sum(on_hand_delta) AS delta, count(*) FILTER (WHERE on_hand_delta <> 0) AS times
                           FROM stock_movement
                           WHERE command_id = command.id AND product_id = line.product_id) moved ON true
        WHERE type = 'order.pay' AND status = 'succeeded' AND (moved.times <> 1 OR moved.delta <> -line.qty)""",
    "only successful commands move stock, but one that waits for a provider reserves": """
        SELECT command_id, product_id, status, sum(on_hand_delta), sum(reserved_delta)
        FROM stock_movement LEFT JOIN command ON command.id = command_id
        GROUP BY command_id, product_id, status
        HAVING CASE WHEN status = 'succeeded' THEN false
                    WHEN status IN ('running', 'uncertain') THEN sum(on_hand_delta) <> 0 OR sum(reserved_delta) <= 0
                    WHEN status = 'failed' THEN sum(on_hand_delta) <> 0 OR sum(reserved_delta) <> 0
                    ELSE true END""",
    "an order's history leads from its creation to its status": """
        SELECT id, status, last_to FROM orders CROSS JOIN LATERAL (
            SELECT (array_agg(to_status ORDER BY version DESC))[1] AS last_to,
                   (array_agg(from_status ORDER BY version))[1] AS first_from, count(*) AS changes
            FROM order_history WHERE order_id = orders.id) history
        WHERE changes = 0 OR last_to <> status OR first_from IS NOT NULL""",
    "an order's history has no gap: each step begins where the last one ended": """
        SELECT order_id, version, last_to, from_status FROM (
            SELECT order_id, version, from_status,
                   lag(to_status) OVER (PARTITION BY order_id ORDER BY version) AS last_to
            FROM order_history) AS steps
        WHERE last_to IS NOT NULL AND last_to IS DISTINCT FROM from_status""",
    "what is reserved is what orders hold that have not been shipped": """
        SELECT sku, reserved, held FROM product CROSS JOIN LATERAL (
            SELECT coalesce(sum(qty), 0) AS held FROM order_line JOIN orders ON orders.id = order_id
            WHERE product_id = product.id
                AND (status IN ('pending', 'confirmed', 'picked') OR (status = 'draft' AND asked_by IS NOT NULL))
        ) AS holding
        WHERE reserved <> held""",
    "a shipped order has left the shelf once, by the sum of its lines, and no other has": """
        SELECT orders.id, status, line.product_id, line.qty, shipped.*
        FROM (SELECT order_id, product_id, sum(qty) AS qty FROM order_line GROUP BY order_id, product_id) AS line
        JOIN orders ON orders.id = line.order_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS times, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
            FROM stock_movement
            WHERE order_id = line.order_id AND product_id = line.product_id AND kind = 'ship') AS shipped
        WHERE (times, -on_hand, -reserved) IS DISTINCT FROM
            CASE WHEN status IN ('shipped', 'delivered') THEN (1::bigint, line.qty, line.qty)
                 ELSE (0::bigint, NULL::numeric, NULL::numeric) END""",
    "what an order has moved is what its status says; pieces refunded may have come back or not": """
        SELECT orders.id, status, product_id, qty, refunded, on_hand, reserved
        FROM (SELECT order_id, product_id, sum(qty) AS qty, sum(refunded_qty) AS refunded
              FROM order_line GROUP BY order_id, product_id) AS line
        FULL JOIN (SELECT order_id, product_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
                   FROM stock_movement WHERE order_id IS NOT NULL GROUP BY order_id, product_id) AS moved
            USING (order_id, product_id)
        LEFT JOIN orders ON orders.id = order_id
        WHERE coalesce(reserved, 0) <> CASE WHEN status IN ('pending', 'confirmed', 'picked')
                                                  OR (status = 'draft' AND asked_by IS NOT NULL) THEN qty ELSE 0 END
            OR coalesce(on_hand, 0) NOT BETWEEN
                CASE WHEN status IN ('draft', 'pending', 'confirmed', 'picked') THEN 0
                     WHEN status = 'cancelled' THEN -refunded ELSE -qty END
                AND CASE WHEN status IN ('paid', 'shipped', 'delivered') THEN refunded - qty ELSE 0 END""",
    "a paid order has one captured payment of its total until all of it went back, and no other order has any": """
        SELECT orders.id, status, total, captured.* FROM orders CROSS JOIN LATERAL (
            SELECT count(*) AS times, sum(amount) AS amount FROM payment
            WHERE order_id = orders.id AND payment.status = 'captured') AS captured
        WHERE (times, amount) IS DISTINCT FROM
            CASE WHEN status = 'paid' AND (refunded_total < paid_total OR total = 0) THEN (1::bigint, total)
                 ELSE (0::bigint, NULL::numeric) END""",
    "what was taken for an order and given back is what its payments and refunds say": """
        SELECT orders.id, paid_total, refunded_total, refunded_tax, taken.*, back.* FROM orders
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS paid FROM payment
                            WHERE order_id = orders.id AND payment.status IN ('captured', 'refunded')) AS taken
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS money, coalesce(sum(tax), 0) AS tax
                            FROM refund WHERE order_id = orders.id) AS back
        WHERE (paid_total, refunded_total, refunded_tax) <> (paid, money, tax)""",
    "a cancelled order has given all of its money back, and with the last money went the last tax": """
        SELECT orders.id, status, paid_total, refunded_total, refunded_tax, tax FROM orders CROSS JOIN LATERAL (
            SELECT coalesce(sum(round(qty * unit_price * tax_rate / (10000 + tax_rate)::numeric)), 0) AS tax
            FROM order_line WHERE order_id = orders.id) AS lines
        WHERE (status = 'cancelled' AND refunded_total <> paid_total)
            OR (paid_total > 0 AND refunded_total = paid_total AND refunded_tax <> tax)""",
    "each payment, refund, cancellation of a paid order and receipt at a cost is one entry, and nothing else is": """
        SELECT command.id, type, kind FROM command FULL JOIN journal_entry ON command_id = command.id
        WHERE (status = 'succeeded' AND type = 'order.pay' AND result #>> '{payment,amount}' !~ '^[0.]+$'
               AND kind IS DISTINCT FROM 'payment')
            OR (kind IS NOT NULL AND status IS DISTINCT FROM 'succeeded')
            OR (kind IS NOT NULL AND (type, kind) NOT IN (
                ('order.pay', 'payment'), ('order.refund', 'refund'), ('order.cancel', 'cancellation'),
                ('stock.receive', 'receipt'), ('stock.adjust', 'adjustment')))""",
    "every entry balances": """
        SELECT entry_id, currency, sum(amount) FROM posting GROUP BY entry_id, currency HAVING sum(amount) <> 0""",
    "the books hold what was captured less what was refunded, and its tax": """
        SELECT currency, paid, money, tax, booked_tax FROM (
            SELECT currency, sum(paid_total - refunded_total) AS paid FROM orders GROUP BY currency) AS taken
        LEFT JOIN (SELECT currency, coalesce(sum(amount) FILTER (WHERE account IN
                              ('cash', 'card_clearing', 'provider_clearing')), 0) AS money,
                          coalesce(sum(-amount) FILTER (WHERE account = 'tax_payable'), 0) AS booked_tax
                   FROM posting GROUP BY currency) AS booked USING (currency)
        LEFT JOIN (SELECT currency, sum(CASE WHEN paid_total = 0 THEN 0 ELSE lines.tax - refunded_tax END) AS tax
                   FROM orders LEFT JOIN LATERAL (
                       SELECT coalesce(sum(round(qty * unit_price * tax_rate / (10000 + tax_rate)::numeric)), 0) AS tax
                       FROM order_line WHERE order_id = orders.id) AS lines ON true
                   GROUP BY currency) AS taxed USING (currency)
        WHERE paid <> coalesce(money, 0) OR tax <> coalesce(booked_tax, 0)""",
    "each refund is of one successful command that may give money back": """
        SELECT refund.id FROM refund LEFT JOIN command ON command.id = command_id AND command.order_id = refund.order_id
        WHERE command.type IS NULL OR command.type NOT IN ('order.refund', 'order.cancel')
            OR command.status <> 'succeeded'""",
    "only what is over is archived": """
        SELECT id, status FROM orders WHERE archived AND status NOT IN ('cancelled', 'delivered')""",
    "commands of one order took effect in the order in which they were accepted": """
        SELECT id, order_id, version, before FROM (
            SELECT id, order_id, version, lag(version) OVER (PARTITION BY order_id ORDER BY seq) AS before
            FROM command CROSS JOIN LATERAL (SELECT (result #>> '{order,version}')::int AS version) shown
            WHERE starts_with(type, 'order.') AND status = 'succeeded' AND not_before IS NULL
        ) AS effects WHERE version <> before + 1""",
    "every end is told once, under its name": f"""
        SELECT command.id, status, times FROM command
        LEFT JOIN (SELECT (data #>> '{{command,id}}')::uuid AS id, type, count(*) AS times,
                          (data #>> '{{command,finished_at}}')::timestamptz AS finished_at
                   FROM webhook_event WHERE starts_with(type, 'command.') GROUP BY 1, 2, 4) AS told
            USING (id, finished_at)
        WHERE finished_at IS NOT NULL AND purged_at IS NULL AND {_ALL_IS_TOLD}
            AND (times IS DISTINCT FROM 1 OR told.type <> 'command.' || status)""",
    "the versions of an order are told once each, without gaps": f"""
        SELECT orders.id, version, told FROM orders LEFT JOIN (
            SELECT order_id AS id, array_agg(sequence ORDER BY sequence) AS told
            FROM webhook_event WHERE starts_with(type, 'order.') GROUP BY order_id) AS events USING (id)
        WHERE told IS DISTINCT FROM ARRAY(SELECT generate_series(1, version)) AND {_ALL_IS_TOLD}""",
    "nobody is left marked as being executed": """
        SELECT attempt.lane, seqs FROM attempt
        WHERE NOT EXISTS (SELECT FROM command WHERE status = 'queued')""",
}


def broken_rules(connection: psycopg.Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The rules that do not hold, each with the rows that break it."""
    found = {rule: connection.execute(query).fetchmany(5) for rule, query in _RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}


def check(connection: psycopg.Connection[Any], accepted: Iterable[uuid.UUID] = ()) -> None:
    """Assert every rule, and that each accepted command is there and has ended."""
    wanted = list(accepted)
    ended = connection.execute(
        "SELECT id FROM command WHERE id = ANY (%s) AND finished_at IS NOT NULL", [wanted]
    ).fetchall()
    missing = set(wanted) - {row[0] for row in ended}
    assert not missing, f"{len(missing)} of {len(wanted)} accepted commands have not ended: {sorted(missing)[:3]}"
    broken = broken_rules(connection)
    assert not broken, f"broken: {broken}"
