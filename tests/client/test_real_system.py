"""Every call of the client against a real system."""

import asyncio
import inspect
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from orderly_client import (
    AsyncOrderly,
    Command,
    CommandFailedError,
    ConflictError,
    Draft,
    ExpiredError,
    ForbiddenError,
    InvalidRequestError,
    KeyReusedError,
    NotFoundError,
    OfflineQueue,
    Order,
    Orderly,
    Problem,
    UnauthenticatedError,
    drafts,
)
from orderly_client.conversation import Answer
from tests.client.conftest import Shop
from tests.client.standin import Asked, standing_in
from tests.polling import until


def test_an_order_from_draft_to_paid(shop: Shop, till: Orderly) -> None:
    tea, mug = shop.sku("1.50"), shop.sku("12.00")
    created = till.create_order(items={tea: 2}, note="window seat").raise_for_failure()
    assert created.order_id
    till.add_items(created.order_id, {mug: 2, tea: 1}, expected_version=1).raise_for_failure()
    till.remove_item(created.order_id, mug, qty=1).raise_for_failure()
    order = till.get_order(created.order_id)
    assert [(item.sku, item.qty, item.unit_price) for item in order.items] == [
        (tea, 3, Decimal("1.50")),
        (mug, 1, Decimal("12.00")),
    ]
    assert (order.total, order.currency, order.note, order.version) == (Decimal("16.50"), "EUR", "window seat", 3)
    paid = till.pay(order.id, method="cash", amount=order.total, tendered=Decimal("20"), device_sequence=5)
    assert paid.order
    assert paid.payment
    assert (paid.order.status, paid.payment.amount, paid.payment.change) == ("paid", Decimal("16.50"), Decimal("3.50"))
    assert (paid.device_sequence, paid.client) == (5, "client-pos")
    seen = till.get_command(paid.id)
    assert (seen, seen.shown) == (paid, paid.shown)
    assert till.wait(str(paid.id)) == paid


def test_a_failed_command_is_a_value_until_the_caller_asks(shop: Shop, till: Orderly) -> None:
    sku = shop.sku(stock=1)
    created = till.create_order(items={sku: 3}).raise_for_failure()
    assert created.order_id
    failed = till.pay(created.order_id, method="card")
    assert failed.error
    assert (failed.status, failed.error.code, failed.order) == ("failed", "insufficient-stock", None)
    assert failed.error.extra["shortages"][0]["wanted"] == 3
    with pytest.raises(CommandFailedError, match="insufficient-stock") as raised:
        failed.raise_for_failure()
    assert (raised.value.code, raised.value.command) == ("insufficient-stock", failed)
    assert till.cancel_draft(created.order_id, reason="no stock").succeeded


def test_an_order_is_paid_online_and_refunded_by_lines_by_amount_and_altogether(shop: Shop, till: Orderly) -> None:
    sku = shop.sku("2.00", stock=10)
    created = till.create_order(items={sku: 5}).raise_for_failure()
    assert created.order_id
    paid = till.pay_online(created.order_id, "approve", amount="10.00").raise_for_failure()
    assert paid.order
    assert paid.payment
    assert (paid.order.status, paid.payment.method, paid.payment.amount) == ("paid", "online", Decimal("10.00"))
    with Orderly(shop.url, shop.manager) as manager:
        manager.refund(created.order_id, reason="broken", items={sku: 1}).raise_for_failure()
        manager.refund(created.order_id, reason="late", amount=Decimal("0.50")).raise_for_failure()
        order = manager.get_order(created.order_id)
        assert (order.paid_total, order.refunded_total) == (Decimal("10.00"), Decimal("2.50"))
        too_much = manager.refund(created.order_id, reason="generous", amount="7.51")
        assert (too_much.error and too_much.error.code) == "refund-exceeds-payment"
        manager.refund(created.order_id, reason="never mind", restock=False).raise_for_failure()
        order = manager.get_order(created.order_id)
    assert (order.refunded_total, order.status, order.payment_pending) == (Decimal("10.00"), "paid", False)


def test_a_declined_payment_is_a_value_and_the_draft_may_be_paid_otherwise(shop: Shop, till: Orderly) -> None:
    created = till.create_order(items={shop.sku(): 1}).raise_for_failure()
    assert created.order_id
    declined = till.pay_online(created.order_id, "decline")
    assert declined.error
    assert (declined.status, declined.error.code, declined.is_uncertain) == ("failed", "payment-declined", False)
    assert till.get_order(created.order_id).status == "draft"
    assert till.pay(created.order_id, method="card").succeeded


def test_a_payment_without_an_answer_is_waited_for_until_it_is_known(shop: Shop, till: Orderly) -> None:
    created = till.create_order(items={shop.sku(): 1}).raise_for_failure()
    assert created.order_id
    with _nobody_asks(shop):
        paid = till.send(drafts.pay_online(created.order_id, "answer_after_giving_up"), wait_seconds=0)
        waiting = until(lambda: _pending(till, created.order_id), "the provider is to be asked")
        assert (waiting.status, waiting.paid_total) == ("draft", Decimal("0.00"))
        frozen = till.cancel_draft(created.order_id)
        assert (frozen.error and frozen.error.code) == "order-frozen"
        assert not till.wait(paid, timeout_seconds=0.2).is_final
    assert till.wait(paid).succeeded


@contextmanager
def _nobody_asks(shop: Shop) -> Iterator[None]:
    [process] = shop.system.processes("payments@")
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def _pending(till: Orderly, order_id: uuid.UUID | None) -> Order | None:
    assert order_id
    order = till.get_order(order_id)
    return order if order.payment_pending else None


def test_what_managers_do(shop: Shop) -> None:
    sku = shop.sku("2.00", stock=10)
    with Orderly(shop.url, shop.manager) as manager:
        product = next(each for each in manager.list_products() if each.sku == sku)
        assert manager.get_product(product.id) == product
        assert (product.price, product.available) == (Decimal("2.00"), 10)
        stock = manager.adjust_stock(product.id, -4, reason="broken").raise_for_failure().product
        assert stock
        assert (stock.id, stock.on_hand) == (product.id, 6)
        created = manager.create_order(items={product.id: 2}, workflow="fulfilment").raise_for_failure()
        assert created.order_id
        manager.change_status(created.order_id, "confirmed", note="by phone").raise_for_failure()
        manager.cancel(created.order_id, reason="changed their mind").raise_for_failure()
        manager.archive(created.order_id).raise_for_failure()
        assert manager.get_order(created.order_id).archived


def test_commands_of_types_unknown_to_this_version_are_submitted_by_name(till: Orderly) -> None:
    created = till.submit("order.create", {"currency": "EUR"}, order_id=uuid.uuid4())
    assert created.succeeded
    with pytest.raises(InvalidRequestError) as refused:
        till.submit("order.juggle")
    assert [(fault.place, fault.code) for fault in refused.value.errors] == [("/type", "unknown-type")]


def test_every_refusal_has_its_error(shop: Shop, till: Orderly) -> None:
    with pytest.raises(NotFoundError) as unknown:
        till.get_order(uuid.uuid4())
    assert (unknown.value.status, unknown.value.code) == (404, "not-found")
    with pytest.raises(ForbiddenError):
        till.cancel(uuid.uuid4())
    with pytest.raises(ExpiredError):
        till.create_order(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    created = till.create_order(idempotency_key=(key := drafts.new_key()))
    with pytest.raises(KeyReusedError) as reused:
        till.create_order(note="another", idempotency_key=key)
    assert reused.value.idempotency_key == key
    with pytest.raises(ConflictError):
        till.cancel_command(created.id)
    with pytest.raises(InvalidRequestError) as invalid:
        till.create_order(items={"": 0})
    assert {fault.place for fault in invalid.value.errors} == {"/payload/items/0/sku", "/payload/items/0/qty"}
    assert "/payload/items/0/qty" in str(invalid.value)
    with Orderly(shop.url, "nobody.knows") as stranger, pytest.raises(UnauthenticatedError):
        stranger.create_order()


def test_a_command_for_later_can_be_taken_back(till: Orderly) -> None:
    later = till.send(drafts.create_order(not_before=datetime.now(UTC) + timedelta(hours=1)), wait_seconds=0)
    assert till.wait(later, timeout_seconds=0.2).status == "queued"
    assert till.cancel_command(later.id).status == "cancelled"
    assert till.cancel_command(str(later.id)).is_final


def test_a_command_is_waited_for_by_looking_again_where_nobody_hears_that_one_would_wait(shop: Shop) -> None:
    def pass_on_all_but_that(asked: Asked) -> Answer:
        headers = {name: text for name, text in asked.headers.items() if name != "prefer"}
        answer = httpx.request(asked.method, f"{shop.url}{asked.path}", content=asked.body, headers=headers, timeout=30)
        kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
        return Answer(status=answer.status_code, headers=kept, body=answer.content)

    soon = datetime.now(UTC) + timedelta(seconds=2)
    with standing_in(pass_on_all_but_that) as proxy, Orderly(proxy.url, shop.pos, wait_seconds=30) as till:
        created = till.create_order(not_before=soon)
    assert created.succeeded
    assert {each.headers["prefer"].partition("=")[0] for each in proxy.asked} == {"wait"}
    assert proxy.paths()[0] == "POST /api/v1/commands"
    assert set(proxy.paths()[1:]) == {f"GET /api/v1/commands/{created.id}"}


def test_many_commands_have_their_outcomes_in_their_order(shop: Shop, till: Orderly) -> None:
    sku, order_id = shop.sku(), uuid.uuid4()
    sale = [
        drafts.create_order(order_id=order_id, items={sku: 1}),
        Draft(type="order.juggle", order_id=order_id),
        drafts.pay(order_id, method="card"),
    ]
    first, second, third = till.submit_many(sale)
    assert isinstance(first, Command)
    assert isinstance(second, Problem)
    assert (second.status, second.code) == (400, "invalid-request")
    assert isinstance(third, Command)
    assert till.wait(third).succeeded
    again = till.submit_many(sale)
    assert [isinstance(each, Command) and each.replayed for each in again] == [True, False, True]


def test_what_the_server_refuses_is_moved_aside_and_the_rest_goes_on(
    shop: Shop, till: Orderly, queue: OfflineQueue
) -> None:
    sku = shop.sku("3.00")
    order_id = queue.enqueue(drafts.create_order(items={sku: 1})).order_id
    assert order_id
    bad = queue.enqueue(drafts.add_items(order_id, {sku: 0}))
    queue.enqueue(drafts.pay(order_id, method="cash", amount="3.00"))
    flushed = queue.flush(till)
    assert (flushed.accepted, flushed.rejected, flushed.left) == (2, 1, 0)
    [rejected] = queue.rejected()
    assert (rejected.sequence, rejected.problem.code) == (bad.sequence, "invalid-request")
    assert [fault.place for fault in rejected.problem.errors] == ["/payload/items/0/qty"]
    assert rejected.body["device_sequence"] == bad.sequence
    assert [till.wait(each.command).status for each in queue.accepted()] == ["succeeded", "succeeded"]


def test_nothing_leaves_the_queue_for_a_wrong_key(shop: Shop, queue: OfflineQueue) -> None:
    queue.enqueue(drafts.create_order())
    with Orderly(shop.url, "nobody.knows") as stranger, pytest.raises(UnauthenticatedError):
        queue.flush(stranger)
    assert (len(queue), queue.rejected()) == (1, [])


def test_the_asynchronous_client_has_the_same_calls(shop: Shop) -> None:
    public = {name for name in dir(Orderly) if not name.startswith("_")}
    assert public == {name for name in dir(AsyncOrderly) if not name.startswith("_")}
    for name in public - {"pace"}:
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (Orderly, AsyncOrderly))
        assert list(map(str, ours.parameters.values())) == list(map(str, theirs.parameters.values())), name
    sku = shop.sku()

    async def sell() -> None:
        async with AsyncOrderly(shop.url, shop.pos) as till:
            created = (await till.create_order(items={sku: 2})).raise_for_failure()
            assert created.order_id
            order = await till.get_order(created.order_id)
            paid = (await till.pay(order.id, method="card", amount=order.total)).raise_for_failure()
            assert await till.get_command(paid.id) == await till.wait(paid.id) == paid
            assert sku in {product.sku for product in await till.list_products()}
            assert [type(each) for each in await till.submit_many([drafts.create_order()])] == [Command]
            with pytest.raises(ConflictError):
                await till.cancel_command(paid.id)

    asyncio.run(sell())
