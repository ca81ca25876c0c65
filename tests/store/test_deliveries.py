"""Deliveries: leased fairly, in order where order is wanted, and whatever came of them written down once."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from store import deliveries, rendering, webhooks
from store.deliveries import ASIDE_SECONDS, LEASE_SECONDS, LOOK_MAX
from store.models import Delivery, DeliveryAttempt, Endpoint, Event
from tests.store.plans import watched
from tests.store.shop import execute
from tests.webhooks import claim, deliver, endpoint, fail_since, statuses, tried

pytestmark = pytest.mark.usefixtures("database")


def row(delivery: Delivery) -> Delivery:
    return Delivery.objects.get(id=delivery.id)


def seconds_away(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - datetime.now(UTC)).total_seconds()


def test_a_claimed_delivery_has_all_that_a_send_needs() -> None:
    to = endpoint(previous_secret=b"old", previous_secret_until=Now() + timedelta(hours=1))
    [made] = deliver(to)
    [claimed] = claim()
    assert (claimed.id, claimed.endpoint_id, claimed.event_id) == (made.id, to.id, made.event_id)
    assert (claimed.event_type, claimed.sequence, claimed.data["number"]) == ("order.paid", None, 0)
    assert (claimed.url, claimed.secret, claimed.previous_secret) == (to.url, to.secret, b"old")
    assert claimed.occurred_at == Event.objects.get().occurred_at
    assert abs(seconds_away(claimed.now)) < 5


def test_a_previous_secret_no_longer_signs_after_its_time() -> None:
    deliver(endpoint(previous_secret=b"old", previous_secret_until=Now() - timedelta(seconds=1)))
    assert claim()[0].previous_secret is None


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_ends() -> None:
    [made] = deliver(endpoint())
    [claimed] = claim()
    assert claim() == []
    assert not deliveries.are_due()
    assert LEASE_SECONDS - 5 < seconds_away(row(made).leased_until) <= LEASE_SECONDS
    past = datetime.now(UTC) - timedelta(seconds=1)
    Delivery.objects.update(leased_until=past, next_attempt_at=past)
    assert deliveries.are_due()
    assert [each.event_id for each in claim()] == [claimed.event_id]


def test_a_delivery_that_is_asked_for_again_while_it_is_sent_waits_for_the_lease() -> None:
    deliver(endpoint())
    claim()
    Delivery.objects.update(next_attempt_at=Now())
    assert claim() == []
    assert not deliveries.are_due()


def test_only_what_is_pending_and_due_is_claimed() -> None:
    to = endpoint()
    [due] = deliver(to)
    deliver(to, next_attempt_at=Now() + timedelta(seconds=60))
    for status in ("delivered", "exhausted", "cancelled"):
        deliver(to, status=status, next_attempt_at=None)
    deliver(endpoint(deleted_at=Now()))
    assert [each.id for each in claim()] == [due.id]


def test_what_is_pending_for_an_endpoint_at_rest_was_asked_for_and_is_sent() -> None:
    assert len(deliver(endpoint(is_active=False))) == len(claim())


def test_endpoints_take_turns_and_a_long_row_at_one_delays_none() -> None:
    crowded, lonely = endpoint(), endpoint()
    deliver(crowded, 100, next_attempt_at=Now() - timedelta(hours=1))
    deliver(lonely)
    assert {each.endpoint_id for each in claim(total=2)} == {crowded.id, lonely.id}


def test_an_endpoint_gets_what_it_has_room_for_the_longest_due_first() -> None:
    full, small, new = endpoint(), endpoint(), endpoint()
    for to in (full, small, new):
        deliver(to, 10)
    old = deliver(small, 2, next_attempt_at=Now() - timedelta(hours=1))
    claimed = deliveries.claim(100, {full.id: 0, small.id: 2}, 3)
    assert {each.id for each in claimed if each.endpoint_id == small.id} == {each.id for each in old}
    assert sorted(str(each.endpoint_id) for each in claimed) == sorted([str(small.id)] * 2 + [str(new.id)] * 3)


def test_a_look_reads_a_few_rows_of_an_endpoint_however_many_wait() -> None:
    crowded, ordered = endpoint(), endpoint(ordered=True)
    deliver(crowded, 10_000)
    deliver(ordered, 10_000, order_id=uuid.uuid4())
    execute("ANALYZE webhook_delivery, webhook_event")  # as autovacuum does; else the planner takes them for empty
    for _ in range(8):
        with watched() as plans:
            deliveries.claim(10, {}, 5)
        for plan in plans:
            assert plan.most_rows({"webhook_delivery", "webhook_event"}) <= 3 * LOOK_MAX, str(plan)


def test_of_one_order_one_delivery_at_a_time_is_claimed_in_sequence() -> None:
    to, order_id = endpoint(ordered=True), uuid.uuid4()
    made = deliver(to, 4, order_id=order_id)
    others = [deliver(to, order_id=uuid.uuid4())[0] for _ in range(3)]
    sequences = []
    first = claim()
    assert {each.id for each in first} == {made[0].id, *(each.id for each in others)}
    claimed = [each for each in first if each.order_id == order_id]
    while claimed:
        sequences += [each.sequence for each in claimed]
        assert claim() == []
        deliveries.record([tried(each) for each in claimed])
        claimed = claim()
    assert sequences == [1, 2, 3, 4]


def test_a_failed_delivery_holds_back_its_order_until_it_has_ended() -> None:
    to = endpoint(ordered=True)
    made = deliver(to, 2, order_id=uuid.uuid4())
    [first] = claim()
    deliveries.record([tried(first, 500, delay_seconds=60.0)])
    assert claim() == []
    assert seconds_away(row(made[1]).next_attempt_at) > ASIDE_SECONDS - 30
    Delivery.objects.filter(id=first.id).update(next_attempt_at=Now())
    [first] = claim()
    deliveries.record([tried(first, 500, end="exhausted")])
    assert [each.id for each in claim()] == [made[1].id]


def test_many_that_wait_for_others_hide_nothing_behind_them() -> None:
    to, stuck = endpoint(ordered=True), uuid.uuid4()
    deliver(to, 3 * LOOK_MAX, order_id=stuck, next_attempt_at=Now() - timedelta(hours=1))
    claim()
    [free] = deliver(to, order_id=uuid.uuid4())
    looks = [claim() for _ in range(5)]
    assert [each.id for look in looks for each in look] == [free.id]


def test_order_is_nobodys_business_where_it_is_not_wanted() -> None:
    assert len(deliver(endpoint(), 4, order_id=uuid.uuid4())) == len(claim())


def test_a_success_is_written_down() -> None:
    to = endpoint()
    [made] = deliver(to)
    [claimed] = claim()
    deliveries.record([tried(claimed, 204, body="", duration_ms=17)])
    done = row(made)
    assert (done.status, done.attempts_made, done.next_attempt_at, done.leased_until) == ("delivered", 1, None, None)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.delivery_id, attempt.at, attempt.duration_ms) == (made.id, claimed.now, 17)
    assert (attempt.status, attempt.error, attempt.body) == (204, None, "")


def test_a_failure_is_tried_again_after_its_delay() -> None:
    [made] = deliver(endpoint())
    deliveries.record([tried(claim()[0], None, error="No answer.", body=None, delay_seconds=100.0)])
    done = row(made)
    assert (done.status, done.attempts_made, done.leased_until) == ("pending", 1, None)
    assert 90 < seconds_away(done.next_attempt_at) <= 100
    assert DeliveryAttempt.objects.get().error == "No answer."


def test_the_last_failure_exhausts_the_delivery() -> None:
    [made] = deliver(endpoint(), attempts_made=7)
    deliveries.record([tried(claim()[0], 500, end="exhausted")])
    assert (row(made).status, row(made).attempts_made, row(made).next_attempt_at) == ("exhausted", 8, None)


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"status": "cancelled", "next_attempt_at": None, "leased_until": None},
        {"leased_until": Now() + timedelta(hours=1)},
    ],
)
def test_what_was_cancelled_or_leased_anew_meanwhile_is_only_told_of(meanwhile: dict[str, Any]) -> None:
    [made] = deliver(endpoint())
    [claimed] = claim()
    Delivery.objects.update(**meanwhile)
    before = row(made)
    deliveries.record([tried(claimed)])
    after = row(made)
    assert (after.status, after.leased_until, after.attempts_made) == (before.status, before.leased_until, 0)
    assert DeliveryAttempt.objects.count() == 1


@pytest.mark.parametrize(("status", "end", "then"), [(200, "delivered", "delivered"), (500, "exhausted", "pending")])
def test_what_was_started_afresh_meanwhile_may_succeed_and_does_not_fail(status: int, end: str, then: str) -> None:
    [made] = deliver(endpoint(), attempts_made=7)
    [claimed] = claim()
    Delivery.objects.update(attempts_made=0, next_attempt_at=Now())
    deliveries.record([tried(claimed, status, end=end)])
    assert row(made).status == then


def test_a_try_recorded_twice_or_without_its_delivery_harms_nobody() -> None:
    to = endpoint()
    deliver(to, 2)
    first, second = claim()
    deliveries.record([tried(first)])
    Delivery.objects.filter(id=second.id).delete()
    deliveries.record([tried(first), tried(second)])
    assert DeliveryAttempt.objects.count() == 1


def test_all_is_written_or_nothing() -> None:
    deliver(endpoint(), 2)
    first, second = claim()
    with pytest.raises(Exception, match="too long"):
        deliveries.record([tried(first), tried(second, body="x" * 1_025)])
    assert DeliveryAttempt.objects.count() == 0
    assert statuses([Delivery.objects.get(id=first.id)]) == ["pending"]


def failing_since(to: Endpoint) -> datetime | None:
    return Endpoint.objects.get(id=to.id).failing_since


def test_a_run_of_failures_begins_with_the_first_and_ends_with_any_success() -> None:
    to = endpoint()
    deliver(to, 6)
    claimed = claim()
    at = [claimed[0].now + timedelta(seconds=number) for number in range(6)]
    deliveries.record([tried(claimed[1], 500, at=at[1]), tried(claimed[0], None, at=at[0])])
    assert failing_since(to) == at[0]
    deliveries.record([tried(claimed[2], 500, at=at[2])])
    assert failing_since(to) == at[0]
    deliveries.record([tried(claimed[3], at=at[3]), tried(claimed[4], 500, at=at[4])])
    assert failing_since(to) == at[4]
    deliveries.record([tried(claimed[5], at=at[5])])
    assert failing_since(to) is None


def test_five_days_of_failures_disable_the_endpoint_cancel_what_is_pending_and_tell_the_others() -> None:
    to, other = endpoint(), endpoint()
    made = deliver(to, 5)
    claimed = claim(total=2)
    fail_since(to, 4.99)
    deliveries.record([tried(claimed[0], 500)])
    assert Endpoint.objects.get(id=to.id).is_active
    fail_since(to, 5.01)
    deliveries.record([tried(claimed[1], 500)])
    disabled = Endpoint.objects.get(id=to.id)
    assert (disabled.is_active, disabled.failing_since) == (False, None)
    assert disabled.disabled_reason == deliveries.NOTHING_ARRIVES
    assert statuses(made) == ["cancelled"] * 5
    assert [each.event_type for each in Delivery.objects.filter(endpoint=other)] == ["endpoint.disabled"]


def test_a_long_row_is_over_at_once_and_cancelled_bite_by_bite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "CANCEL_MAX", 2)
    to, order_id = endpoint(ordered=True), uuid.uuid4()
    past = deliver(to, 5, order_id=order_id)
    webhooks.change(to.id, lambda _row: {"is_active": False})
    assert Counter(statuses(past)) == {"cancelled": 2, "pending": 3}
    assert {rendering.delivery(row(each), [])["status"] for each in past} == {"cancelled"}
    assert (claim(), deliveries.are_due()) == ([], False)
    afresh = webhooks.change(to.id, lambda _row: {"is_active": True})
    assert afresh is not None
    [made] = deliver(afresh, order_id=order_id, first=6)
    assert [each.id for each in claim()] == [made.id]
    assert [deliveries.cancel_left_behind() for _ in range(3)] == [2, 1, 0]
    assert (statuses(past), statuses([made])) == (["cancelled"] * 5, ["pending"])


def test_what_is_left_behind_is_sent_when_it_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "CANCEL_MAX", 0)
    to = endpoint()
    [made] = deliver(to)
    webhooks.change(to.id, lambda _row: {"is_active": False})
    webhooks.change(to.id, lambda _row: {"is_active": True})
    assert claim() == []
    assert webhooks.retry(row(made))
    assert [each.id for each in claim()] == [made.id]


def test_a_success_in_five_days_keeps_it_active() -> None:
    to = endpoint()
    deliver(to, 2)
    first, second = claim()
    fail_since(to, 6)
    later = first.now + timedelta(seconds=1)
    deliveries.record([tried(first), tried(second, 500, at=later)])
    assert Endpoint.objects.get(id=to.id).is_active


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    to, other = endpoint(), endpoint()
    made, others = deliver(to, 3), deliver(other)
    first = next(each for each in claim() if each.endpoint_id == to.id)
    deliveries.record([tried(first, 410, gone=True)])
    assert Endpoint.objects.get(id=to.id).disabled_reason == deliveries.GONE
    assert statuses(made) == ["cancelled"] * 3
    assert statuses(others) == ["pending"]


def test_an_endpoint_at_rest_is_not_disabled_once_more() -> None:
    to = endpoint(is_active=False, disabled_reason="mine")
    deliver(to)
    deliveries.record([tried(claim()[0], 410, gone=True)])
    assert Endpoint.objects.get(id=to.id).disabled_reason == "mine"
