-- One pay command of three lines in one transaction: the worker's statements for a batch of one. The same rows are
-- locked, read and written in the same order. Each client goes round its own lanes, so no two ever want one command.
\set lane :client_id + :clients * (:turn % (:lanes / :clients))
\set turn :turn + 1
BEGIN;
SELECT id FROM lane WHERE id = :lane FOR NO KEY UPDATE SKIP LOCKED;
SELECT c.id AS command_id, c.seq, c.type, c.order_id, c.payload, c.expected_version, c.expires_at, c.attempts,
       client.name AS client, CASE WHEN client.is_active THEN client.role END AS role, clock_timestamp() AS now
FROM command c JOIN client ON client.id = c.client_id
WHERE c.lane = :lane AND c.status = 'queued' AND NOT c.parked
ORDER BY c.seq LIMIT 1 \gset
SELECT id, workflow, status, version, version + 1 AS next_version, currency, total, customer_id, note, archived,
       created_at, paid_by, paid_total, refunded_total, refunded_tax
FROM orders WHERE id = :order_id FOR NO KEY UPDATE \gset order_
-- pgbench keeps one row of an answer: the three lines come as arrays.
SELECT ids[1] AS product_1, ids[2] AS product_2, ids[3] AS product_3,
       qtys[1] AS qty_1, qtys[2] AS qty_2, qtys[3] AS qty_3
FROM (SELECT array_agg(product_id ORDER BY position) AS ids, array_agg(qty ORDER BY position) AS qtys
      FROM order_line WHERE order_id = :order_id) AS lines \gset
SELECT id, sku, name, price, currency, on_hand, reserved, is_active, low_stock_at, tax_rate, cost
FROM product WHERE id IN (:product_1, :product_2, :product_3) ORDER BY id FOR NO KEY UPDATE;
UPDATE orders SET status = 'paid', version = :order_next_version, paid_by = 'cash', paid_total = total,
    updated_at = :now
WHERE id = :order_id AND version = :order_version;
INSERT INTO order_history (changed_at, order_id, version, from_status, to_status, changed_by, command_id)
VALUES (:now, :order_id, :order_next_version, 'draft', 'paid', :client, :command_id);
INSERT INTO payment (created_at, id, order_id, command_id, method, amount, tendered, currency)
VALUES (:now, gen_random_uuid(), :order_id, :command_id, 'cash', :order_total, 3000, 'EUR');
UPDATE product SET on_hand = on_hand - new.qty
FROM (VALUES (:product_1::uuid, :qty_1::bigint), (:product_2, :qty_2), (:product_3, :qty_3)) AS new (product_id, qty)
WHERE product.id = new.product_id;
INSERT INTO stock_movement (created_at, id, product_id, kind, on_hand_delta, reserved_delta, order_id, command_id)
VALUES (:now, gen_random_uuid(), :product_1, 'sale', -(:qty_1::bigint), 0, :order_id, :command_id),
       (:now, gen_random_uuid(), :product_2, 'sale', -(:qty_2::bigint), 0, :order_id, :command_id),
       (:now, gen_random_uuid(), :product_3, 'sale', -(:qty_3::bigint), 0, :order_id, :command_id);
WITH entry AS (
    INSERT INTO journal_entry (occurred_at, id, kind, order_id, command_id)
    VALUES (:now, gen_random_uuid(), 'payment', :order_id, :command_id) RETURNING id
)
INSERT INTO posting (entry_id, position, account, amount, currency)
SELECT id, position, account, amount, 'EUR'
FROM entry, (VALUES (0, 'cash', :order_total::numeric), (1, 'revenue', -(:order_total::numeric)))
            AS new (position, account, amount);
UPDATE command SET status = 'succeeded', attempts = attempts + 1, started_at = :now, finished_at = clock_timestamp(),
    result = jsonb_build_object(
        'order', jsonb_build_object('id', order_id, 'status', 'paid', 'version', :order_next_version::bigint,
                                    'total', '29.97', 'currency', 'EUR'),
        'payment', jsonb_build_object('method', 'cash', 'amount', '29.97', 'tendered', '30.00', 'change', '0.03'))
WHERE id = :command_id AND status = 'queued';
COMMIT;
