"""Uploading many commands: what is sent again, and what becomes of each."""

import json

import pytest

from orderly_client import Command, Problem, UnavailableError, UnexpectedAnswerError, drafts
from orderly_client.calls import submit_many
from orderly_client.conversation import Lost
from tests.client.samples import answer, refusal, shown_command, shown_problem
from tests.client.script import Script

NEW = {"status": 202, "command": shown_command()}
KNOWN = {"status": 200, "replayed": True, "command": shown_command(status="succeeded")}
BAD = {"status": 400, "error": shown_problem(400, "invalid-request")}
LATER = {"status": 503, "error": shown_problem(503, "unavailable")}
BUG = {"status": 500, "error": shown_problem(500, "internal-error")}


def results(*each: object) -> object:
    return {"results": list(each)}


def test_each_entry_has_its_outcome() -> None:
    script = Script()
    sale = [drafts.create_order() for _ in range(3)]
    outcomes = script.play(submit_many(sale, script.pace()), [Lost("away"), answer(200, results(NEW, BAD, KNOWN))])
    first, second, third = outcomes
    assert isinstance(first, Command)
    assert isinstance(second, Problem)
    assert isinstance(third, Command)
    assert (first.replayed, second.status, third.replayed) == (False, 400, True)
    once, again = script.sent
    assert once == again
    assert [entry["idempotency_key"] for entry in json.loads(once.body or b"")["commands"]] == [
        draft.idempotency_key for draft in sale
    ]


def test_a_batch_of_which_one_is_put_off_is_sent_again_whole() -> None:
    script = Script()
    sale = [drafts.create_order() for _ in range(2)]
    replies = [answer(200, results(NEW, LATER)), answer(200, results(KNOWN, NEW))]
    outcomes = script.play(submit_many(sale, script.pace()), replies)
    assert [isinstance(each, Command) and each.replayed for each in outcomes] == [True, False]
    assert script.sent[0].body == script.sent[1].body
    assert len(script.pauses) == 1


@pytest.mark.parametrize(("outcome", "status"), [(LATER, 503), (BUG, 500)])
def test_what_cannot_be_taken_stops_the_upload(outcome: object, status: int) -> None:
    script = Script()
    sale = [drafts.create_order() for _ in range(1_001)]
    no = answer(200, results(*[NEW] * 999, outcome))
    with pytest.raises(Exception, match=str(status)) as stopped:
        script.play(submit_many(sale, script.pace(attempts_max=1)), [no])
    assert getattr(stopped.value, "status", None) == status
    assert len(script.sent) == 1, "nothing overtakes what was not taken"


def test_an_empty_upload_asks_nobody() -> None:
    script = Script()
    assert script.play(submit_many([], script.pace()), []) == []


@pytest.mark.parametrize("strange", [results(), results(NEW, NEW), {"results": None}, {}, results({"status": 202})])
def test_an_answer_that_does_not_fit_is_none(strange: object) -> None:
    script = Script()
    with pytest.raises(UnexpectedAnswerError):
        script.play(submit_many([drafts.create_order()], script.pace()), [answer(200, strange)])


def test_a_refusal_of_the_whole_is_raised() -> None:
    script = Script()
    with pytest.raises(UnavailableError):
        script.play(submit_many([drafts.create_order()], script.pace(attempts_max=1)), [refusal(503, "unavailable")])
