"""Signatures of webhooks, made anew for each attempt. Source: Standard Webhooks, "Signature scheme"."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime


def headers(webhook_id: str, at: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers; one signature for each of the secrets, the newest first."""
    timestamp = str(int(at.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"
