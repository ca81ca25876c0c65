"""Retention of events: the oldest go after 30 days with all that came of them, unless something is pending."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from store import retention
from store.models import Delivery, DeliveryAttempt, Endpoint, Event
from tests.webhooks import endpoint

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def to(database: None) -> Endpoint:
    """Somebody who wants events."""
    return endpoint()


def aged(to: Endpoint, days: float, status: str = "delivered") -> Event:
    """An event of so many days ago that was tried twice."""
    at = datetime.now(UTC) - timedelta(days=days)
    milliseconds = int(at.timestamp() * 1_000)
    event = Event.objects.create(
        id=uuid.UUID(int=milliseconds << 80 | uuid.uuid4().int & 2**80 - 1), type="order.paid", data={}, occurred_at=at
    )
    delivery = Delivery.objects.create(
        event=event, endpoint=to, event_type=event.type, status=status,
        next_attempt_at=Now() if status == "pending" else None,
    )  # fmt: skip
    for number in range(2):
        DeliveryAttempt.objects.create(delivery=delivery, at=at + timedelta(seconds=number), duration_ms=1, status=500)
    return event


@pytest.mark.parametrize("status", ["delivered", "exhausted", "cancelled"])
def test_an_old_event_goes_with_its_deliveries_and_attempts(to: Endpoint, status: str) -> None:
    aged(to, 31, status)
    assert retention.forget_events() == 1
    assert [kind.objects.count() for kind in (Event, Delivery, DeliveryAttempt)] == [0, 0, 0]


def test_nothing_goes_before_its_day(to: Endpoint) -> None:
    aged(to, retention.EVENT_DAYS - 0.01)
    assert retention.forget_events() == 0


def test_an_event_that_is_pending_for_anybody_stays_as_a_whole(to: Endpoint) -> None:
    event = aged(to, 31)
    Delivery.objects.create(event=event, endpoint=endpoint(), event_type=event.type, next_attempt_at=Now())
    aged(to, 31)
    assert retention.forget_events() == 1
    assert Event.objects.get() == event
    assert (Delivery.objects.count(), DeliveryAttempt.objects.count()) == (2, 2)


def test_an_event_without_any_delivery_goes_too(to: Endpoint) -> None:
    event = aged(to, 31)
    DeliveryAttempt.objects.all().delete()
    Delivery.objects.filter(event=event).delete()
    assert retention.forget_events() == 1


def test_a_bite_takes_the_oldest_first(to: Endpoint) -> None:
    events = {aged(to, days).id: days for days in (33, 35, 32, 34, 31, 29)}
    left = []
    for _ in range(4):
        retention.forget_events(2)
        left.append(sorted(events[event] for event in Event.objects.values_list("id", flat=True)))
    assert left == [[29, 31, 32, 33], [29, 31], [29], [29]]
