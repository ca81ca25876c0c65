"""Stripe's provider against a Stripe on this machine, over HTTP: what is a yes, what a no, and what nobody knows."""

import json
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.processes import free_port
from domain.money import DIGITS
from tests.concurrency.workers import at_once
from tests.stripe_stand_in import KEY, StandIn, Trouble, refusal
from tests.worker.providers.asking import a_charge, a_return
from worker.providers import Answer, NoAnswer
from worker.providers import stripe as module
from worker.providers.stripe import Stripe, stripe_amount

GOOD, DECLINED = "pm_card_visa", "pm_card_chargeCustomerFail"
LONG, SHORT = 30.0, 0.3
FREEZE, HANG_UP, FAIL, DROP, DRIP = (
    Trouble("freeze"), Trouble("hang_up"), Trouble("say"), Trouble("drop"), Trouble("drip")
)  # fmt: skip


def stripe(stand_in: StandIn, timeout_seconds: float = LONG, key: str = KEY) -> Stripe:
    return Stripe(key, stand_in.url, timeout_seconds)


def say(status: int, message: str, kind: str, **more: str) -> Trouble:
    told = refusal(status, message, kind, **more)
    return Trouble("say", told.status, told.body)


def paid(stand_in: StandIn, amount: int = 2997) -> str:
    """The reference of a new charge."""
    reference = stripe(stand_in).charge(a_charge(GOOD, amount)).reference
    assert reference is not None
    return reference


def card(stand_in: StandIn, number: str) -> str:
    """A payment method with this card."""
    form = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
    return str(stand_in.make("/v1/payment_methods", type="card", **form)["id"])


def test_a_good_card_is_charged_once_with_our_ids(stand_in: StandIn) -> None:
    charge = a_charge(GOOD)
    answer = stripe(stand_in).charge(charge)
    [intent] = stand_in.charged()
    assert answer == Answer(is_yes=True, reference=intent["id"])
    assert (intent["amount"], intent["currency"]) == (2997, "eur")
    assert intent["metadata"] == {"orderly_payment": str(charge.id), "orderly_order": str(charge.order_id)}
    assert [asked.key for asked in stand_in.asked] == [str(charge.id)]


def test_a_declined_card_is_a_no_in_stripes_words_also_when_it_is_looked_up(stand_in: StandIn) -> None:
    charge = a_charge(DECLINED)
    no = Answer(is_yes=False, detail="Your card was declined.")
    assert stripe(stand_in).charge(charge) == no
    assert stripe(stand_in).charge(charge) == no
    assert stripe(stand_in).look_up(charge) == no
    assert stand_in.charged() == []


def test_an_unknown_payment_method_is_a_no(stand_in: StandIn) -> None:
    assert stripe(stand_in).charge(a_charge("pm_unknown")) == Answer(is_yes=False, detail="Not Found")


def test_a_card_that_wants_its_holder_is_a_no_that_nobody_can_make_a_yes_of(stand_in: StandIn) -> None:
    charge = a_charge(card(stand_in, "4000002500003155"))
    answer = stripe(stand_in).charge(charge)
    assert (answer.is_yes, "confirm" in str(answer.detail)) == (False, True)
    assert [each["status"] for each in stand_in.intents()] == ["canceled"]
    looked_up = stripe(stand_in).look_up(charge)
    assert looked_up == Answer(is_yes=False, detail="The payment was cancelled at Stripe.")


@pytest.mark.parametrize("trouble", [FAIL, say(400, "It has succeeded.", "invalid_request_error")])
def test_it_is_no_no_before_that(stand_in: StandIn, trouble: Trouble) -> None:
    charge, provider = a_charge(card(stand_in, "4000002500003155")), stripe(stand_in)
    stand_in.misbehave(trouble, times=1, after=1)
    with pytest.raises(NoAnswer):
        provider.charge(charge)
    looked_up = provider.look_up(charge)
    assert looked_up is not None
    assert not looked_up.is_yes
    assert [each["status"] for each in stand_in.intents()] == ["canceled"]


@pytest.mark.parametrize("trouble", [FREEZE, DRIP], ids=lambda trouble: trouble.kind)
def test_a_provider_that_does_not_end_its_answer_in_time_has_given_none(stand_in: StandIn, trouble: Trouble) -> None:
    stand_in.misbehave(trouble)
    provider = stripe(stand_in, SHORT)
    for ask in (provider.charge, provider.look_up):
        with pytest.raises(NoAnswer, match=r"0\.3 s"):
            ask(a_charge(GOOD))
    with pytest.raises(NoAnswer, match=r"0\.3 s"):
        provider.give_back(a_return("pi_1", 1))


@pytest.mark.parametrize(
    "trouble",
    [
        HANG_UP,
        FAIL,
        Trouble("say", 502, b"<html>Bad gateway</html>"),
        Trouble("say", 200, b"<html>Please log in</html>"),
        Trouble("say", 200, b"{}"),
        Trouble("say", 200, b"[]"),
        Trouble("say", 404, b"<html>Nothing here</html>"),
        say(429, "Too many requests.", "rate_limit_error", code="rate_limit"),
        say(409, "It is still being worked on.", "idempotency_error", code="idempotency_key_in_use"),
        say(400, "Keys can only be used once.", "idempotency_error"),
        say(401, "Invalid API Key provided: sk_test_***.", "invalid_request_error"),
        say(403, "This key may not do that.", "invalid_request_error"),
    ],
    ids=lambda trouble: f"{trouble.kind}-{trouble.status}-{trouble.body[:6]}",
)
def test_trouble_is_no_answer(stand_in: StandIn, trouble: Trouble) -> None:
    stand_in.misbehave(trouble)
    provider = stripe(stand_in)
    with pytest.raises(NoAnswer):
        provider.charge(a_charge(GOOD))
    with pytest.raises(NoAnswer):
        provider.give_back(a_return("pi_1", 1))
    for request in (a_charge(GOOD), a_return("pi_1", 1)):
        with pytest.raises(NoAnswer):
            provider.look_up(request)
    assert len(stand_in.asked) == 4, "nothing is asked for twice"


def test_a_key_that_is_refused_is_no_answer_and_a_line_without_it(
    stand_in: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NoAnswer, match="does not accept our key"):
        stripe(stand_in, key="wrong").charge(a_charge(GOOD))
    [line] = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "provider.refused-us" in line]
    assert (line["level"], line["status"]) == ("error", 401)
    assert "wrong" not in str(line)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="connection"):
        Stripe(KEY, f"http://127.0.0.1:{free_port()}", LONG).charge(a_charge(GOOD))


def test_a_charge_whose_answer_was_lost_is_found_and_not_made_again(stand_in: StandIn) -> None:
    charge, provider = a_charge(GOOD), stripe(stand_in)
    stand_in.misbehave(DROP, times=1)
    with pytest.raises(NoAnswer):
        provider.charge(charge)
    [intent] = stand_in.charged()
    yes = Answer(is_yes=True, reference=intent["id"])
    assert provider.look_up(charge) == yes
    assert provider.charge(charge) == yes
    assert len(stand_in.charged()) == 1


def test_a_refund_whose_answer_was_lost_is_found_and_not_made_again(stand_in: StandIn) -> None:
    wanted, provider = a_return(paid(stand_in), 997), stripe(stand_in)
    stand_in.misbehave(DROP, times=1)
    with pytest.raises(NoAnswer):
        provider.give_back(wanted)
    [refund] = stand_in.refunded()
    yes = Answer(is_yes=True, reference=refund["id"])
    assert provider.look_up(wanted) == yes
    assert provider.give_back(wanted) == yes
    assert len(stand_in.refunded()) == 1


def test_what_never_arrived_is_not_found(stand_in: StandIn) -> None:
    provider, reference = stripe(stand_in), paid(stand_in)
    assert provider.look_up(a_charge(GOOD)) is None
    assert provider.look_up(a_return(reference, 1)) is None


def test_racing_with_one_id_makes_one_charge(stand_in: StandIn) -> None:
    charge = a_charge(GOOD)

    def ask() -> bool:
        try:
            return stripe(stand_in).charge(charge).is_yes
        except NoAnswer:
            return False

    assert any(at_once(4, ask))
    assert len(stand_in.charged()) == 1


def test_the_same_id_with_another_amount_gets_no_answer(stand_in: StandIn) -> None:
    charge = a_charge(GOOD)
    stripe(stand_in).charge(charge)
    with pytest.raises(NoAnswer):
        stripe(stand_in).charge(replace(charge, amount=charge.amount + 1))
    assert len(stand_in.charged()) == 1


def test_gives_back_what_is_left_and_no_more(stand_in: StandIn) -> None:
    provider, reference = stripe(stand_in), paid(stand_in, 1000)
    first, too_much, rest = (a_return(reference, amount) for amount in (600, 401, 400))
    assert provider.give_back(first).is_yes
    refused = provider.give_back(too_much)
    assert (refused.is_yes, refused.detail) == (False, "Refund amount is greater than unrefunded amount on charge.")
    assert provider.give_back(rest).is_yes
    given = {refund["metadata"]["orderly_payment"] for refund in stand_in.refunded()}  # those of a second in any order
    assert given == {str(each.id) for each in (first, rest)}


def test_gives_nothing_back_of_what_was_never_paid(stand_in: StandIn) -> None:
    assert not stripe(stand_in).give_back(a_return("pi_of_somebody_else", 1)).is_yes


@pytest.mark.parametrize(
    ("status", "is_yes"), [("succeeded", True), ("failed", False), ("canceled", False), ("pending", None), (None, None)]
)
def test_a_refund_is_what_its_status_says(stand_in: StandIn, status: str | None, is_yes: bool | None) -> None:
    refund: dict[str, object] = {"id": "re_1", "object": "refund", "status": status, "metadata": {}}
    stand_in.misbehave(Trouble("say", 200, json.dumps(refund).encode()), times=1)
    try:
        answer = stripe(stand_in).give_back(a_return("pi_1", 1))
    except NoAnswer:
        assert is_yes is None
    else:
        assert answer.is_yes is is_yes


@pytest.mark.parametrize(
    "status", ["requires_payment_method", "requires_confirmation", "requires_capture", "processing", "something_new"]
)
def test_an_intent_in_the_middle_of_it_has_no_answer(stand_in: StandIn, status: str) -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "status": status, "last_payment_error": None}
    stand_in.misbehave(Trouble("say", 200, json.dumps(intent).encode()), times=1)
    with pytest.raises(NoAnswer, match=status):
        stripe(stand_in).charge(a_charge(GOOD))


def test_a_charge_is_found_on_whatever_page_it_stands(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = a_charge(GOOD)
    yes = stripe(stand_in).charge(charge)
    for _ in range(4):
        stand_in.make("/v1/payment_intents", amount=1, currency="eur")
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    stand_in.asked.clear()
    assert stripe(stand_in).look_up(charge) == yes
    assert len(stand_in.asked) == 3


def test_a_refund_is_found_on_whatever_page_it_stands(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, provider = paid(stand_in), stripe(stand_in)
    wanted = [a_return(reference, 1) for _ in range(5)]
    answers = [provider.give_back(each) for each in wanted]
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    assert [provider.look_up(each) for each in wanted] == answers


@pytest.mark.parametrize(
    ("earlier", "is_found"),
    [(timedelta(), True), (timedelta(hours=23, minutes=30), True), (timedelta(hours=25), False)],
)
def test_a_charge_is_found_however_late_it_was_asked_for_again(
    stand_in: StandIn, earlier: timedelta, is_found: bool
) -> None:
    """As long as Stripe keeps its key; nothing asks with it any later."""
    charge = replace(a_charge(GOOD), asked_at=datetime.now(UTC) - earlier)
    yes = stripe(stand_in).charge(charge)
    assert stripe(stand_in).look_up(charge) == (yes if is_found else None)


def test_nobody_looks_on_when_nobody_waits(stand_in: StandIn) -> None:
    charge = a_charge(GOOD)
    stripe(stand_in).charge(charge)
    with pytest.raises(TimeoutError):
        stripe(stand_in)._found(charge, deadline=time.monotonic() - 1)


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [
        ("EUR", 2997, 2997), ("JPY", 500, 500), ("HUF", 1045, 1045), ("TWD", 100, 100),
        ("ISK", 5, 500), ("UGX", 5, 500),
        ("MGA", 500, 5), ("MGA", 501, None),
        ("KWD", 5120, 5120), ("KWD", 5124, None), ("BHD", 10, 10), ("TND", 1, None),
    ],
)  # fmt: skip
def test_amounts_are_as_stripe_counts_them(currency: str, minor: int, amount: int | None) -> None:
    assert stripe_amount(minor, currency) == amount


def test_every_currency_has_an_amount() -> None:
    assert all(stripe_amount(10_000, currency) for currency in DIGITS)


def test_what_stripe_cannot_count_is_a_no_that_says_so_and_is_not_asked_for(stand_in: StandIn) -> None:
    answers = [
        stripe(stand_in).charge(a_charge(GOOD, 5124, "KWD")),
        stripe(stand_in).give_back(a_return("pi_1", 5124, "KWD")),
    ]
    for answer in answers:
        assert (answer.is_yes, "5.124 KWD" in str(answer.detail)) == (False, True)
    assert stand_in.asked == []


def test_charges_of_one_order_are_told_apart_by_their_ids(stand_in: StandIn) -> None:
    first = a_charge(GOOD)
    second = replace(first, id=uuid.uuid4())
    answers = [stripe(stand_in).charge(each) for each in (first, second)]
    assert [stripe(stand_in).look_up(each) for each in (first, second)] == answers
