"""The outbox: every end and every change is told once, to whom it may concern, or nothing has happened."""

import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from domain import registry
from domain.events import CATALOGUE
from domain.outcome import Applied, Outcome
from domain.registry import Command
from domain.world import World
from store import attempts, changes, outbox, queue, webhooks
from store.changes import Change
from store.models import Command as CommandModel
from store.models import Delivery, Endpoint, Event
from tests import invariants
from tests.concurrency.workers import at_once
from tests.guards import guards_asleep
from tests.schemas import breaches
from tests.store.shop import execute
from tests.till import Till, entry, run_drain
from tests.webhooks import body, endpoint, heard
from worker.bell import Bell
from worker.execute import BatchFailed, execute_batch
from worker.sweep import sweep

CASH = {"method": "cash"}
ONE_TEA = {"items": [{"sku": "TEA", "qty": 1}]}


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries another connection would see at each ring for the courier: after the commit, all."""
    found: list[int] = []

    def ring(_bell: Bell) -> None:
        assert not connection.in_atomic_block
        found.append(Delivery.objects.count())

    monkeypatch.setattr(Bell, "ring_courier", ring)
    return found


def a_life() -> list[Any]:
    """A counter order, created, filled, paid, cancelled and archived; each entry of a batch."""
    order_id = str(uuid.uuid4())
    steps: dict[str, dict[str, Any]] = {
        "order.create": {},
        "order.add_items": ONE_TEA,
        "order.pay": CASH,
        "order.cancel": {},
        "order.archive": {},
    }
    return [entry(type_, payload, order_id=order_id) for type_, payload in steps.items()]


def told_of(command_id: str) -> list[str]:
    """The types of the events that tell of a command's end."""
    events = Event.objects.filter(type__startswith="command.", data__command__id=command_id).order_by("id")
    return list(events.values_list("type", flat=True))


def check_all_is_told() -> None:
    """As for a manager who has heard everything from the beginning."""
    invariants.check(connection.connection, CommandModel.objects.values_list("id", flat=True))


def test_nothing_is_written_while_there_is_no_endpoint(manager: Till, rings: list[int]) -> None:
    manager.product("TEA", stock=1)
    manager.batch(*a_life())
    run_drain()
    assert (Event.objects.count(), Delivery.objects.count(), rings) == (0, 0, [])


def test_a_batch_of_200_tells_several_endpoints_all_they_want(
    manager: Till, integration: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LANES", 1)
    everything = endpoint(of=manager)
    orders = endpoint(of=integration, wants=["order.created", "order.paid"], ordered=True)
    low = endpoint(of=integration, wants=["stock.low"])
    resting = endpoint(of=manager, wants=["order.archived"], is_active=False)
    manager.product("TEA", stock=40, low_stock_at=39)
    manager.batch(*[each for _ in range(40) for each in a_life()])
    assert run_drain(batch_max=200).batches == 1
    assert Counter(heard(everything)) == Counter(
        {
            "command.succeeded": 201,
            **dict.fromkeys(["order.created", "order.items_changed", "order.paid"], 40),
            **dict.fromkeys(["order.cancelled", "order.archived"], 40),
            "stock.changed": 81,
            "stock.low": heard(everything).count("stock.low"),
        }
    )
    assert Counter(heard(orders)) == {"order.created": 40, "order.paid": 40}
    assert heard(low) == ["stock.low"] * heard(everything).count("stock.low")
    assert "stock.low" in heard(low)
    assert heard(resting) == []
    for event in Event.objects.all():
        assert breaches(dict(CATALOGUE[event.type].schema), body(event)) == []
    check_all_is_told()


def test_an_ordered_endpoint_gets_each_order_in_sequence_without_gaps(manager: Till) -> None:
    ordered, loose = endpoint(of=manager, ordered=True), endpoint(of=manager)
    manager.product("TEA", stock=10)
    entries = [a_life() for _ in range(4)]
    for step in zip(*entries, strict=True):
        manager.batch(*step)
        run_drain()
    for order_id in {each["order_id"] for life in entries for each in life}:
        found = Delivery.objects.filter(endpoint=ordered, order_id=order_id).order_by("event_id")
        assert [(each.sequence, each.event_type) for each in found] == [
            (1, "order.created"),
            (2, "order.items_changed"),
            (3, "order.paid"),
            (4, "order.cancelled"),
            (5, "order.archived"),
        ]
    assert set(Delivery.objects.filter(endpoint=loose).values_list("order_id", "sequence")) == {(None, None)}
    others = Delivery.objects.filter(endpoint=ordered).exclude(event_type__startswith="order.")
    assert set(others.values_list("order_id", "sequence")) == {(None, None)}
    check_all_is_told()


def test_each_move_of_a_product_within_a_batch_is_told_with_the_stock_after_it(manager: Till) -> None:
    stock = endpoint(of=manager, wants=["stock.changed", "stock.low"])
    manager.product("TEA", low_stock_at=4)
    manager.batch(
        entry("stock.receive", {"sku": "TEA", "qty": 6}),
        entry("stock.adjust", {"sku": "TEA", "delta": -1, "reason": "x"}),
        entry("stock.adjust", {"sku": "TEA", "delta": -1, "reason": "x"}),
        entry("stock.adjust", {"sku": "TEA", "delta": -9, "reason": "x"}),
        entry("stock.adjust", {"sku": "TEA", "delta": -1, "reason": "x"}),
    )
    assert run_drain().batches == 1
    found = Delivery.objects.filter(endpoint=stock).order_by("event_id").select_related("event")
    assert [(each.event_type, each.event.data["product"]["available"]) for each in found] == [
        ("stock.changed", 6),
        ("stock.changed", 5),
        ("stock.changed", 4),
        ("stock.low", 4),
        ("stock.changed", 3),
    ]


def explode(_self: object, _command: Command, _world: World, _now: object) -> Outcome:
    """A decision with a bug."""
    raise ZeroDivisionError("a bug")


def skip(_self: object, command: Command, world: World, _now: object) -> Outcome:
    """A yes that the database refuses: a status that there is not."""
    order = world.order_of(command.order_id)
    object.__setattr__(order, "status", "nowhere")
    object.__setattr__(order, "version", order.version + 1)
    return Applied(event="order.cancelled", order=order)


@contextmanager
def with_bug(type_: str, decide: Callable[..., Outcome]) -> Iterator[None]:
    """The command type decides like this for the length of the block."""
    kind = registry.find(type_)
    assert kind is not None
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(kind.payload, "decide", decide)
        yield


def succeed(till: Till) -> str:
    """The id of a command that was executed."""
    return str(till.run("order.create")["id"])


def refuse(till: Till) -> str:
    """The id of one that was refused."""
    return str(till.run("order.pay", CASH, order_id=str(uuid.uuid4()))["id"])


def late(till: Till) -> str:
    """The id of one that is past its time."""
    command_id = str(till.submit("order.create", expires_at="2099-01-01T00:00:00Z").body["id"])
    with guards_asleep():
        execute("UPDATE command SET expires_at = now() WHERE id = %s", uuid.UUID(command_id))
    return command_id


def expire_in_a_batch(till: Till) -> str:
    """The id of one that a worker found too late."""
    command_id = late(till)
    run_drain()
    return command_id


def expire_in_a_sweep(till: Till) -> str:
    """The id of one that a sweep found too late."""
    command_id = late(till)
    sweep()
    return command_id


def cancel(till: Till) -> str:
    """The id of one that its submitter took back."""
    command_id = str(till.submit("order.create").body["id"])
    assert till.post(f"/commands/{command_id}/cancel").status == 200
    return command_id


def poison(till: Till) -> str:
    """The id of one that killed its worker three times."""
    command_id = str(till.submit("order.create").body["id"])
    for _ in range(3):
        with transaction.atomic():
            attempts.begin(uuid.uuid4(), queue.claim(queue.lock_ready_lanes(0, 1), 1))
    run_drain()
    return command_id


def stumble(till: Till) -> str:
    """The id of one whose decision raised."""
    with with_bug("order.create", explode):
        return succeed(till)


def fail_alone(till: Till) -> str:
    """The id of one that cannot be saved."""
    order_id = till.run("order.create")["order_id"]
    with with_bug("order.cancel_draft", skip):
        return str(till.run("order.cancel_draft", order_id=order_id)["id"])


ENDS: dict[Callable[[Till], str], str] = {
    succeed: "command.succeeded",
    refuse: "command.failed",
    expire_in_a_batch: "command.expired",
    expire_in_a_sweep: "command.expired",
    cancel: "command.cancelled",
    poison: "command.failed",
    stumble: "command.failed",
    fail_alone: "command.failed",
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_every_end_is_told_once_and_as_it_is_read(manager: Till, end: Callable[[Till], str], rings: list[int]) -> None:
    everything = endpoint(of=manager)
    command_id = end(manager)
    assert told_of(command_id) == [ENDS[end]]
    event = Event.objects.get(type=ENDS[end], data__command__id=command_id)
    assert event.data["command"] == manager.get(f"/commands/{command_id}").body
    assert breaches(dict(CATALOGUE[event.type].schema), body(event)) == []
    assert heard(everything)[-1] == ENDS[end]
    assert rings[-1:] == [Delivery.objects.count()]
    sweep()
    run_drain()
    manager.post(f"/commands/{command_id}/cancel")
    assert told_of(command_id) == [ENDS[end]]
    check_all_is_told()


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_whoever_waits_is_told_of_every_end(
    manager: Till, end: Callable[[Till], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[uuid.UUID] = []
    monkeypatch.setattr(changes, "tell", lambda change, ids: ended.extend(ids) if change is Change.ENDED else None)
    assert uuid.UUID(end(manager)) in ended


@pytest.mark.parametrize("end", [poison, stumble])
def test_the_end_of_a_retried_command_is_told_anew(manager: Till, end: Callable[[Till], str]) -> None:
    endpoint(of=manager)
    command_id = end(manager)
    with with_bug("order.create", explode):
        assert manager.post(f"/commands/{command_id}/retry").status == 202
        run_drain()
    assert manager.post(f"/commands/{command_id}/retry").status == 202
    assert told_of(command_id) == ["command.failed"] * 2
    run_drain()
    assert told_of(command_id) == ["command.failed", "command.failed", "command.succeeded"]
    check_all_is_told()


def test_what_is_rolled_back_is_never_told(manager: Till, monkeypatch: pytest.MonkeyPatch, rings: list[int]) -> None:
    endpoint(of=manager)
    manager.product("TEA", stock=1)
    manager.batch(*a_life())
    before, rung = Event.objects.count(), list(rings)

    def forget(*_args: object) -> None:
        assert Event.objects.count() > before, "the events have been written when this is called"
        raise RuntimeError("the worker stumbles before the commit")

    with monkeypatch.context() as broken:
        broken.setattr(attempts, "end", forget)
        with pytest.raises(BatchFailed):
            execute_batch(0, 200, 64)
    assert (Event.objects.count(), rings) == (before, rung)
    run_drain()
    check_all_is_told()


def test_several_workers_tell_every_end_once(manager: Till, integration: Till) -> None:
    all_of_it, own = endpoint(of=manager), endpoint(of=integration, ordered=True)
    manager.product("TEA", stock=10)
    for till in (manager, integration) * 3:
        till.batch(*[each for _ in range(5) for each in a_life()])
    turns = iter(range(4))
    at_once(4, lambda: run_drain(next(turns) * 16, batch_max=7))
    run_drain()
    check_all_is_told()
    ended = CommandModel.objects.count()
    assert len(heard(all_of_it, "command.")) == ended
    assert len(heard(own, "command.")) == CommandModel.objects.filter(client__name=integration.name).count()
    assert heard(own, "order.", "stock.") == heard(all_of_it, "order.", "stock.")


def test_the_checker_sees_an_end_that_was_not_told_one_told_twice_and_a_gap(manager: Till) -> None:
    endpoint(of=manager)
    manager.run("order.create")
    ends = Event.objects.filter(type="command.succeeded")
    copied = ends.get()
    for spoil in (
        lambda: Event.objects.create(type=copied.type, data=copied.data, occurred_at=copied.occurred_at),
        lambda: Event.objects.filter(type="order.created").update(sequence=2),
        lambda: ends.update(type="command.failed"),
    ):
        check_all_is_told()
        with transaction.atomic():
            spoil()
            assert len(invariants.broken_rules(connection.connection)) == 1
            transaction.set_rollback(True)


def test_ends_are_told_to_the_submitter_and_to_managers_and_all_else_to_everybody(
    pos: Till, integration: Till, manager: Till
) -> None:
    other = Till.register("shop-2", "integration")
    ends = {till.name: endpoint(of=till, wants=["command.succeeded"]) for till in (integration, other, manager)}
    orders = {till.name: endpoint(of=till, wants=["order.created"]) for till in (integration, other, manager)}
    for till in (pos, integration, other, manager, manager):
        till.run("order.create")
    assert {name: len(heard(each)) for name, each in ends.items()} == {"shop-1": 1, "shop-2": 1, "manager-1": 5}
    assert {name: len(heard(each)) for name, each in orders.items()} == {"shop-1": 5, "shop-2": 5, "manager-1": 5}


def test_a_deactivated_client_hears_nothing(integration: Till, manager: Till) -> None:
    its, managers = endpoint(of=integration), endpoint(of=manager)
    execute("UPDATE client SET is_active = false WHERE name = %s", integration.name)
    manager.run("order.create")
    assert (len(heard(its)), len(heard(managers))) == (0, 2)


@pytest.mark.parametrize(
    ("columns", "events", "deliveries"),
    [
        ({}, 2, 2),
        ({"is_active": False}, 2, 0),
        ({"event_types": ["order.paid"]}, 0, 0),
        ({"event_types": ["order.created"]}, 1, 1),
        ({"deleted_at": "2026-01-01T00:00:00Z"}, 0, 0),
    ],
)
def test_events_are_kept_for_endpoints_that_rest_and_not_for_those_that_are_gone(
    manager: Till, columns: dict[str, Any], events: int, deliveries: int, rings: list[int]
) -> None:
    where = endpoint(of=manager)
    Endpoint.objects.filter(id=where.id).update(**columns)
    manager.run("order.create")
    assert (Event.objects.count(), Delivery.objects.count(), len(rings)) == (events, deliveries, int(deliveries > 0))


def test_a_new_delivery_is_due_at_once(manager: Till) -> None:
    endpoint(of=manager, wants=["order.created"])
    manager.run("order.create")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts_made, delivery.leased_until) == ("pending", 0, None)
    assert delivery.next_attempt_at == delivery.created_at
    assert 0 <= (delivery.created_at - delivery.event.occurred_at).total_seconds() < 5


def test_that_an_endpoint_was_disabled_is_told_to_its_clients_others_and_to_managers(
    integration: Till, manager: Till
) -> None:
    broken = endpoint(of=integration, is_active=False, disabled_reason="It is gone.")
    its_other, managers = endpoint(of=integration), endpoint(of=manager)
    deaf, strangers = endpoint(of=manager, wants=["order.paid"]), endpoint(of=Till.register("shop-2", "integration"))
    with transaction.atomic():
        assert outbox.endpoint_disabled(broken) == 2
    assert [heard(each) for each in (its_other, managers)] == [["endpoint.disabled"]] * 2
    assert [heard(each) for each in (broken, deaf, strangers)] == [[]] * 3
    event = Event.objects.get()
    assert event.data["endpoint"]["disabled_reason"] == "It is gone."
    assert "secret" not in event.data["endpoint"]
    assert breaches(dict(CATALOGUE["endpoint.disabled"].schema), body(event)) == []


@pytest.mark.parametrize("locked", [True, False], ids=["with the lock", "control without it"])
@pytest.mark.parametrize("end", ["deactivated", "deleted"])
def test_nothing_is_left_to_send_to_an_endpoint_that_a_batch_saw_active(
    manager: Till, monkeypatch: pytest.MonkeyPatch, end: str, locked: bool
) -> None:
    """It goes between the batch's look at it and the batch's commit."""
    where = endpoint(of=manager)
    manager.submit("order.create")
    going = threading.Thread(target=lambda: at_once(1, lambda: _end(where, end)))
    if not locked:
        monkeypatch.setattr(outbox, "_RECEIVERS", re.sub("FOR KEY SHARE OF endpoint", "", outbox._RECEIVERS))
    look = outbox.receivers

    def look_and_pause() -> Any:
        found = look()
        if not going.ident:
            going.start()
            going.join(timeout=0.5)  # it waits for the batch, or has come to its end
        return found

    monkeypatch.setattr(outbox, "receivers", look_and_pause)
    execute_batch(0, 200, 64)
    going.join(timeout=20)
    statuses = Counter(Delivery.objects.values_list("status", flat=True))
    assert statuses == ({"cancelled": 2} if locked else {"pending": 2})


def _end(where: Endpoint, end: str) -> None:
    if end == "deleted":
        webhooks.remove(where.id)
    else:
        webhooks.change(where.id, lambda _row: {"is_active": False})
