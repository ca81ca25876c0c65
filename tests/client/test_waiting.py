"""Waiting for the end of a command: the server holds its answer, or the client looks again and again."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orderly_client import Command, CommandFailedError, CommandOpenError, Orderly, UnauthenticatedError, drafts
from orderly_client.calls import submit, wait
from orderly_client.conversation import Answer, Conversation, Lost
from orderly_client.retries import Pace
from tests.client.samples import COMMAND_ID, FAILED, ORDER_ID, PAID, answer, refusal, shown_command
from tests.client.script import Played, Script
from tests.client.standin import Asked, standing_in

OPEN = shown_command()
LOST = Lost("ConnectError")


def paying(pace: Pace, seconds: float) -> Conversation[Command]:
    return submit(drafts.pay(ORDER_ID, method="cash"), pace, seconds)


def held(seconds: float, applied: int, body: object = OPEN) -> Played:
    """An open command, after the server has waited."""
    return seconds, answer(202, body, Retry_After="1", Preference_Applied=f"wait={applied}")


def preferences(script: Script) -> list[str | None]:
    return [request.headers.get("Prefer") for request in script.sent]


def test_the_server_is_asked_to_wait_and_asked_again_at_once_when_it_has() -> None:
    script = Script()
    final = script.play(paying(script.pace(), 60), [held(25, 25), held(25, 25), (3, answer(200, PAID))])
    assert final.succeeded
    assert preferences(script) == ["wait=25", "wait=25", "wait=10"]
    assert [(each.method, each.path) for each in script.sent[1:]] == [("GET", f"/commands/{COMMAND_ID}")] * 2
    assert [each.timeout_seconds for each in script.sent] == [35, 35, 12]
    assert script.pauses == []


def test_without_a_grant_it_looks_as_often_as_retry_after_allows() -> None:
    script = Script()
    asked = answer(202, OPEN, Retry_After="4")
    silent = answer(200, OPEN)
    assert script.play(paying(script.pace(), 60), [asked, asked, silent, answer(200, PAID)]).succeeded
    assert script.pauses == [4, 4, 1]


def test_a_server_that_only_says_that_it_waited_is_not_stormed() -> None:
    script = Script()
    assert script.play(paying(script.pace(), 20), [held(0.1, 20), answer(200, PAID)]).succeeded
    assert script.pauses == [1]


@pytest.mark.parametrize("seconds", [1.9, 3.0, 10.0])
def test_when_the_time_is_over_the_command_comes_back_as_it_stands(seconds: float) -> None:
    script = Script()
    asked = [answer(202, OPEN, Retry_After="2")] * (3 if seconds < 10 else 6)
    command = script.play(paying(script.pace(), seconds), asked[: 2 + int(seconds / 2.02)])
    assert not command.is_final
    assert script.now <= 1000 + seconds
    with pytest.raises(CommandOpenError):
        command.raise_for_failure()


def test_nothing_is_waited_for_when_nobody_wants_to() -> None:
    script = Script()
    assert script.play(paying(script.pace(), 0), [answer(202, OPEN, Retry_After="1")]).status == "queued"
    assert preferences(script) == [None]


def test_an_accepted_command_is_no_error_while_the_network_is_away() -> None:
    script = Script()
    accepted = answer(202, OPEN, Retry_After="1")
    lost: Sequence[Played] = [(2.0, LOST)] * 3
    pace = script.pace(attempts_max=1)
    command = script.play(paying(pace, 6), [accepted, *lost])
    assert not command.is_final
    assert script.play(wait(command, pace, 30), [LOST, refusal(503, "unavailable"), answer(200, PAID)]).succeeded


def test_a_wait_that_can_have_no_end_says_why() -> None:
    script = Script()
    with pytest.raises(UnauthenticatedError):
        script.play(wait(Command.of(OPEN), script.pace(), 30), [refusal(401, "unauthenticated")])


def test_a_final_command_is_not_asked_for_again() -> None:
    script = Script()
    assert script.play(wait(Command.of(FAILED), script.pace(), 30), []).status == "failed"


def test_an_uncertain_command_is_waited_for() -> None:
    script = Script()
    uncertain = shown_command(status="uncertain", error={"code": "payment-uncertain", "retryable": False})
    seen = Command.of(uncertain)
    assert (seen.is_uncertain, seen.is_final, seen.succeeded) == (True, False, False)
    with pytest.raises(CommandOpenError, match="still uncertain"):
        seen.raise_for_failure()
    running = shown_command(status="running")
    assert script.play(
        paying(script.pace(), 20), [answer(202, running), answer(202, uncertain), answer(200, PAID)]
    ).succeeded


def test_a_command_shows_what_the_server_said() -> None:
    paid = Command.of(PAID | {"unheard_of": 1})
    assert paid.order
    assert (paid.order.status, paid.order.total, paid.order.version) == ("paid", Decimal("4.58"), 2)
    assert paid.payment
    assert (paid.payment.tendered, paid.payment.change) == (Decimal("5.00"), Decimal("0.42"))
    assert (paid.product, paid.error, paid.shown["unheard_of"]) == (None, None, 1)
    assert paid.finished_at == datetime(2026, 11, 21, 9, 8, 54, 713816, UTC)
    assert paid.raise_for_failure() is paid
    with pytest.raises(CommandFailedError, match="insufficient-stock"):
        Command.of(FAILED).raise_for_failure()
    with pytest.raises(CommandFailedError) as cancelled:
        Command.of(shown_command(status="cancelled")).raise_for_failure()
    assert (cancelled.value.code, cancelled.value.idempotency_key) == ("cancelled", "k")


def test_a_real_server_that_holds_its_answer_is_asked_twice_without_a_pause() -> None:
    """It grants one second of those asked for, and holds that long; then the command ends."""
    never = threading.Event()

    def reply(asked: Asked) -> Answer:
        if asked.method == "GET":
            return answer(200, PAID, Preference_Applied="wait=1")
        never.wait(1.0)
        return answer(202, OPEN, Retry_After="30", Preference_Applied="wait=1", Idempotent_Replayed="true")

    with standing_in(reply) as server, Orderly(server.url, "p.secret", wait_seconds=20) as till:
        paid = till.pay(ORDER_ID, method="cash")
    assert paid.succeeded
    assert paid.replayed
    assert server.paths() == ["POST /api/v1/commands", f"GET /api/v1/commands/{COMMAND_ID}"]
    assert server.asked[0].headers["prefer"] == "wait=19"  # whole seconds, rounded down
    assert server.asked[0].headers["authorization"] == "Api-Key p.secret"
    assert "p.secret" not in repr(till)
