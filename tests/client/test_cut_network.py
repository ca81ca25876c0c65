"""A network that breaks anywhere: what a till asked for happens once, and in its order."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderly_client import (
    AsyncOrderly,
    Command,
    Draft,
    Flushed,
    OfflineQueue,
    Orderly,
    Retries,
    UnreachableError,
    drafts,
)
from tests import invariants
from tests.client.conftest import Shop
from tests.client.cutting import Cut, CuttingProxy, spread
from tests.polling import until

CUTS = tuple(Cut)
QUICK = Retries(attempts_max=10, delay_seconds_first=0.02, delay_seconds_max=0.2)


def impatient(network: CuttingProxy, shop: Shop, retries: Retries = QUICK) -> Orderly:
    """A till that soon takes silence for a lost connection."""
    return Orderly(network.url, shop.pos, wait_seconds=0, timeout_seconds=1.0, retries=retries)


def sales(sku: str, orders: int) -> list[Draft]:
    """Orders that are created, filled and paid, without waiting for anything."""
    made: list[Draft] = []
    for number in range(orders):
        order_id = uuid.uuid4()
        made += [
            drafts.create_order(order_id=order_id, note=str(number)),
            drafts.add_items(order_id, {sku: 1 + number % 3}),
            drafts.pay(order_id, method="cash", tendered="10.00"),
        ]
    return made


def check_paid_once(shop: Shop, made: list[Draft]) -> None:
    """Each order of these is paid by one payment, and there is one command for each draft, executed in their order."""
    orders = sorted({str(draft.order_id) for draft in made})
    commands = "SELECT id, status, idempotency_key FROM command WHERE order_id = ANY (%s) ORDER BY seq"
    until(lambda: all(row[1] != "queued" for row in shop.rows(commands, orders)), "all have ended")
    found = shop.rows(commands, orders)
    assert {row[1] for row in found} == {"succeeded"}
    assert sorted(row[2] for row in found) == sorted(draft.idempotency_key for draft in made)
    paid = "SELECT order_id::text, amount > 0 FROM payment WHERE order_id = ANY (%s) AND status = 'captured' ORDER BY 1"
    assert shop.rows(paid, orders) == [(order_id, True) for order_id in orders]
    with shop.system.connect() as connection:
        invariants.check(connection, [row[0] for row in found])


@pytest.mark.parametrize("cut", CUTS)
def test_a_payment_is_made_once_whatever_is_lost(shop: Shop, network: CuttingProxy, cut: Cut) -> None:
    create, fill, pay = sales(shop.sku(), 1)
    network.will()
    with impatient(network, shop) as till:
        till.send(create)
        till.send(fill)
        network.will(cut, cut)
        paid = till.wait(till.send(pay))
    assert network.suffered == [cut, cut]
    assert paid.succeeded
    # Only what was carried out before its answer was lost comes back as a replay.
    assert paid.replayed == (cut in {Cut.ANSWER_LOST, Cut.HALF_ANSWER})
    check_paid_once(shop, [create, fill, pay])


def test_a_wait_goes_on_when_its_connection_breaks(shop: Shop, network: CuttingProxy) -> None:
    network.will()
    with impatient(network, shop) as till:
        command = till.create_order(not_before=datetime.now(UTC) + timedelta(seconds=0.5))
        network.will(Cut.BEFORE, Cut.ANSWER_LOST)
        assert till.wait(command, timeout_seconds=30).succeeded
    assert network.suffered == [Cut.BEFORE, Cut.ANSWER_LOST]


@pytest.mark.parametrize(("key", "received"), [("the same", 7), ("a new one", 14)])
def test_what_gave_up_is_safe_to_send_again_under_its_key_and_under_no_other(
    shop: Shop, network: CuttingProxy, key: str, received: int
) -> None:
    """The second row is the control: without its key, the repetition counts twice."""
    sku = shop.sku(stock=1)
    network.will(Cut.ANSWER_LOST)
    with Orderly(network.url, shop.manager, retries=Retries(attempts_max=1)) as manager:
        with pytest.raises(UnreachableError) as lost:
            manager.receive_stock(sku, 7)
        assert lost.value.idempotency_key
        again = lost.value.idempotency_key if key == "the same" else drafts.new_key()
        product = manager.receive_stock(sku, 7, idempotency_key=again).raise_for_failure().product
    assert network.suffered == [Cut.ANSWER_LOST]
    query = "SELECT count(*) FROM command WHERE payload ->> 'sku' = %s AND status = 'queued'"
    until(lambda: shop.rows(query, sku) == [(0,)], "all have ended")
    assert shop.rows("SELECT on_hand FROM product WHERE sku = %s", sku) == [(1 + received,)]
    assert product


def test_three_hundred_offline_commands_survive_ten_cuts(shop: Shop, network: CuttingProxy, path: Path) -> None:
    made = sales(shop.sku(), 100)
    with OfflineQueue(path) as queue:
        for draft in made:
            queue.enqueue(draft)
    # Four in a row are more than one flush puts up with; the other six are each between two requests that go well.
    cuts = [Cut.BEFORE, Cut.ANSWER_LOST, Cut.HALF_ANSWER, Cut.HALF_REQUEST, *spread([*CUTS, Cut.ANSWER_LOST])]
    network.will(None, *cuts)
    flushes: list[Flushed] = []

    def flush() -> bool:
        with (  # each with a new queue and a new client, as a till that was switched off and on
            OfflineQueue(path) as queue,
            impatient(network, shop, Retries(attempts_max=4, delay_seconds_first=0.02)) as till,
        ):
            flushes.append(queue.flush(till, batch_max=20))
            return flushes[-1].left == 0

    until(flush, "everything is uploaded")
    assert len(network.suffered) == 10
    assert any(isinstance(each.stopped_by, UnreachableError) for each in flushes)
    assert sum(each.accepted for each in flushes) == len(made)
    check_paid_once(shop, made)
    with OfflineQueue(path) as queue:
        keys = [each.command.idempotency_key for each in queue.accepted()]
        assert keys == [draft.idempotency_key for draft in made]
        assert queue.rejected() == []
    query = "SELECT device_sequence, occurred_at IS NOT NULL FROM command WHERE idempotency_key = ANY (%s) ORDER BY seq"
    assert shop.rows(query, keys) == [(number, True) for number in range(1, 301)]


def test_a_till_that_dies_between_an_answer_and_its_storing_sends_again_and_has_one_effect(
    shop: Shop, till: Orderly, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        """Nothing gets done after it."""

    def die(self: OfflineQueue, outcomes: object) -> None:
        raise PowerCut

    made = sales(shop.sku(), 2)
    with OfflineQueue(path) as queue:
        queue.enqueue_all(made)
        with monkeypatch.context() as patch:
            patch.setattr(OfflineQueue, "_settle", die)
            with pytest.raises(PowerCut):
                queue.flush(till)
    keys = [draft.idempotency_key for draft in made]
    assert shop.rows("SELECT count(*) FROM command WHERE idempotency_key = ANY (%s)", keys) == [(6,)]
    with OfflineQueue(path) as queue:
        assert len(queue) == 6
        assert queue.flush(till) == Flushed(accepted=6)
    check_paid_once(shop, made)


def test_the_network_may_be_away_altogether(shop: Shop, network: CuttingProxy, queue: OfflineQueue) -> None:
    made = sales(shop.sku(), 1)
    queue.enqueue_all(made)
    network.will()
    network.go_away()
    try:
        with impatient(network, shop, Retries(attempts_max=2, delay_seconds_first=0.02)) as till:
            away = queue.flush(till)
            assert (away.accepted, away.left) == (0, 3)
            assert isinstance(away.stopped_by, UnreachableError)
            network.come_back()
            assert queue.flush(till) == Flushed(accepted=3)
    finally:
        network.go_away()
        network.come_back()
    check_paid_once(shop, made)


def test_the_asynchronous_client_survives_the_same(shop: Shop, network: CuttingProxy, queue: OfflineQueue) -> None:
    online, offline = sales(shop.sku(), 6), sales(shop.sku(), 4)
    queue.enqueue_all(offline)
    network.will(*spread([*CUTS, *CUTS]))

    async def sell(till: AsyncOrderly, sale: list[Draft]) -> list[Command]:
        return [await till.send(draft) for draft in sale]

    async def sell_everything() -> Flushed:
        async with AsyncOrderly(network.url, shop.pos, wait_seconds=0, timeout_seconds=1.0, retries=QUICK) as till:
            trades = [sell(till, online[first : first + 3]) for first in range(0, len(online), 3)]
            sold = await asyncio.gather(*trades)
            assert [(await till.wait(sale[-1])).succeeded for sale in sold] == [True] * 6
            return await queue.flush_async(till, batch_max=5)

    assert asyncio.run(sell_everything()) == Flushed(accepted=12)
    assert sorted(network.suffered, key=str) == sorted([*CUTS, *CUTS], key=str)
    check_paid_once(shop, online + offline)
