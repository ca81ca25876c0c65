"""Every list and every claim is answered from an index, whatever is asked for, also when there is nothing of the kind.

The tables are large and one-sided, the statements those of the application, the plans those that ran.
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from domain.outcome import Answer
from store import (
    asking,
    backlog,
    commands,
    dashboard,
    db,
    deliveries,
    ending,
    figures,
    ids,
    inbox,
    queue,
    retention,
    webhooks,
)
from store.asking import Request
from store.audit import ADMIN, Actor
from store.deliveries import Claimed
from tests.conftest import empty
from tests.console.desk import Desk
from tests.guards import guards_asleep
from tests.store.plans import Plan, watched
from tests.store.shop import execute, value
from tests.till import Till
from tests.webhooks import tried

WEBHOOKS = {"webhook_event", "webhook_delivery", "webhook_attempt"}
MONEY = {"payment", "provider_request"}
SOLD = {"command", "orders", "order_line", "order_history", "stock_movement", "customer", "product"}
LARGE = WEBHOOKS | MONEY | SOLD
ROWS_MAX = 1_300
"""How many rows of a large table one node of a plan may read: at worst all that failed, of everybody."""
POPULAR_TIMES = 8
"""PostgreSQL may settle for one plan for all values after the fifth time, one that suits the value asked for most."""

# The older half of the commands is purged. Of the rest none is cancelled, expired or about stock, a few are queued, and
# all that failed, one in sixteen, are creations of the shop. One till has been idle for long. The newer half of the
# orders is archived; none is of a fulfilment. The older half of the events is to be forgotten. All deliveries of the
# first endpoint have been made, but for one in 400; those of the second one are left behind or not yet due. Each paid
# order was paid online, all but a few long settled; of these one in 3 is due, the rest waits to be asked again.
FILL: tuple[LiteralString, ...] = (
    "INSERT INTO product (id, sku, name, price, currency) SELECT md5('p' || n)::uuid, 'P' || n, 'Product', 1, 'EUR' "
    "FROM generate_series(1, 20000) n",
    "INSERT INTO customer (id, name, tax_id) SELECT md5('c' || n)::uuid, 'Customer ' || n, "
    "CASE WHEN n <= 2 THEN 'tax ' || n END FROM generate_series(1, 20000) n",
    "INSERT INTO orders (id, workflow, status, version, currency, total, customer_id, archived, created_at, updated_at)"
    " SELECT md5('o' || n)::uuid, 'counter', CASE WHEN n > 10000 THEN 'cancelled' ELSE 'paid' END, 2, 'EUR', 1, "
    "CASE WHEN n %% 3 = 0 THEN md5('c' || n %% 20)::uuid END, n > 10000, now() - interval '1 s' * (20000 - n), now() "
    "FROM generate_series(1, 20000) n",
    "INSERT INTO order_line (order_id, position, product_id, sku, name, qty, unit_price) "
    "SELECT id, 0, md5('p1')::uuid, 'P1', 'Product', 1, 1 FROM orders",
    "INSERT INTO order_history (order_id, version, to_status, changed_by, command_id, changed_at) "
    "SELECT id, 1, 'draft', 'till', id, now() FROM orders",
    "INSERT INTO stock_movement (product_id, id, kind, on_hand_delta, reserved_delta, command_id, created_at) "
    "SELECT md5('p1')::uuid, md5('m' || n)::uuid, 'receipt', 1, 0, md5('k' || n)::uuid, now() "
    "FROM generate_series(1, 20000) n",
    "INSERT INTO command (id, seq, lane, type, status, client_id, idempotency_key, body_hash, order_id, payload, "
    "accepted_at, started_at, finished_at, purged_at) "
    "SELECT lpad(to_hex(n), 32, '0')::uuid, n, n %% 64, CASE n %% 2 WHEN 0 THEN 'order.create' ELSE 'order.pay' END, "
    "CASE WHEN n %% 16 = 0 THEN 'failed' ELSE 'succeeded' END, "
    "(SELECT id FROM client WHERE name = CASE WHEN n BETWEEN 21001 AND 21007 THEN 'idle' WHEN n %% 16 = 0 THEN 'shop' "
    "ELSE 'till' END), "
    "'key ' || n, '', "
    "md5('o' || n / 2)::uuid, CASE WHEN n > 20000 THEN '{}'::jsonb END, ended, ended, ended, "
    "CASE WHEN n <= 20000 THEN now() END "
    "FROM generate_series(1, 40000) n, LATERAL (SELECT now() - interval '1 hour' "
    "* CASE WHEN n < 5000 THEN 401 * 24 WHEN n < 25000 THEN 31 * 24 ELSE 1 END AS ended) AS at",
    "INSERT INTO command (id, seq, lane, type, status, client_id, idempotency_key, body_hash, payload, parked, "
    "not_before, expires_at) SELECT md5('q' || n)::uuid, 50000 + n, n %% 64, 'order.pay', 'queued', "
    "(SELECT id FROM client WHERE name = 'till'), 'queued ' || n, '', '{}', n %% 2 = 0, now(), now() "
    "FROM generate_series(1, 200) n",
    "INSERT INTO payment (id, order_id, command_id, method, provider, amount, currency, provider_reference, status, "
    "created_at) SELECT md5('y' || n)::uuid, md5('o' || n)::uuid, md5('y' || n)::uuid, 'online', 'stripe', 1, 'EUR', "
    "'r', CASE WHEN n > 9940 THEN 'pending' ELSE 'captured' END, now() FROM generate_series(1, 10000) n",
    "INSERT INTO provider_request (id, order_id, payment_id, amount, payment_method, asked_at, attempts_made, "
    "next_attempt_at, is_yes, settled_at) SELECT md5('y' || n)::uuid, md5('o' || n)::uuid, md5('y' || n)::uuid, 1, "
    "'token', now(), 1, CASE WHEN is_open THEN now() + interval '1 h' * (n %% 3) END, NOT is_open OR NULL, "
    "CASE WHEN NOT is_open THEN now() END FROM generate_series(1, 10000) n, "
    "LATERAL (SELECT n > 9940 AS is_open) AS how",
    "INSERT INTO command (id, seq, lane, type, status, client_id, idempotency_key, body_hash, order_id, payload, "
    "started_at, moved_at) SELECT md5('y' || n)::uuid, 60000 + n, n %% 64, 'order.pay', 'running', "
    "(SELECT id FROM client WHERE name = 'till'), 'online ' || n, '', md5('o' || n)::uuid, '{}', now(), now() "
    "FROM generate_series(9941, 10000) n",
    "INSERT INTO webhook_endpoint (id, client_id, url, ordered, secret, description, event_types, is_active, "
    "generation) SELECT md5('w' || n)::uuid, (SELECT id FROM client WHERE name = 'boss'), 'https://example.com/', "
    "n = 2, '', '', '{}', true, 1 FROM generate_series(1, 2) n",
    "INSERT INTO webhook_event (id, type, order_id, sequence, data, occurred_at) "
    "SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid, "
    "'order.paid', md5('o' || n)::uuid, n, '{}', at FROM generate_series(1, 20000) n, "
    "LATERAL (SELECT now() - interval '1 day' * CASE WHEN n <= 10000 THEN 31 ELSE 1 END AS at) AS moment",
    "INSERT INTO webhook_delivery (id, event_id, endpoint_id, event_type, status, generation, next_attempt_at, "
    "order_id, sequence) SELECT md5('d' || sequence)::uuid, id, md5('w' || 1 + ends_late::int)::uuid, type, "
    "CASE WHEN is_open THEN 'pending' ELSE 'delivered' END, CASE WHEN sequence %% 800 = 0 THEN 1 ELSE 0 END, "
    "CASE WHEN is_open THEN now() + interval '1 h' * (sequence %% 400) END, CASE WHEN ends_late THEN order_id END, "
    "CASE WHEN ends_late THEN sequence END FROM webhook_event, LATERAL (SELECT sequence > 19000 AS ends_late, "
    "sequence > 19000 OR sequence %% 400 = 0 AS is_open) AS how",
    "INSERT INTO webhook_attempt (delivery_id, at, duration_ms, status) SELECT id, created_at, 5, 200 "
    "FROM webhook_delivery WHERE status = 'delivered'",
    "ANALYZE",
)
COMMAND = uuid.UUID(int=39_999)
ORDER, CUSTOMER = "f1584b99-5a47-7098-6ad7-5bb8d29e9734", "a9f7e979-65d6-cf79-9a52-9102a973b8b9"
NOBODY = str(uuid.UUID(int=0))
WAITING = uuid.UUID(hex=hashlib.md5(b"y9990").hexdigest())
LATELY = datetime.now(UTC) - timedelta(hours=1)
JUST_NOW = datetime.now(UTC) - timedelta(seconds=12)
ENDPOINT = str(uuid.UUID(hex=hashlib.md5(b"w1").hexdigest()))
STATUSES = ("succeeded", "failed", "queued", "running", "cancelled", "expired", "uncertain")

LISTS: dict[str, dict[str, tuple[str, ...]]] = {
    "boss": {
        "/commands": ("",),
        "/commands?status=": STATUSES,
        "/commands?type=": ("order.create", "order.pay", "stock.adjust", "order.archive"),
        "/commands?status=succeeded&type=": ("order.create", "stock.adjust"),
        "/commands?type=order.pay&status=": ("succeeded", "queued", "cancelled"),
        "/commands?order_id=": (ORDER, NOBODY),
        "/commands?idempotency_key=": ("nobody", "key%2039999", "key%207"),
        "/orders": ("",),
        "/orders?status=": ("paid", "draft", "cancelled", "pending", "confirmed", "picked", "shipped", "delivered"),
        "/orders?workflow=": ("counter", "fulfilment"),
        "/orders?workflow=counter&status=": ("paid", "draft", "cancelled"),
        "/orders?workflow=fulfilment&status=": ("pending", "picked", "delivered"),
        "/orders?archived=": ("any", "true"),
        "/orders?archived=true&status=": ("cancelled", "delivered", "paid"),
        "/orders?archived=any&status=": ("cancelled", "delivered", "picked", "paid"),
        "/orders?archived=any&workflow=": ("counter", "fulfilment"),
        "/orders?customer_id=": (CUSTOMER, NOBODY),
        f"/orders?customer_id={CUSTOMER}&status=": ("paid", "draft", "picked"),
        f"/orders?customer_id={CUSTOMER}&archived=": ("any", "true"),
        "/orders?created_after=": ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        "/orders?created_before=": ("2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        "/orders?created_after=2020-01-01T00:00:00Z&status=": ("paid", "picked"),
        f"/orders/{ORDER}/history": ("",),
        "/products": ("",),
        "/products/ec6ef230-f182-8039-ee79-4566b9c58adc/movements": ("",),
        "/customers": ("",),
        "/customers?is_active=": ("true", "any", "false"),
        "/customers?tax_id=": ("tax%201", "nobody"),
        "/webhooks/endpoints": ("",),
        "/webhooks/deliveries": ("",),
        "/webhooks/deliveries?status=": ("delivered", "pending", "exhausted"),
        "/webhooks/deliveries?event_type=": ("order.paid", "endpoint.disabled"),
        "/webhooks/deliveries?endpoint_id=": (ENDPOINT, NOBODY),
    },
    "shop": {"/commands": ("",), "/commands?status=": STATUSES[1:]},
    "idle": {"/commands": ("",), "/commands?status=": STATUSES, "/commands?type=": ("order.pay", "order.create")},
    "till": {
        "/commands": ("",),
        "/commands?status=": STATUSES,
        "/commands?type=": ("order.create", "order.pay", "stock.adjust"),
        "/commands?type=order.pay&status=": ("succeeded", "queued", "cancelled"),
        "/commands?order_id=": (ORDER, NOBODY),
        "/commands?idempotency_key=": ("nobody", "key%2039999"),
    },
}
"""Path up to a value, and values: the first is asked for most."""

STATEMENTS: dict[str, Callable[[], object]] = {
    "lock ready lanes": lambda: queue.lock_ready_lanes(7, 32),
    "claim": lambda: queue.claim(list(range(32)), 200),
    "claim from one lane": lambda: queue.claim([7], 200),
    "a ready lane": queue.a_ready_lane,
    "lock lanes": lambda: queue.lock_lanes([7, 9]),
    "is it queued": lambda: queue.is_queued(COMMAND),
    "unpark": inbox.unpark,
    "lanes with expired": lambda: db.scalars(ending._EXPIRED_LANES),
    "expire": lambda: db.execute(ending._EXPIRE, ["{}", list(range(64))]),
    "cancel": lambda: db.execute(ending._CANCEL, [COMMAND, ["payment.settle"]]),
    "retry": lambda: db.scalars(inbox._RETRY, [COMMAND, ["poisoned"]]),
    "backlog": lambda: backlog._count(100_000),
    "backlog's age": backlog.state,
    "purge": retention.purge,
    "delete": retention.delete,
    "by id": lambda: commands.by_id(COMMAND),
    "forget events": retention.forget_events,
    "cancel deliveries": deliveries.cancel_left_behind,
    "claim deliveries": lambda: deliveries.claim(200, {}, 100),
    "record deliveries": lambda: deliveries.record([tried(each) for each in claimed()]),
    "record failures": lambda: deliveries.record([tried(each, 410, gone=True) for each in claimed()]),
    "are deliveries due": deliveries.are_due,
    "events to replay": lambda: db.rows(dict, webhooks._EVENTS_SINCE, [ids.first_of(LATELY), LATELY, 1_000]),
    "the dashboard's hour": lambda: dashboard.hour(datetime.now(UTC)),
    "the dashboard's counts": dashboard.counts,
    "the figures": figures.figures,
    "hasten what to ask": lambda: asking.hasten(WAITING, Actor(name="ana", via=ADMIN)),
    "claim what to ask": lambda: asking.claim(10),
    "is anything to ask": asking.is_due,
    "keep an answer": lambda: asking.answered(to_ask(), Answer(is_yes=True, reference="r"), 30),
    "keep that there is none": lambda: asking.unanswered(to_ask(), 30, {"code": "payment-uncertain"}),
    "what asked": lambda: queue.asked([WAITING]),
    "the stream's look": lambda: commands.recently_changed(JUST_NOW, 500, [], [], everything=True),
    "the stream's look for some": lambda: commands.recently_changed(
        JUST_NOW, 500, [uuid.UUID(ORDER)], [client_named("till"), client_named("idle")], everything=False
    ),
    "the stream resumed": lambda: commands.changed_since(JUST_NOW, COMMAND, 500),
    "the stream resumed by a till": lambda: commands.changed_since(JUST_NOW, COMMAND, 500, client_named("idle")),
    "the stream of an order resumed": lambda: commands.changed_since(
        JUST_NOW, COMMAND, 500, client_named("till"), uuid.UUID(ORDER)
    ),
    "by keys": lambda: commands.by_keys(1, [f"key {number}" for number in range(200)]),
}

CONSOLE = (
    *("command/", "command/?dead=yes", "command/?q=key+39999", "command/?q=nobody", f"command/?q={ORDER}"),
    *(f"command/?status={status}" for status in STATUSES),
    *(f"command/?type={type_}" for type_ in ("order.create", "order.pay", "stock.adjust", "order.archive")),
    *(f"command/?client={name}" for name in ("till", "shop", "idle", "nobody")),
    *("command/?client=idle&status=succeeded", "command/?client=till&status=cancelled", "command/?client=idle&p=2"),
    *("command/?status=succeeded&type=stock.adjust", "command/?type=order.pay&status=cancelled"),
    *("command/?age=last:1h", "command/?age=before:7d", "command/?status=queued&age=last:15m", "command/?p=3"),
    *(f"command/{each}/change/" for each in (COMMAND, WAITING)),
    *("order/", "order/?archived=yes", "order/?workflow=fulfilment", f"order/?q={CUSTOMER}", f"order/?q={NOBODY}"),
    *(f"order/?status={status}" for status in ("paid", "draft", "cancelled", "picked")),
    *("order/?archived=yes&status=delivered", "order/?workflow=counter&status=cancelled", f"order/{ORDER}/change/"),
    *("product/", "product/?q=P77", "product/ec6ef230-f182-8039-ee79-4566b9c58adc/change/"),
    *("customer/", "customer/?inactive=yes", "customer/?q=tax+1", "customer/?q=Customer+77", "customer/?q=nobody"),
    f"customer/{CUSTOMER}/change/",
    *("search/?s=key+39999", f"search/?s={NOBODY}"),
)
"""Pages of the console, below `/admin/store/`, and its search."""


@pytest.fixture(scope="module")
def tills(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Till]]:
    """Clients of each kind, and large tables."""
    with django_db_blocker.unblock():
        empty()
        roles = {"till": "pos", "idle": "pos", "shop": "integration", "boss": "manager"}
        registered = {name: Till.register(name, role) for name, role in roles.items()}
        with guards_asleep():
            for statement in FILL:
                execute(statement)
        yield registered
        with guards_asleep():  # dead rows would slow down whatever empties the tables next
            execute(
                "TRUNCATE command, orders, order_line, order_history, stock_movement, customer, product, "
                "provider_request, payment, refund"
            )
        execute("TRUNCATE webhook_endpoint, webhook_event, webhook_delivery, webhook_attempt")
        execute("ANALYZE")
        empty()
        connection.close()


def claimed() -> list[Claimed]:
    """What a courier would be given."""
    found = deliveries.claim(200, {}, 100)
    assert found
    return found


def to_ask() -> Request:
    """What somebody would be given who asks providers."""
    request = asking.claim(10)
    assert request is not None
    return request


def client_named(name: str) -> int:
    """The id of that client."""
    found: int = value("SELECT id FROM client WHERE name = %s", name)
    return found


def check(plans: list[Plan]) -> None:
    """Nothing large has been read from end to end, and no index walked through for the few rows that match."""
    assert plans
    for plan in plans:
        assert not plan.scanned() & LARGE, str(plan)
        assert plan.most_rows(LARGE) <= ROWS_MAX, str(plan)


@pytest.mark.parametrize(("who", "path"), [(who, path) for who, lists in LISTS.items() for path in lists])
def test_a_list_is_read_from_an_index_also_when_it_is_empty(tills: dict[str, Till], who: str, path: str) -> None:
    popular, *others = LISTS[who][path]
    for wanted in [popular] * POPULAR_TIMES + others:
        with watched() as plans:
            answer = tills[who].get(path + wanted)
        assert answer.status == 200, answer
        check(plans)


@pytest.mark.parametrize(
    "path", ["/commands", "/commands?type=order.pay", "/orders", "/orders?status=paid", "/customers"]
)
def test_a_page_in_the_middle_is_found_by_its_cursor_both_ways(tills: dict[str, Till], path: str) -> None:
    link = path
    for way in ("next", "next", "next", "previous"):
        with watched() as plans:
            answer = tills["boss"].get(link)
        assert len(answer.body["results"]) == 50
        check(plans)
        link = answer.body[way]


@pytest.mark.parametrize("who", ["boss", "till", "shop"])
def test_the_last_page_does_not_search_what_is_purged(tills: dict[str, Till], who: str) -> None:
    cursor = base64.urlsafe_b64encode(f'["next","{uuid.UUID(int=20_010)}"]'.encode()).decode()
    with watched() as plans:
        answer = tills[who].get(f"/commands?cursor={cursor}")
    assert answer.body["next"] is None
    check(plans)


@pytest.fixture(scope="module")
def desk(tills: dict[str, Till]) -> Desk:
    """Somebody at the console."""
    return Desk.of("reader", "auditor")


@pytest.mark.parametrize("path", CONSOLE)
def test_a_page_of_the_console_is_read_from_indexes(desk: Desk, path: str) -> None:
    address = path if path.startswith("search/") else f"store/{path}"
    with watched() as plans:
        answer = desk.get(address)
    assert answer.status_code == 200
    check(plans)


@pytest.mark.parametrize("run", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_of_queue_courier_and_retention_is_answered_from_an_index(
    tills: dict[str, Till], run: Callable[[], object]
) -> None:
    for _ in range(POPULAR_TIMES):
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined] # a durable transaction may be nested in it
        with watched() as plans, around:
            run()
            transaction.set_rollback(True)
        check(plans)


def test_what_is_to_be_asked_is_looked_for_among_what_is_open_alone(tills: dict[str, Till]) -> None:
    with watched() as plans:
        asking.claim(10)
        asking.is_due()
    assert len(plans) == 2
    for plan in plans:
        requests = [node for node in plan.nodes if node.get("Relation Name") == "provider_request"]
        assert "Seq Scan" not in {node["Node Type"] for node in requests}, str(plan)
        read = {index for node in plan.nodes if (index := node.get("Index Name", "")).startswith("provider_request")}
        assert read - {"provider_request_pkey"} == {"provider_request_due"}, str(plan)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM provider_request WHERE settled_at IS NULL",
        "SELECT * FROM orders ORDER BY updated_at LIMIT 50",
        "SELECT * FROM orders WHERE note = 'x' ORDER BY created_at LIMIT 50",
        "SELECT * FROM command WHERE traceparent = 'x' AND purged_at IS NULL ORDER BY id LIMIT 50",
    ],
)
def test_the_check_sees_what_no_index_answers(tills: dict[str, Till], sql: LiteralString) -> None:
    with watched() as plans:
        execute(sql)
    with pytest.raises(AssertionError):
        check(plans)
