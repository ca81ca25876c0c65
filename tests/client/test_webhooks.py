"""Webhooks, held against the reference implementation of Standard Webhooks."""

import base64
import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orderly_client import WebhookError, WebhookVerifier
from tests.client.samples import NOW, ORDER_ID, PAID

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()
ORDER = {"id": ORDER_ID, "status": "paid", "version": 4, "total": "29.97", "currency": "EUR"}
EVENT = {"type": "order.paid", "timestamp": NOW, "sequence": 4, "data": {"order": ORDER, "command_id": ORDER_ID}}
BODY = json.dumps(EVENT, ensure_ascii=False)


def signed(*secrets: str, body: str = BODY, at: float | None = None) -> dict[str, str]:
    """The headers of a delivery, signed by the reference with each of the secrets."""
    sent_at = datetime.fromtimestamp(int(time.time() if at is None else at), UTC)
    signatures = [Webhook(secret).sign("msg_1", sent_at, body) for secret in secrets]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def test_takes_what_the_reference_signed() -> None:
    event = WebhookVerifier(SECRET).verify(signed(SECRET), BODY.encode())
    assert (event.id, event.type, event.sequence) == ("msg_1", "order.paid", 4)
    assert event.timestamp == datetime.fromisoformat(NOW)
    assert event.order
    assert (event.order.total, event.order.status, event.command) == (Decimal("29.97"), "paid", None)


def test_takes_text_names_in_any_case_and_a_secret_without_its_prefix() -> None:
    headers = {name.title(): text for name, text in signed(SECRET).items()}
    assert WebhookVerifier(SECRET.removeprefix("whsec_")).verify(headers, BODY).data["command_id"] == ORDER_ID


def test_shows_the_command_of_an_event_about_commands() -> None:
    body = json.dumps({"type": "command.succeeded", "timestamp": NOW, "sequence": None, "data": {"command": PAID}})
    event = WebhookVerifier(SECRET).verify(signed(SECRET, body=body), body)
    assert event.command
    assert (event.command.succeeded, event.order, event.sequence) == (True, None, None)


def altered(**changed: str) -> dict[str, str]:
    return signed(SECRET) | {name.replace("_", "-"): text for name, text in changed.items()}


type Case = tuple[dict[str, str], str, bool]


def cases() -> dict[str, Case]:
    """Headers, body and whether they are good; made anew for each test, for they age."""
    good = signed(SECRET)["webhook-signature"]
    return {
        "as signed": (signed(SECRET), BODY, True),
        "by two secrets, ours last": (signed(OTHER, SECRET), BODY, True),
        "by two secrets, ours first": (signed(SECRET, OTHER), BODY, True),
        "beside an unknown version": (altered(webhook_signature=f"v1a,AAAA {good}"), BODY, True),
        "by another secret": (signed(OTHER), BODY, False),
        "by an unknown version alone": (altered(webhook_signature=good.replace("v1,", "v2,")), BODY, False),
        "with another body": (signed(SECRET), BODY.replace("29.97", "0.01"), False),
        "with another id": (altered(webhook_id="msg_2"), BODY, False),
        "with another time": (altered(webhook_timestamp=str(int(time.time()) - 9)), BODY, False),
        "with no signature": (altered(webhook_signature=""), BODY, False),
        "with half a signature": (altered(webhook_signature=good[:20]), BODY, False),
        "too long ago": (signed(SECRET, at=time.time() - 330), BODY, False),
        "too far ahead": (signed(SECRET, at=time.time() + 330), BODY, False),
        "long ago, within the tolerance": (signed(SECRET, at=time.time() - 240), BODY, True),
        "ahead, within the tolerance": (signed(SECRET, at=time.time() + 270), BODY, True),
        "with a time that is none": (altered(webhook_timestamp="yesterday"), BODY, False),
    }


@pytest.mark.parametrize("name", cases())
def test_judges_as_the_reference_does(name: str) -> None:
    headers, body, good = cases()[name]
    if good:
        assert WebhookVerifier(SECRET).verify(headers, body).data == Webhook(SECRET).verify(body, headers)["data"]
        return
    with pytest.raises((WebhookVerificationError, ValueError)):
        Webhook(SECRET).verify(body, headers)
    with pytest.raises(WebhookError):
        WebhookVerifier(SECRET).verify(headers, body)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_refuses_what_lacks_a_header(missing: str) -> None:
    headers = {name: text for name, text in signed(SECRET).items() if name != missing}
    with pytest.raises(WebhookError, match=missing):
        WebhookVerifier(SECRET).verify(headers, BODY)


@pytest.mark.parametrize("signature", ["v1", "v1,", "v1,caf\xe9", ",", "v1,====", "v1," + "A" * 100_000])
def test_refuses_any_rubbish_without_another_error(signature: str) -> None:
    with pytest.raises(WebhookError):
        WebhookVerifier(SECRET).verify(altered(webhook_signature=signature), BODY)


@pytest.mark.parametrize("sent_at", ["1e9", "-5", "inf", " 5", "\u0661", "9" * 5_000])
def test_refuses_a_time_that_is_no_number_of_seconds(sent_at: str) -> None:
    with pytest.raises(WebhookError, match="no time"):
        WebhookVerifier(SECRET).verify(altered(webhook_timestamp=sent_at), BODY)


@pytest.mark.parametrize(("age", "good"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_the_tolerance_is_five_minutes_either_way(age: int, good: bool) -> None:
    verifier = WebhookVerifier(SECRET, now=lambda: 1_800_000_000.0 + age)
    headers = signed(SECRET, at=1_800_000_000)
    if good:
        assert verifier.verify(headers, BODY).id == "msg_1"
    else:
        with pytest.raises(WebhookError, match="300 s"):
            verifier.verify(headers, BODY)


@pytest.mark.parametrize("body", ["[]", "null", "{}", "not json", '{"type": "x", "timestamp": "y", "data": {}}'])
def test_refuses_what_is_signed_but_no_event(body: str) -> None:
    with pytest.raises(WebhookError, match="no event"):
        WebhookVerifier(SECRET).verify(signed(SECRET, body=body), body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "whsec_caf\xe9"])
def test_a_secret_that_is_none_is_found_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        WebhookVerifier(secret)
