"""The inbox and the lanes: a number for ever, the order of acceptance, marks that outlive their worker."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from store import attempts, commands, inbox, queue
from store.inbox import Submission
from store.models import Attempt, Client, Command
from tests.till import Till, entry, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"

NOW = datetime.now(UTC)

LANE_NUMBERS = [
    ("TEA", 1, 0),
    ("TEA", 64, 20),
    ("TEA", 1024, 84),
    (ORDER_ID, 64, 24),
    (ORDER_ID, 1024, 216),
    ("00000000-0000-0000-0000-000000000000", 64, 20),
    ("Ä", 64, 61),
]


@pytest.mark.parametrize(("lane_of", "lanes", "number"), LANE_NUMBERS)
def test_a_lane_number_is_the_same_for_ever(lane_of: str, lanes: int, number: int) -> None:
    assert inbox.lane_number(lane_of, lanes) == number


def test_lanes_share_the_orders_evenly() -> None:
    numbers = [inbox.lane_number(str(uuid.UUID(int=number)), 64) for number in range(6_400)]
    assert set(numbers) == set(range(64))
    assert max(numbers.count(lane) for lane in range(64)) < 160


def test_commands_of_one_order_share_a_lane_in_whatever_case_its_id_is_written(pos: Till) -> None:
    pos.batch(
        entry("order.create", order_id=ORDER_ID),
        entry("order.cancel_draft", order_id=ORDER_ID.upper()),
        entry("order.pay", {"method": "cash"}, order_id=ORDER_ID),
    )
    assert Command.objects.values_list("lane", flat=True).distinct().count() == 1


def test_an_order_whose_id_the_server_chose_has_the_lane_of_that_id(pos: Till) -> None:
    order_id = pos.submit("order.create").body["order_id"]
    pos.submit("order.cancel_draft", order_id=order_id)
    assert len(set(Command.objects.values_list("lane", flat=True))) == 1


def test_commands_of_one_product_share_a_lane(manager: Till) -> None:
    manager.batch(*(entry("stock.receive", {"sku": "TEA", "qty": number}) for number in (1, 2)))
    manager.submit("stock.adjust", {"sku": "TEA", "delta": -1, "reason": "x"})
    assert len(set(Command.objects.values_list("lane", flat=True))) == 1


def test_what_is_accepted_is_known_as_it_would_be_read_back(pos: Till) -> None:
    pos.submit("order.create")
    least = Submission(
        id=uuid7(),
        client_id=Client.objects.get().id,
        idempotency_key="least",
        body_hash=bytes(32),
        type="order.create",
        order_id=None,
        lane_of="TEA",
        payload={},
    )
    most = replace(
        least,
        id=uuid7(),
        idempotency_key="most",
        order_id=uuid7(),
        expected_version=3,
        expires_at=NOW + timedelta(days=3, microseconds=1),
        not_before=NOW + timedelta(days=2),
        occurred_at=NOW,
        device_sequence=7,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        request_id="asked-1",
    )
    for row in inbox.accept([least, most], settings.LANES).values():
        assert row == commands.by_id(row.id)


def test_a_batch_is_queued_in_its_own_order(pos: Till) -> None:
    pos.batch(*(entry("order.create", key=f"a{number}") for number in range(100)))
    pos.submit("order.create", key="alone")
    pos.batch(entry("order.create", key="alone"), *(entry("order.create", key=f"b{number}") for number in range(100)))
    keys = list(Command.objects.order_by("seq").values_list("idempotency_key", flat=True))
    assert keys == [*(f"a{number}" for number in range(100)), "alone", *(f"b{number}" for number in range(100))]
    ids = list(Command.objects.order_by("seq").values_list("id", flat=True))
    assert all(first < second for first, second in pairwise(ids))


def test_a_command_for_later_is_parked_and_one_for_now_is_not(pos: Till) -> None:
    pos.submit("order.create", key="later", not_before="2099-01-01T00:00:00Z")
    pos.submit("order.create", key="now", not_before="2020-01-01T00:00:00Z")
    assert dict(Command.objects.values_list("idempotency_key", "parked")) == {"later": True, "now": False}
    assert run_drain().commands == 1


def claim_all() -> list[queue.Claimed]:
    return queue.claim(queue.lock_ready_lanes(0, 200), 200)


def test_a_mark_survives_the_transaction_that_it_is_about(pos: Till) -> None:
    pos.submit("order.create")
    run = uuid.uuid4()
    with transaction.atomic():
        attempts.begin(run, claim_all())
        transaction.set_rollback(True)
    command = Command.objects.get()
    assert list(Attempt.objects.values_list("lane", "run", "seqs")) == [(command.lane, run, [command.seq])]


def test_a_mark_goes_with_the_transaction_that_ends_it(pos: Till) -> None:
    pos.submit("order.create")
    run = uuid.uuid4()
    for rolled_back, left in ((True, 1), (False, 0)):
        with transaction.atomic():
            claimed = claim_all()
            if rolled_back:
                attempts.begin(run, claimed)
            attempts.end(run, claimed)
            transaction.set_rollback(rolled_back)
        assert Attempt.objects.count() == left


def test_a_forgiven_mark_is_gone(pos: Till) -> None:
    pos.submit("order.create")
    run = uuid.uuid4()
    with transaction.atomic():
        attempts.begin(run, claim_all())
    attempts.forgive(run)
    assert not Attempt.objects.exists()


def test_a_mark_that_is_left_is_a_death_of_each_command_that_it_names(pos: Till) -> None:
    pos.batch(*(entry("order.create", order_id=ORDER_ID) for _ in range(2)))
    with transaction.atomic():
        both = claim_all()
        assert [(command.deaths, command.deaths_alone) for command in both] == [(0, 0), (0, 0)]
        attempts.begin(uuid.uuid4(), both)
    with transaction.atomic():
        (first,) = claim_all()
        assert (first.id, first.deaths, first.deaths_alone) == (both[0].id, 1, 0)
        attempts.begin(uuid.uuid4(), [first])
    with transaction.atomic():
        (again,) = claim_all()
        assert (again.id, again.deaths, again.deaths_alone) == (both[0].id, 2, 1)


def test_the_marks_of_the_dead_go_when_all_they_name_has_ended(pos: Till) -> None:
    pos.batch(*(entry("order.create", order_id=ORDER_ID) for _ in range(3)))
    with transaction.atomic():
        attempts.begin(uuid.uuid4(), claim_all())
    assert run_drain().commands == 3
    assert not Attempt.objects.exists()
    assert list(Command.objects.order_by("seq").values_list("attempts", flat=True)) == [2, 2, 2]


def test_lanes_that_another_worker_holds_are_left_to_it(pos: Till) -> None:
    pos.submit("order.create")
    lane = Command.objects.get().lane
    with transaction.atomic():
        queue.lock_lanes([lane])
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT id FROM lane WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", [lane])
                assert cursor.fetchall() == []
        finally:
            other.close()
