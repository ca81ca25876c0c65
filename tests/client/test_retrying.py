"""What is repeated, when, and when the client gives up; a script plays network, clock and chance."""

import pytest

from orderly_client import (
    Command,
    ConflictError,
    InvalidRequestError,
    OrderlyError,
    ProblemError,
    RateLimitedError,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
    drafts,
)
from orderly_client.calls import order_of, submit
from orderly_client.conversation import Answer, Conversation, Lost
from orderly_client.retries import Pace
from tests.client.samples import ORDER_ID, PAID, answer, refusal
from tests.client.script import Script

DONE = answer(200, PAID)
LOST = Lost("ReadTimeout")
HTML = Answer(status=200, headers={}, body=b"<html>Please log in to this hotspot</html>")


def paying(pace: Pace) -> Conversation[Command]:
    return submit(drafts.pay(ORDER_ID, method="cash", idempotency_key="k"), pace, wait_seconds=0)


@pytest.mark.parametrize(
    "first",
    [
        LOST,
        refusal(429, "rate-limited"),
        refusal(503, "unavailable"),
        Answer(status=502, headers={}, body=b"bad gateway"),
        Answer(status=504, headers={}, body=b"gateway timeout"),
    ],
)
def test_repeats_what_may_succeed_later_under_the_same_key(first: Answer | Lost) -> None:
    script = Script()
    assert script.play(paying(script.pace()), [first, DONE]).succeeded
    once, again = script.sent
    assert (once.headers["Idempotency-Key"], once.body) == (again.headers["Idempotency-Key"], again.body)
    assert once.headers["Idempotency-Key"] == "k"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        *((status, "invalid-request", InvalidRequestError) for status in (400, 405, 406, 413, 415)),
        (401, "unauthenticated", ProblemError),
        (403, "forbidden", ProblemError),
        (404, "not-found", ProblemError),
        (408, "unheard-of", ProblemError),
        (409, "sku-exists", ConflictError),
        (410, "result-expired", ProblemError),
        (422, "expired", ProblemError),
        (425, "unheard-of", ProblemError),
        (500, "internal-error", ServerError),
    ],
)
def test_never_repeats_another_refusal(status: int, code: str, kind: type[ProblemError]) -> None:
    script = Script()
    with pytest.raises(kind) as refused:
        script.play(paying(script.pace()), [refusal(status, code)])
    assert (refused.value.status, refused.value.code, refused.value.detail) == (status, code, f"It is {code}.")
    assert refused.value.idempotency_key == "k"
    assert script.pauses == []


@pytest.mark.parametrize(
    "strange",
    [
        HTML,
        answer(302, {}, Location="/login"),
        answer(200, []),
        answer(200, {"id": "x"}),
        answer(200, PAID | {"accepted_at": None}),
        answer(404, {"code": None}),
        answer(400, {"code": "invalid-request", "errors": 5}),
        Answer(status=403, headers={}, body=b"Forbidden by the proxy"),
    ],
)
def test_an_answer_of_somebody_else_is_no_outcome(strange: Answer) -> None:
    script = Script()
    with pytest.raises(UnexpectedAnswerError) as unexpected:
        script.play(paying(script.pace()), [strange])
    assert (unexpected.value.status, unexpected.value.idempotency_key) == (strange.status, "k")


def test_pauses_double_up_to_their_bound() -> None:
    script = Script()
    script.play(paying(script.pace(delay_seconds_first=0.5, delay_seconds_max=3)), [LOST] * 5 + [DONE])
    assert script.pauses == [0.5, 1, 2, 3, 3]


def test_jitter_is_full() -> None:
    script, bounds = Script(), list[tuple[float, float]]()
    pace = script.pace(delay_seconds_first=0.5)

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    quick = Pace(retries=pace.retries, timeout_seconds=1, now=pace.now, uniform=uniform)
    script.play(paying(quick), [LOST, LOST, DONE])
    assert bounds == [(0, 0.5), (0, 1)]
    assert script.pauses == [0, 0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "Sat, 21 Nov 2026 09:00:20 GMT", "Date": "Sat, 21 Nov 2026 09:00:10 GMT"}, 10),
        ({"Retry_After": "Sat, 21 Nov 2026 09:00:00 GMT", "Date": "Sat, 21 Nov 2026 09:00:10 GMT"}, 0),
        ({"Retry_After": "Sat, 21 Nov 2026 09:00:20 GMT"}, 0),
        ({"Retry_After": "-5"}, 0),
        ({"Retry_After": "soon"}, 0),
        ({"Retry_After": "nan"}, 0),
    ],
)
def test_stays_away_as_long_as_it_is_asked_to(headers: dict[str, str], seconds: float) -> None:
    script = Script()
    script.play(paying(script.pace(delay_seconds_first=0.25)), [refusal(503, "unavailable", **headers), DONE])
    assert script.pauses == [seconds + 0.25]


def test_gives_up_after_so_many_attempts() -> None:
    script = Script()
    with pytest.raises(UnreachableError, match="ReadTimeout") as lost:
        script.play(paying(script.pace(attempts_max=3)), [LOST] * 3)
    assert lost.value.idempotency_key == "k"
    assert len(script.pauses) == 2


def test_gives_up_when_the_time_is_over() -> None:
    script = Script()
    with pytest.raises(UnreachableError):
        script.play(paying(script.pace(total_seconds=25, delay_seconds_first=1)), [(10.0, LOST)] * 3)
    assert script.now == pytest.approx(1000 + 10 + 1 + 10 + 2 + 10)
    assert [request.timeout_seconds for request in script.sent] == [10, 10, 4]


@pytest.mark.parametrize(
    ("no", "kind"), [(refusal(429, "rate-limited", Retry_After="60"), RateLimitedError),
                     (refusal(503, "unavailable", Retry_After="60"), UnavailableError)]
)  # fmt: skip
def test_does_not_wait_longer_than_its_time_and_says_how_long_it_should_have(
    no: Answer, kind: type[OrderlyError]
) -> None:
    script = Script()
    with pytest.raises(kind) as refused:
        script.play(paying(script.pace(total_seconds=30)), [no])
    assert (refused.value.retry_after_seconds, script.pauses) == (60, [])


def test_reading_is_repeated_too() -> None:
    script = Script()
    with pytest.raises(ProblemError):
        script.play(order_of(ORDER_ID, script.pace()), [LOST, refusal(404, "not-found")])
    assert {request.path for request in script.sent} == {f"/orders/{ORDER_ID}"}


def test_only_an_id_gets_into_a_path() -> None:
    script = Script()
    with pytest.raises(ValueError, match="badly formed"):
        script.play(order_of("../products", script.pace()), [])
