"""Asking providers: whatever they do, a request ends by an answer, is asked once, and again ever more slowly."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models import F
from structlog.testing import capture_logs

from domain.orders import Order
from store import asking, changes
from store.changes import Change
from store.models import Command, Payment, ProviderRequest
from tests import invariants
from tests.guards import guards_asleep
from tests.laws.workers import raw
from tests.till import Till, run_drain
from worker import payments
from worker.bell import bell
from worker.providers import Answer, Charge, NoAnswer, Return
from worker.providers.choosing import provider_named

YES = Answer(is_yes=True, reference="r-1")
NO = Answer(is_yes=False, detail="Not enough money.")

type Act = Callable[[], Answer | None]


@dataclass(slots=True)
class Scripted:
    """A provider that does as it is told; `calls` are what it was asked, in order."""

    on_charge: Act
    on_look_up: Act = lambda: None
    calls: list[str] = field(default_factory=list)

    def charge(self, charge: Charge) -> Answer:
        """Take money."""
        self.calls.append("charge")
        return self._said(self.on_charge)

    def give_back(self, wanted: Return) -> Answer:
        """Return money."""
        self.calls.append("give back")
        return self._said(self.on_charge)

    def look_up(self, request: Charge | Return) -> Answer | None:
        """Say what came of it."""
        self.calls.append("look up")
        return self.on_look_up()

    def _said(self, act: Act) -> Answer:
        answer = act()
        assert answer is not None
        return answer


def raising(error: BaseException) -> Act:
    """Raise it whenever asked."""

    def act() -> Answer | None:
        raise error

    return act


SILENT = raising(NoAnswer("The line broke."))


@pytest.fixture(autouse=True)
def somebody(settings: LazySettings) -> None:
    """A deployment with a provider."""
    settings.PAYMENT_PROVIDER = "somebody"


@pytest.fixture(autouse=True)
def sound(database: None) -> Iterator[None]:
    """Whatever a test has done, nothing is lost and nothing has happened twice."""
    yield
    invariants.check(raw())


@pytest.fixture
def command_id(manager: Till) -> str:
    """A payment of 19.98 that is to be asked for."""
    manager.product("TEA", price="9.99", stock=9)
    order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 2}]})["order_id"]
    command = manager.run("order.pay", {"method": "online", "payment_method": "a token"}, order_id=order_id)
    assert command["status"] == "running", command
    return str(command["id"])


def ask(provider: Scripted) -> int:
    """Do what the payments process does at a bell."""
    return payments.ask(lambda _name: provider, timeout_seconds=1)


def due_now(**since: float) -> None:
    """Let so much time pass that it is due again."""
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    if since:
        with guards_asleep():
            ProviderRequest.objects.update(asked_at=F("asked_at") - timedelta(**since))


def end_of(till: Till, command_id: str) -> tuple[str, str | None]:
    """Status and error code, once what has come is settled."""
    run_drain()
    body = till.get(f"/commands/{command_id}").body
    return body["status"], body["error"] and body["error"]["code"]


DELAYS = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 128, 9: 256, 10: 300, 11: 300, 99: 300, 10**9: 300}


@pytest.mark.parametrize(("attempts_made", "seconds"), DELAYS.items())
def test_the_delay_doubles_from_a_second_to_five_minutes(attempts_made: int, seconds: float) -> None:
    assert payments.delay_seconds(attempts_made, 0.5) == seconds
    least, most = (payments.delay_seconds(attempts_made, chance) for chance in (0.0, 1.0))
    assert [least, most] == pytest.approx([seconds * 0.8, seconds * 1.2])
    assert least < payments.delay_seconds(attempts_made, 0.25) < seconds < most


def test_the_first_time_nobody_looks_it_up(manager: Till, command_id: str) -> None:
    provider = Scripted(lambda: YES)
    assert ask(provider) == 1
    assert provider.calls == ["charge"]
    assert end_of(manager, command_id) == ("succeeded", None)


@pytest.mark.parametrize(
    ("found", "calls", "end"),
    [
        (lambda: YES, ["look up"], ("succeeded", None)),
        (lambda: NO, ["look up"], ("failed", "payment-declined")),
        (lambda: None, ["look up", "charge"], ("succeeded", None)),
        (SILENT, ["look up"], ("uncertain", "payment-uncertain")),
    ],
    ids=["found yes", "found no", "not found", "silent"],
)
def test_whoever_may_have_been_asked_is_looked_up_first_and_asked_again_if_nothing_came_of_it(
    manager: Till, command_id: str, found: Act, calls: list[str], end: tuple[str, str | None]
) -> None:
    ask(Scripted(SILENT))
    assert end_of(manager, command_id) == ("uncertain", "payment-uncertain")
    due_now()
    provider = Scripted(lambda: YES, on_look_up=found)
    assert ask(provider) == 1
    assert provider.calls == calls
    assert end_of(manager, command_id) == end


def test_a_request_whose_asker_died_is_looked_up_though_nobody_knows_whether_it_was_asked(
    manager: Till, command_id: str
) -> None:
    assert asking.claim(1) is not None
    assert ask(Scripted(lambda: YES)) == 0, "it is leased"
    due_now()
    provider = Scripted(lambda: YES)
    ask(provider)
    assert provider.calls == ["look up", "charge"]
    assert end_of(manager, command_id) == ("succeeded", None)


@pytest.mark.parametrize(
    ("hours", "calls", "end"),
    [
        (22.9, ["look up", "charge"], ("succeeded", None)),
        (23.1, ["look up"], ("failed", "payment-declined")),
        (1_000, ["look up"], ("failed", "payment-declined")),
    ],
)
def test_after_23_hours_what_the_provider_does_not_know_is_not_asked_for_again(
    manager: Till, command_id: str, hours: float, calls: list[str], end: tuple[str, str | None]
) -> None:
    ask(Scripted(SILENT))
    due_now(hours=hours)
    provider = Scripted(lambda: YES)
    ask(provider)
    assert provider.calls == calls
    assert end_of(manager, command_id) == end
    if end[1]:
        detail = manager.get(f"/commands/{command_id}").body["error"]["detail"]
        assert detail == "The payment provider never got the request."
        assert Payment.objects.get().status == "declined"


def test_what_waited_for_a_day_and_was_never_asked_is_asked(manager: Till, command_id: str) -> None:
    due_now(hours=30)
    provider = Scripted(lambda: YES)
    ask(provider)
    assert provider.calls == ["charge"]
    assert end_of(manager, command_id) == ("succeeded", None)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        ZeroDivisionError(),
        RecursionError(),
        MemoryError(),
        AssertionError(),
        StopIteration(),
        TimeoutError("slow"),
        ConnectionResetError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
        ExceptionGroup("several", [KeyError("x")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_an_adapter_raises_the_command_is_uncertain_and_the_log_has_it(
    manager: Till, command_id: str, error: Exception
) -> None:
    with capture_logs() as logs:
        assert ask(Scripted(raising(error))) == 1
    [unasked] = [each for each in logs if each["event"] == "payment.unasked"]
    assert (str(unasked["command_id"]), unasked["provider"], unasked["log_level"]) == (command_id, "somebody", "error")
    assert unasked["exc_info"] is error
    [asked] = [each for each in logs if each["event"] == "payment.asked"]
    assert (asked["outcome"], asked["attempt"], asked["kind"]) == ("unknown", 1, "charge")
    assert asked["why"].startswith(type(error).__name__)
    assert end_of(manager, command_id) == ("uncertain", "payment-uncertain")
    due_now()
    ask(Scripted(lambda: NO))
    assert end_of(manager, command_id) == ("failed", "payment-declined")


def test_no_answer_is_no_error_of_ours(manager: Till, command_id: str) -> None:
    with capture_logs() as logs:
        ask(Scripted(SILENT))
    assert [each["event"] for each in logs] == ["payment.asked"]
    assert (logs[0]["why"], logs[0]["outcome"], logs[0]["reference"]) == ("The line broke.", "unknown", None)


def test_a_provider_that_is_not_configured_gives_no_answer(manager: Till, command_id: str) -> None:
    def named(name: str) -> Scripted:
        assert provider_named(name, timeout_seconds=1, stripe_key="", stripe_base="") is not None
        raise AssertionError("unreachable")

    with capture_logs() as logs:
        assert payments.ask(named, timeout_seconds=1) == 1
    assert [each["event"] for each in logs] == ["payment.unasked", "payment.asked"]
    assert end_of(manager, command_id) == ("uncertain", "payment-uncertain")


def test_another_request_is_asked_though_one_goes_wrong(manager: Till, command_id: str) -> None:
    order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    second = manager.run("order.pay", {"method": "online", "payment_method": "a token"}, order_id=order_id)["id"]
    acts: Iterator[Act] = iter([raising(ValueError("a bug")), lambda: YES])

    def act() -> Answer | None:
        return next(acts)()

    assert ask(Scripted(act)) == 2
    assert {end_of(manager, each)[0] for each in (command_id, second)} == {"uncertain", "succeeded"}


@pytest.mark.parametrize("first", [YES, NO], ids=["yes", "no"])
def test_a_request_whose_answer_is_known_is_not_asked_again(manager: Till, command_id: str, first: Answer) -> None:
    ask(Scripted(lambda: first))
    due_now()
    later = Scripted(lambda: NO if first.is_yes else YES, on_look_up=lambda: NO if first.is_yes else YES)
    assert ask(later) == 1
    assert later.calls == []
    assert Command.objects.filter(type="payment.settle").count() == 1
    assert end_of(manager, command_id)[0] == ("succeeded" if first.is_yes else "failed")
    assert ask(later) == 0


def test_of_two_answers_the_first_stands(manager: Till, command_id: str) -> None:
    """The first asker's lease has run out while it waited; both come with something else."""
    slow = asking.claim(1)
    due_now()
    ask(Scripted(lambda: YES))
    assert slow is not None
    assert asking.answered(slow, NO, 30) is None
    assert end_of(manager, command_id) == ("succeeded", None)
    assert Payment.objects.get().provider_reference == "r-1"


def test_who_comes_back_without_an_answer_leaves_the_lease_of_the_next_alone(manager: Till, command_id: str) -> None:
    slow = asking.claim(1)
    due_now()
    quick = asking.claim(1)
    assert slow is not None
    assert quick is not None
    leased = ProviderRequest.objects.get().next_attempt_at
    assert asking.unanswered(slow, 99, {"code": "payment-uncertain"})
    assert ProviderRequest.objects.get().next_attempt_at == leased
    assert not asking.unanswered(quick, 99, {"code": "payment-uncertain"}), "it is uncertain already"
    assert ProviderRequest.objects.get().next_attempt_at != leased


@pytest.mark.parametrize("detail", ["x" * 5_000, "nul \x00 here", "half \ud83d a pair", "", "\x00"])
def test_what_a_provider_says_may_be_long_and_unreadable(manager: Till, command_id: str, detail: str) -> None:
    ask(Scripted(lambda: Answer(is_yes=False, detail=detail)))
    assert end_of(manager, command_id) == ("failed", "payment-declined")
    assert 0 < len(manager.get(f"/commands/{command_id}").body["error"]["detail"]) <= payments.DETAIL_MAX


@pytest.mark.parametrize("reference", [None, "", "r" * 256, "r\0"], ids=["none", "empty", "long", "NUL"])
def test_a_yes_of_which_nothing_could_be_given_back_is_no_answer(
    manager: Till, command_id: str, reference: str | None
) -> None:
    ask(Scripted(lambda: Answer(is_yes=True, reference=reference)))
    assert end_of(manager, command_id) == ("uncertain", "payment-uncertain")
    due_now()
    ask(Scripted(lambda: YES, lambda: YES))
    assert end_of(manager, command_id) == ("succeeded", None)


def test_an_answer_whose_settling_failed_is_settled_when_it_is_due_next(
    manager: Till, command_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_order: Order) -> Order:
        raise ValueError("a bug")

    ask(Scripted(lambda: YES))
    with monkeypatch.context() as broken:
        broken.setattr(Order, "thawed", fail)
        run_drain()
    settle = Command.objects.get(type="payment.settle")
    assert (settle.status, settle.error and settle.error["code"]) == ("failed", "internal-error")
    assert manager.get(f"/commands/{command_id}").body["status"] == "running"
    due_now()
    provider = Scripted(lambda: NO)
    assert ask(provider) == 1
    assert provider.calls == []
    assert end_of(manager, command_id) == ("succeeded", None)


def test_lanes_are_rung_for_answers_and_streams_are_told_of_doubt(
    manager: Till, command_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Change, list[uuid.UUID]]] = []
    rung: list[list[int]] = []
    monkeypatch.setattr(changes, "tell", lambda change, ids: told.append((change, list(ids))))
    monkeypatch.setattr(bell, "ring", lambda lanes: rung.append(list(lanes)))
    ask(Scripted(SILENT))
    due_now()
    ask(Scripted(SILENT, on_look_up=SILENT))
    assert told == [(Change.MOVED, [uuid.UUID(command_id)])]
    assert rung == []
    due_now()
    ask(Scripted(lambda: YES))
    assert rung == [[Command.objects.get(id=command_id).lane]]


def test_what_was_never_asked_goes_before_what_is_asked_again(manager: Till, command_id: str) -> None:
    ask(Scripted(SILENT))
    due_now()
    order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    second = manager.run("order.pay", {"method": "online", "payment_method": "a token"}, order_id=order_id)["id"]
    first = asking.claim(1)
    assert first is not None
    assert (str(first.id), first.attempts_made, first.is_alone) == (second, 1, False)
    after = asking.claim(1)
    assert after is not None
    assert (str(after.id), after.attempts_made, after.is_alone) == (command_id, 2, True)
    assert asking.claim(1) is None
    assert not asking.is_due()
