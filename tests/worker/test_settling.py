"""Batches with a provider's answers among them: each ends the command that asked, once, whatever comes beside it."""

import uuid
from typing import Any

import pytest
from django.conf import LazySettings, settings
from uuid_utils.compat import uuid7

from domain.commands import settle_payment
from domain.outcome import Answer
from store import clients, inbox
from store.inbox import Submission
from store.models import Command, Endpoint, Event, ProviderRequest
from tests import invariants
from tests.guards import guards_asleep
from tests.laws.workers import raw
from tests.till import Till, entry, run_drain
from tests.webhooks import endpoint, heard
from worker import payments
from worker.providers import Charge, Return


class Teller:
    """A payment provider that says yes, or no to the token `decline`, at once."""

    def charge(self, charge: Charge) -> Answer:
        """Take money."""
        is_yes = charge.payment_method != "decline"
        return Answer(is_yes=is_yes, reference=f"r-{charge.id}" if is_yes else None)

    def give_back(self, wanted: Return) -> Answer:
        """Return money."""
        return Answer(is_yes=True, reference=f"r-{wanted.id}")

    def look_up(self, request: Charge | Return) -> Answer | None:
        """Nobody asks it twice."""
        raise NotImplementedError


@pytest.fixture
def online(settings: LazySettings) -> None:
    """A deployment whose money that provider takes, and a single lane: all that waits is one batch."""
    settings.PAYMENT_PROVIDER = "teller"
    settings.LANES = 1


def asked(till: Till, *tokens: str) -> list[str]:
    """The ids of payments of an order each, of one tea, for which the provider has not been asked yet."""
    orders = [str(uuid.uuid4()) for _token in tokens]
    tea = {"items": [{"sku": "TEA", "qty": 1}]}
    till.batch(*[entry("order.create", tea, order_id=order_id) for order_id in orders])
    pays = [
        entry("order.pay", {"method": "online", "payment_method": token}, order_id=order_id)
        for token, order_id in zip(tokens, orders, strict=True)
    ]
    commands = [each["command"]["id"] for each in till.batch(*pays)]
    run_drain()
    return commands


def answer() -> int:
    """Have the provider answer all that it is asked for; nothing is settled yet."""
    return payments.ask(lambda _name: Teller(), timeout_seconds=1)


def ends(till: Till, command_ids: list[str]) -> list[tuple[str, str | None]]:
    """Status and error code of each."""
    found = [till.get(f"/commands/{each}").body for each in command_ids]
    return [(each["status"], each["error"] and each["error"]["code"]) for each in found]


YES, NO = ("succeeded", None), ("failed", "payment-declined")


def test_the_answers_to_many_orders_are_settled_in_one_batch(manager: Till, online: None) -> None:
    manager.product("TEA", stock=60)
    tokens = ["decline" if number % 3 == 0 else "approve" for number in range(60)]
    commands = asked(manager, *tokens)
    assert answer() == 60
    drained = run_drain()
    assert (drained.batches, drained.commands) == (1, 60)
    assert ends(manager, commands) == [NO if token == "decline" else YES for token in tokens]
    [tea] = manager.get("/products").body["results"]
    assert (tea["on_hand"], tea["reserved"]) == (20, 0)
    invariants.check(raw(), Command.objects.values_list("id", flat=True))


def test_what_comes_behind_an_answer_finds_the_order_as_it_left_it(manager: Till, online: None) -> None:
    """In the same batch: paid by the answer, refused what is over, and cancelled, for which the provider is asked."""
    manager.product("TEA", stock=2)
    [command] = asked(manager, "approve")
    order_id = manager.get(f"/commands/{command}").body["order_id"]
    answer()
    late = manager.submit("order.add_items", {"items": [{"sku": "TEA", "qty": 1}]}, order_id=order_id).body["id"]
    cancel = manager.submit("order.cancel", order_id=order_id).body["id"]
    behind = manager.submit("order.archive", order_id=order_id).body["id"]
    assert run_drain().batches == 1
    assert ends(manager, [command, late, cancel, behind]) == [
        YES, ("failed", "order-frozen"), ("running", None), ("failed", "order-frozen"),
    ]  # fmt: skip
    answer()
    run_drain()
    assert ends(manager, [cancel]) == [YES]
    assert manager.get(f"/orders/{order_id}").body["status"] == "cancelled"
    invariants.check(raw())


def test_an_answer_to_a_command_that_cannot_be_read_fails_alone_and_is_settled_when_it_can(
    manager: Till, online: None
) -> None:
    manager.product("TEA", stock=3)
    commands = asked(manager, "approve", "approve", "decline")
    culprit = Command.objects.get(id=commands[0])
    with guards_asleep():
        Command.objects.filter(id=culprit.id).update(payload={"method": "in shells"})
    answer()
    assert run_drain().batches == 1
    assert ends(manager, commands) == [("running", None), YES, NO]
    settle = Command.objects.get(idempotency_key=f"settle-{culprit.id}")
    assert (settle.status, settle.error and settle.error["code"]) == ("failed", "internal-error")
    with guards_asleep():
        Command.objects.filter(id=culprit.id).update(payload=culprit.payload)
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    assert answer() == 1
    run_drain()
    assert ends(manager, commands[:1]) == [YES]
    assert Command.objects.get(id=settle.id).status == "succeeded"
    invariants.check(raw())


def settle_again(command_id: str, **payload: Any) -> uuid.UUID:
    """The id of one more answer to the command, as no provider's would come."""
    command = Command.objects.get(id=command_id)
    submission = Submission(
        id=uuid7(),
        client_id=clients.own_id(),
        idempotency_key=str(uuid.uuid4()),
        body_hash=b"",
        type=settle_payment.TYPE,
        order_id=command.order_id,
        lane_of=str(command.order_id),
        payload={"command_id": command_id, **payload},
    )
    assert inbox.accept([submission], settings.LANES)
    return submission.id


@pytest.mark.parametrize("is_together", [True, False], ids=["in one batch", "later"])
@pytest.mark.parametrize("is_yes", [True, False])
def test_a_second_answer_is_refused(manager: Till, online: None, is_together: bool, is_yes: bool) -> None:
    manager.product("TEA", stock=1)
    [command] = asked(manager, "approve")
    answer()
    if not is_together:
        run_drain()
    second = settle_again(command, is_yes=is_yes, reference="another")
    assert run_drain().batches == 1
    assert ends(manager, [command, str(second)]) == [YES, ("failed", "invalid-transition")]
    [payment] = manager.get(f"/orders/{manager.get(f'/commands/{command}').body['order_id']}/payments").body["results"]
    assert (payment["status"], payment["reference"]) == ("captured", f"r-{command}")
    invariants.check(raw())


def test_an_answer_that_nobody_got_from_a_provider_settles_nothing(manager: Till, online: None) -> None:
    """The database refuses it: the request has no answer."""
    manager.product("TEA", stock=2)
    commands = asked(manager, "approve", "approve")
    forged = settle_again(commands[0], is_yes=True, reference="forged")
    run_drain()
    assert ends(manager, [*commands, str(forged)]) == [
        ("running", None), ("running", None), ("failed", "internal-error"),
    ]  # fmt: skip
    answer()
    run_drain()
    assert ends(manager, commands) == [YES, YES]
    invariants.check(raw())


def told(where: Endpoint) -> list[str]:
    """What the endpoint is told of orders, of stock and of commands that somebody submitted."""
    events = Event.objects.filter(deliveries__endpoint=where).order_by("id")
    own = [each for each in events if each.data.get("command", {}).get("type") != settle_payment.TYPE]
    return [each.type for each in own]


@pytest.mark.parametrize(
    ("token", "then"),
    [
        ("approve", ["order.paid", "stock.changed", "command.succeeded"]),
        ("decline", ["stock.changed", "command.failed"]),
    ],
)
def test_an_online_payment_is_told_once_when_it_has_ended_and_its_reservation_at_once(
    manager: Till, online: None, token: str, then: list[str]
) -> None:
    manager.product("TEA", stock=5)
    hook = endpoint(of=manager)
    [command] = asked(manager, token)
    begun = told(hook)
    assert begun == ["order.created", "command.succeeded", "stock.changed"]
    reserved = Event.objects.filter(type="stock.changed").latest("id").data
    assert (reserved["product"]["available"], reserved["product"]["reserved"]) == (4, 1)
    assert reserved["command_id"] == command
    answer()
    assert told(hook) == begun
    run_drain()
    assert told(hook) == begun + then
    about = Event.objects.filter(data__command_id=command).values_list("type", flat=True)
    assert set(about) == {"stock.changed", *then} - {"command.succeeded", "command.failed"}
    assert list(Event.objects.filter(type__startswith="order.").order_by("id").values_list("sequence", flat=True)) == [
        *range(1, 1 + len(heard(hook, "order.")))
    ]
    invariants.check(raw())


def test_the_versions_of_an_order_are_told_without_a_gap_whatever_the_provider_says(
    manager: Till, online: None
) -> None:
    manager.product("TEA", stock=5)
    hook = endpoint(of=manager, ordered=True)
    [declined] = asked(manager, "decline")
    answer()
    run_drain()
    order_id = manager.get(f"/commands/{declined}").body["order_id"]
    for type_, payload in (
        ("order.pay", {"method": "online", "payment_method": "approve"}),
        ("order.refund", {"amount": "1", "reason": "late"}),
        ("order.cancel", {}),
        ("order.archive", {}),
    ):
        manager.run(type_, payload, order_id=order_id)
        answer()
        run_drain()
    assert heard(hook, "order.") == [
        "order.created", "order.paid", "order.refunded", "order.cancelled", "order.archived",
    ]  # fmt: skip
    sequences = Event.objects.filter(order_id=order_id).order_by("id").values_list("sequence", flat=True)
    assert list(sequences) == [1, 2, 3, 4, 5]
    assert manager.get(f"/orders/{order_id}").body["version"] == 5
    invariants.check(raw())
