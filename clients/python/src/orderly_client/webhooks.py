"""Webhooks of Orderly, verified as Standard Webhooks asks (standardwebhooks.com, specification)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orderly_client.errors import OrderlyError
from orderly_client.resources import Command, OrderState

TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"
_VERSION = "v1"


class WebhookError(OrderlyError):
    """The request does not come from Orderly, or not now: answer 400 and do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`id` is the same on every attempt to deliver it; `sequence` is the version of the order, of `order.*` alone."""

    id: str
    type: str
    timestamp: datetime
    sequence: int | None
    data: Mapping[str, Any]

    @property
    def order(self) -> OrderState | None:
        """The order after an `order.*` event."""
        return OrderState.of(self.data["order"]) if "order" in self.data else None

    @property
    def command(self) -> Command | None:
        """The command of a `command.*` event."""
        return Command.of(self.data["command"]) if "command" in self.data else None


class WebhookVerifier:
    """Knows one endpoint's secret, `whsec_...`. Raises ValueError if it is none.

    During a rotation Orderly signs with both secrets, so one verifier is enough at any time.
    """

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._key = _decoded(secret.removeprefix(_PREFIX))
        if not self._key:
            raise ValueError("a webhook secret is whsec_ and base64")
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes | str) -> Event:
        """The event, of the body exactly as it came. Raises WebhookError.

        Orderly delivers at least once: remember `event.id`, and do nothing when it comes again.
        """
        raw = body.encode() if isinstance(body, str) else body
        named = {name.lower(): text for name, text in headers.items()}
        try:
            message_id, sent_at, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        except KeyError as missing:
            raise WebhookError(f"the header {missing} is missing") from None
        self._demand_recent(sent_at)
        self._demand_signed(f"{message_id}.{sent_at}.".encode() + raw, signatures)
        return _event(message_id, raw)

    def _demand_recent(self, sent_at: str) -> None:
        # Longer than any time, a number would still be digits, and cost much to read.
        if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
            raise WebhookError("webhook-timestamp is no time")
        if abs(self._now() - int(sent_at)) > TOLERANCE_SECONDS:
            raise WebhookError(f"webhook-timestamp is more than {TOLERANCE_SECONDS} s away from this clock")

    def _demand_signed(self, content: bytes, signatures: str) -> None:
        expected = hmac.digest(self._key, content, hashlib.sha256)
        given = (signature.partition(",") for signature in signatures.split(" "))
        candidates = [_decoded(text) for version, _, text in given if version == _VERSION]
        if not any([hmac.compare_digest(expected, candidate) for candidate in candidates]):  # noqa: C419 - all of them
            raise WebhookError("no signature fits")


def _decoded(text: str) -> bytes:
    """Empty for what is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _event(message_id: str, raw: bytes) -> Event:
    try:
        shown = json.loads(raw)
        return Event(
            id=message_id,
            type=shown["type"],
            timestamp=datetime.fromisoformat(shown["timestamp"]),
            sequence=shown.get("sequence"),
            data=shown["data"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WebhookError(f"signed, but no event: {error!r}") from error
