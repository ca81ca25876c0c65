"""Signatures, as the reference library of Standard Webhooks verifies them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from worker import signing

BODY = '{"type":"order.paid","data":{"note":"Grüße"}}'.encode()
OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(32)


def verified(secret: bytes, headers: dict[str, str], body: bytes = BODY) -> object:
    return Webhook(f"whsec_{base64.b64encode(secret).decode()}").verify(body, headers)


def test_the_reference_library_accepts_a_signature() -> None:
    headers = signing.headers("msg-1", datetime.now(UTC), BODY, [NEW])
    assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["webhook-id"] == "msg-1"
    assert verified(NEW, headers) == {"type": "order.paid", "data": {"note": "Grüße"}}


def test_during_a_rotation_holders_of_either_secret_accept_it_and_nobody_else() -> None:
    headers = signing.headers("msg-1", datetime.now(UTC), BODY, [NEW, OLD])
    assert len(headers["webhook-signature"].split(" ")) == 2
    verified(OLD, headers)
    verified(NEW, headers)
    with pytest.raises(WebhookVerificationError):
        verified(OTHER, headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_id_time_and_body_are_signed(changed: str) -> None:
    now = datetime.now(UTC)
    headers = signing.headers("msg-1", now, BODY, [NEW])
    others = {"webhook-id": "msg-2", "webhook-timestamp": str(int(now.timestamp()) + 1)}
    with pytest.raises(WebhookVerificationError):
        verified(NEW, headers | {changed: others.get(changed, "")}, b"{}" if changed == "body" else BODY)


def test_a_timestamp_is_in_whole_seconds_and_an_old_one_is_refused() -> None:
    at = datetime(2026, 11, 21, 9, 8, 54, 734_335, UTC)
    assert signing.headers("msg-1", at, BODY, [NEW])["webhook-timestamp"] == "1795252134"
    headers = signing.headers("msg-1", datetime.now(UTC) - timedelta(minutes=6), BODY, [NEW])
    with pytest.raises(WebhookVerificationError):
        verified(NEW, headers)
