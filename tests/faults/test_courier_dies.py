"""A courier that is killed or frozen, between the receiver's 200 and the record or anywhere: repeats, never a loss."""

import signal
from collections.abc import Iterator

import pytest

from config import embedded
from tests.faults.system import System
from tests.faults.traffic import Traffic, check
from tests.polling import until
from tests.receiver import Receiver

_REGISTER = """
from store import sealing
from store.models import Client, Endpoint
client, secret = Client.objects.first(), sealing.seal(bytes(32))
urls = {urls}
Endpoint.objects.bulk_create(Endpoint(client=client, url=url, secret=secret, ordered=urls[url]) for url in urls)
"""


@pytest.fixture
def receiver(system: System, traffic: Traffic) -> Iterator[Receiver]:
    """Two endpoints that get everything, from the same moment on; one wants order."""
    with Receiver().serving() as receiver:
        urls = {receiver.url("/ok/loose"): False, receiver.url("/ok/ordered"): True}
        system.manage("shell", "-v", "0", "-c", _REGISTER.format(urls=urls))
        yield receiver
        with system.connect() as connection:
            connection.execute("UPDATE webhook_endpoint SET deleted_at = now()")


def check_deliveries(system: System, receiver: Receiver) -> None:
    """Every event has been received at both endpoints, under its id, an order's events in sequence where wanted."""
    with system.connect() as connection:
        pending = "SELECT count(*) FROM webhook_delivery WHERE status = 'pending'"
        until(lambda: connection.execute(pending).fetchone() == (0,), "all are delivered")
        events = connection.execute(
            "SELECT id::text, order_id, sequence FROM webhook_event WHERE id IN (SELECT event_id FROM webhook_delivery "
            "JOIN webhook_endpoint e ON e.id = endpoint_id WHERE deleted_at IS NULL) ORDER BY order_id, sequence"
        ).fetchall()
        statuses = connection.execute("SELECT DISTINCT status FROM webhook_delivery").fetchall()
    assert statuses == [("delivered",)]
    ids = {event for event, _order, _sequence in events}
    assert ids
    assert set(receiver.ids("/ok/loose")) == set(receiver.ids("/ok/ordered")) == ids
    came = list(dict.fromkeys(receiver.ids("/ok/ordered")))
    place = {event: number for number, event in enumerate(came)}
    for order in {order for _event, order, _sequence in events if order}:
        mine = [place[event] for event, of, _sequence in events if of == order]
        assert mine == sorted(mine)


def repeats(receiver: Receiver) -> int:
    """How many requests told what had been told before."""
    return sum(len(ids) - len(set(ids)) for ids in (receiver.ids("/ok/loose"), receiver.ids("/ok/ordered")))


def test_killed_between_the_200_and_the_record_it_sends_the_same_ids_again(
    system: System, traffic: Traffic, receiver: Receiver
) -> None:
    with traffic.flowing():
        for _time in range(2):
            traffic.wait_for(10)
            system.suffer("die-before-record")
        traffic.wait_for(10)
    check(system, traffic)
    check_deliveries(system, receiver)
    assert repeats(receiver) >= 2


def test_killed_after_the_record_or_anywhere_it_loses_nothing(
    system: System, traffic: Traffic, receiver: Receiver
) -> None:
    with traffic.flowing():
        system.suffer("die-after-record")
        for _time in range(2):
            traffic.wait_for(20)
            for process in until(lambda: system.processes("courier@"), "the courier is back"):
                process.send_signal(signal.SIGKILL)
        traffic.wait_for(20)
    check(system, traffic)
    check_deliveries(system, receiver)


def test_frozen_between_the_200_and_the_record_it_does_no_harm_when_it_goes_on(
    system: System, traffic: Traffic, receiver: Receiver
) -> None:
    with traffic.flowing():
        traffic.wait_for(10)
        system.suffer("freeze-before-record")
        [frozen] = until(
            lambda: [each for each in system.processes("courier@") if each.status() == "stopped"], "it is frozen"
        )
        traffic.wait_for(20)
    frozen.send_signal(signal.SIGCONT)
    check(system, traffic)
    check_deliveries(system, receiver)


def test_a_redis_that_is_away_delays_webhooks_and_loses_none(
    system: System, traffic: Traffic, receiver: Receiver
) -> None:
    with traffic.flowing():
        traffic.wait_for(10)
        embedded.stop_valkey(system.data_dir)
        traffic.wait_for(30)
        embedded.start_valkey(system.data_dir)
    check(system, traffic)
    check_deliveries(system, receiver)
