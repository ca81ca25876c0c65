"""Who asks payment providers, side by side and late: one answer counts. Each race has its control, the guard off."""

import dataclasses
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.db import IntegrityError, OperationalError, connection, transaction

from domain.commands.settle_payment import SettlePayment
from domain.outcome import Answer
from store import asking, attempts, db, inbox
from store.asking import Request
from store.inbox import Submission
from store.models import Command, Payment, ProviderRequest, SimulatedPayment
from tests import invariants
from tests.concurrency.test_locks import one_batch, raw, somebody_waits
from tests.concurrency.workers import at_once
from tests.guards import guards_asleep
from tests.polling import until
from tests.till import Till, run_drain
from worker import payments
from worker.execute import BatchFailed, execute_batch
from worker.providers import Charge, Provider, Return
from worker.providers.simulator import Simulator

UNCERTAIN = {"code": "payment-uncertain"}
NO = Answer(is_yes=False, detail="No.")
TURNS = ["first, second", "second, first", "together"]
LEASE_SECONDS = 600.0
"""It ends when a test says so."""


@pytest.fixture(autouse=True)
def simulated(settings: LazySettings) -> None:
    """A deployment with the simulator."""
    settings.PAYMENT_PROVIDER = "simulator"


@pytest.fixture
def command(manager: Till) -> uuid.UUID:
    """An online payment for which the provider is to be asked."""
    manager.product("TEA", stock=100)
    return begun(manager)


def begun(till: Till) -> uuid.UUID:
    """Another one."""
    order_id = till.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    wanted = {"method": "online", "payment_method": "approve"}
    return uuid.UUID(till.run("order.pay", wanted, order_id=order_id)["id"])


def ask(provider: Provider | None = None) -> int:
    """What the payments process does at a bell."""
    return payments.ask(lambda _name: provider or Simulator(1), timeout_seconds=LEASE_SECONDS)


def claimed() -> Request:
    """What is due, leased."""
    request = asking.claim(LEASE_SECONDS)
    assert request is not None
    return request


def lease_ends() -> None:
    """The time passes until whatever waits is due again."""
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")


def two_leases() -> tuple[Request, Request]:
    """One request that two workers have in their hands, the first beyond its time."""
    first = claimed()
    lease_ends()
    return first, claimed()


def answered(request: Request) -> None:
    """The provider is asked, and its answer recorded; the settlement waits in its lane."""
    assert asking.answered(request, payments._asked(request, Simulator(1)), LEASE_SECONDS) is not None


def settlements() -> Counter[str]:
    """How the commands stand that settle."""
    return Counter(Command.objects.filter(type="payment.settle").values_list("status", flat=True))


def status(command: uuid.UUID) -> str:
    """How it stands."""
    return Command.objects.get(id=command).status


def unkeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is submitted under a key of its own."""
    submission = asking._submission

    def submission_of_its_own(*args: Any) -> Submission:
        return dataclasses.replace(submission(*args), idempotency_key=str(uuid.uuid4()))

    monkeypatch.setattr(asking, "_submission", submission_of_its_own)


class Held(Simulator):
    """Holds every answer back until it may go; `says` is told instead of what is true."""

    def __init__(self, says: Answer | None = None) -> None:
        super().__init__(1)
        self.has_answer, self.may_go = threading.Event(), threading.Event()
        self._says = says

    def charge(self, charge: Charge) -> Answer:
        """Made at once."""
        return self._hold(super().charge(charge))

    def look_up(self, request: Charge | Return) -> Answer | None:
        """What has been made."""
        found = super().look_up(request)
        assert found is not None
        return self._hold(found)

    def _hold(self, answer: Answer) -> Answer:
        self.has_answer.set()
        assert self.may_go.wait(60)
        return self._says or answer


def two_answers(turns: str, says: Answer | None = None, within: Callable[[], Any] = nullcontext) -> None:
    """The first worker's lease runs out while it asks, and a second one asks too; they record what they know in turn,
    or together. `says` is what the second one is told instead of the truth."""
    first, second = Held(), Held(says)

    def ask_within(provider: Provider) -> int:
        with within():
            return ask(provider)

    with ThreadPoolExecutor(2) as threads:
        asking_first = beside(threads, lambda: ask_within(first))
        assert first.has_answer.wait(60)
        lease_ends()
        asking_second = beside(threads, lambda: ask_within(second))
        assert second.has_answer.wait(60)
        ends = [(first, asking_first), (second, asking_second)]
        for provider, future in ends if turns == "first, second" else reversed(ends):
            provider.may_go.set()
            if turns != "together":
                assert future.result(timeout=60) == 1
    assert asking_first.result(timeout=60) == asking_second.result(timeout=60) == 1


def beside[R](threads: ThreadPoolExecutor, act: Callable[[], R]) -> Future[R]:
    """Do it in a thread with a connection of its own."""

    def one() -> R:
        try:
            return act()
        finally:
            connection.close()

    return threads.submit(one)


def test_workers_at_once_ask_for_each_payment_once(manager: Till) -> None:
    manager.product("TEA", stock=100)
    for _ in range(8):
        begun(manager)
    asked = at_once(4, ask)
    while asking.is_due():  # their time was up
        asked.append(ask())
    assert sum(asked) == 8
    run_drain()
    assert Counter(SimulatedPayment.objects.values_list("asked", flat=True)) == {1: 8}
    assert settlements() == {"succeeded": 8}
    invariants.check(raw())


@pytest.mark.parametrize("locked", [True, False], ids=["with the row's lock", "control without it"])
def test_two_workers_never_lease_one_request(command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, locked: bool) -> None:
    """The second comes while the first has the row in its hands."""
    if not locked:
        monkeypatch.setattr(asking, "_CLAIM", asking._CLAIM.replace("FOR NO KEY UPDATE SKIP LOCKED", ""))
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            first = asking.claim(60)
            second = beside(threads, lambda: asking.claim(60))
            until(lambda: second.done() or somebody_waits(), "it has found nothing or waits")
        found = second.result(timeout=60)
    assert first is not None
    assert first.id == command
    assert (found is None) is locked
    assert locked or (found is not None and found.id == command)


@pytest.mark.parametrize("one_key", [True, False], ids=["one key", "control: a key for each answer"])
@pytest.mark.parametrize("turns", TURNS)
def test_the_answers_of_two_leases_settle_once(
    command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, turns: str, one_key: bool
) -> None:
    """Without the key a second settlement comes, and finds that nobody waits for it any more."""
    if not one_key:
        unkeyed(monkeypatch)
    two_answers(turns)
    run_drain()
    assert settlements() == ({"succeeded": 1} if one_key else {"succeeded": 1, "failed": 1})
    assert status(command) == "succeeded"
    assert Counter(Payment.objects.values_list("status", flat=True)) == {"captured": 1}
    assert SimulatedPayment.objects.get(id=command).asked == 1
    invariants.check(raw())


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control: the last answer stands"])
@pytest.mark.parametrize("turns", TURNS)
def test_of_two_answers_that_contradict_each_other_the_first_stands(
    command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, turns: str, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(asking, "_ANSWER", asking._ANSWER.replace("AND is_yes IS NULL", ""))
    two_answers(turns, says=NO, within=nullcontext if guarded else guards_asleep)
    [settled_by] = Command.objects.filter(type="payment.settle").values_list("payload__is_yes", flat=True)
    run_drain()
    assert status(command) == ("succeeded" if settled_by else "failed")
    if turns != "together":
        assert settled_by is (turns == "first, second")
    assert (ProviderRequest.objects.get(id=command).is_yes is settled_by) is guarded
    unsound = "what a provider was asked is settled exactly when its command has ended" in invariants.broken_rules(
        raw()
    )
    assert unsound is not guarded


@pytest.mark.parametrize("doubter", ["who lost its lease", "who has the lease"])
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control: the constraints notice"])
def test_doubts_that_come_while_the_command_ends_change_nothing(
    command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, guarded: bool, doubter: str
) -> None:
    """One of two workers knows the answer; the other says that nobody does while the batch that settles commits."""
    doubting, knowing = two_leases() if doubter == "who lost its lease" else two_leases()[::-1]
    answered(knowing)
    if not guarded:
        monkeypatch.setattr(asking, "_IN_DOUBT", asking._IN_DOUBT.replace("AND status = 'running'", ""))
    said: list[Future[bool]] = []
    end = attempts.end

    def end_while_somebody_doubts(*args: Any) -> None:
        end(*args)
        said.append(beside(threads, lambda: asking.unanswered(doubting, 1, UNCERTAIN)))
        until(lambda: said[0].done() or somebody_waits(), "it has said so or waits")

    monkeypatch.setattr(attempts, "end", end_while_somebody_doubts)
    with ThreadPoolExecutor(1) as threads:
        assert one_batch() == "ended"
        with nullcontext() if guarded else pytest.raises(IntegrityError):
            assert said[0].result(timeout=60) is False
    assert status(command) == "succeeded"
    invariants.check(raw())


@pytest.mark.parametrize("in_order", [True, False], ids=["request, command", "control: command, request"])
def test_doubts_and_the_end_of_a_command_never_lock_each_other_out(
    command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, in_order: bool
) -> None:
    """The batch that settles comes while somebody who doubts has locked the first of the two rows."""
    knowing, doubting = two_leases()
    answered(knowing)
    execute = db.execute
    postponing: list[Any] = []
    settling: list[Future[bool]] = []

    def execute_slowly(sql: str, parameters: Any = ()) -> int:
        if sql == asking._POSTPONE and not in_order:
            postponing.append(parameters)
            return 1
        done = execute(sql, parameters)
        if sql == (asking._POSTPONE if in_order else asking._IN_DOUBT):
            settling.append(beside(threads, batch_is_locked_out))
            until(lambda: settling[0].done() or somebody_waits(), "the batch waits")
            for each in postponing:
                execute(asking._POSTPONE, each)
        return done

    monkeypatch.setattr(db, "execute", execute_slowly)
    with ThreadPoolExecutor(1) as threads:
        doubter_is_locked_out = locked_out(lambda: asking.unanswered(doubting, 1, UNCERTAIN))
        assert (doubter_is_locked_out or settling[0].result(timeout=60)) is not in_order
    monkeypatch.undo()
    run_drain()
    assert status(command) == "succeeded"
    invariants.check(raw())


def batch_is_locked_out() -> bool:
    """Execute one batch of one command; whether it ran into a deadlock."""
    return locked_out(lambda: execute_batch(0, 1, 1))


def locked_out(act: Callable[[], object]) -> bool:
    """Do it; whether it ran into a deadlock."""
    try:
        act()
    except (OperationalError, BatchFailed) as error:
        cause = error.__cause__ if isinstance(error, BatchFailed) else error
        return cause is not None and isinstance(cause.__cause__, psycopg.errors.DeadlockDetected)
    return False


@pytest.mark.parametrize("again", [True, False], ids=["queued again", "control: not"])
def test_a_settlement_that_failed_for_no_reason_of_its_own_is_queued_again_once(
    command: uuid.UUID, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(SettlePayment, "decide", stumble)
        ask()
        run_drain()
    assert (settlements(), status(command)) == ({"failed": 1}, "running")
    lease_ends()
    requests = iter(two_leases())
    if not again:
        monkeypatch.setattr(inbox, "retry", lambda *_args: None)
    lanes = at_once(2, lambda: look_after(next(requests)))
    assert sum(lane is not None for lane in lanes) == again
    run_drain()
    assert (settlements(), status(command)) == (
        ({"succeeded": 1}, "succeeded") if again else ({"failed": 1}, "running")
    )
    invariants.check(raw())


def stumble(*_args: object) -> None:
    """As a bug does."""
    raise RuntimeError("stumbled")


def look_after(request: Request) -> int | None:
    """What the payments process does when an answer that is known has not been settled."""
    assert request.answer is not None
    return asking.answered(request, request.answer, LEASE_SECONDS)
