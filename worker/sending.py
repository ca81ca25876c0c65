"""One attempt: the event as a signed request, and what came of it in words that its owner can read."""

import asyncio
import functools
import os
import random
import ssl
import time
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import h11
import orjson
import structlog

from store import metrics, sealing, traces
from store.addresses import Refused
from store.deliveries import Claimed, Tried
from store.traces import Span
from worker import schedule, signing
from worker.lines import Answer, Lines, NoAnswer
from worker.resolver import Resolver

SECONDS_MAX = 15.0
"""Connecting, sending and reading, all together."""
_HEADERS = {"Content-Type": "application/json", "User-Agent": "Orderly-Webhooks/1"}

log = structlog.get_logger()


async def attempt(claimed: Claimed, claimed_at: float, lines: Lines, resolver: Resolver) -> Tried:
    """Send the delivery once; whatever happens ends here. `claimed_at` is `time.monotonic()` when it was claimed."""
    began = time.monotonic()
    at = claimed.now + timedelta(seconds=began - claimed_at)
    answer = Answer()
    with traces.client(f"deliver {claimed.event_type}", claimed.traceparent) as span:
        error = await _send(claimed, at, lines, resolver, span.traceparent if span else claimed.traceparent, answer)
        if span is not None:
            _describe(span, claimed, answer, error)
    tried = _tried(claimed, at, time.monotonic() - began, answer, error)
    _tell(tried)
    return tried


async def _send(
    claimed: Claimed, at: datetime, lines: Lines, resolver: Resolver, traceparent: str | None, answer: Answer
) -> str | None:
    """Fill in the answer; why there was none, or no good one."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            destination = await resolver.checked(claimed.url)
            body = body_of(claimed)
            headers = signing.headers(str(claimed.event_id), at, body, _secrets(claimed))
            whence = {"traceparent": traceparent, "X-Request-Id": claimed.request_id}
            known = {name: text for name, text in whence.items() if text is not None}
            await lines.post(destination, _HEADERS | headers | known, body, answer)
    except Exception as failure:
        if not answer.status:
            return _in_words(failure, claimed)
    return "Redirects are not followed." if answer.status and 300 <= answer.status < 400 else None


def _tried(claimed: Claimed, at: datetime, seconds: float, answer: Answer, error: str | None) -> Tried:
    made = claimed.attempts_made + 1
    asked = schedule.asked_for_seconds(answer.status, answer.retry_after, at)
    delay = schedule.delay_seconds(made, random.random())  # noqa: S311 - jitter is no secret
    delivered = schedule.succeeded(answer.status)
    return Tried(
        claimed=claimed,
        at=at,
        duration_ms=int(seconds * 1_000),
        status=answer.status,
        error=error,
        body=None if answer.status is None else _text(answer.body),
        end="delivered" if delivered else "exhausted" if delay is None else "pending",
        delay_seconds=asked or delay or 0.0,
        asked_for_seconds=asked,
        gone=answer.status == schedule.GONE,
    )


def _tell(tried: Tried) -> None:
    """One line and one count for each attempt."""
    claimed = tried.claimed
    metrics.attempted(tried.end, tried.duration_ms / 1_000)
    log.info(
        "delivery.attempted",
        delivery_id=claimed.id,
        webhook_id=claimed.event_id,
        event_type=claimed.event_type,
        command_id=claimed.command_id,
        request_id=claimed.request_id,
        trace_id=traces.trace_id(claimed.traceparent) if claimed.traceparent else None,
        endpoint_id=claimed.endpoint_id,
        status=tried.status,
        error=tried.error,
        duration_ms=tried.duration_ms,
        outcome=tried.end,
    )


def _describe(span: Span, claimed: Claimed, answer: Answer, error: str | None) -> None:
    """The path of an address may be a secret, so it does not stand there."""
    span.attributes(
        {
            "http.request.method": "POST",
            "http.request.resend_count": claimed.attempts_made,
            "server.address": urlsplit(claimed.url).hostname or "",
            "orderly.webhook.id": str(claimed.event_id),
            "orderly.delivery.id": str(claimed.id),
            "orderly.endpoint.id": str(claimed.endpoint_id),
        }
    )
    if claimed.request_id is not None:
        span.attributes({"orderly.request_id": claimed.request_id})
    if answer.status is not None:
        span.attributes({"http.response.status_code": answer.status})
    if not schedule.succeeded(answer.status):
        span.failed(error or f"The answer was {answer.status}.")


def body_of(claimed: Claimed) -> bytes:
    """The body: the same bytes for each attempt at each endpoint. Shape: CONTRACT."""
    body = {
        "type": claimed.event_type,
        "timestamp": claimed.occurred_at,
        "sequence": claimed.sequence,
        "data": claimed.data,
    }
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)


def _secrets(claimed: Claimed) -> list[bytes]:
    sealed = [claimed.secret] if claimed.previous_secret is None else [claimed.secret, claimed.previous_secret]
    return [_unseal(each) for each in sealed]


@functools.lru_cache(maxsize=1_024)
def _unseal(sealed: bytes) -> bytes:
    return sealing.unseal(sealed)


def _in_words(failure: Exception, claimed: Claimed) -> str:
    """Why there was no answer. What nobody has thought of is logged."""
    match failure:
        case TimeoutError():
            return f"No answer within {SECONDS_MAX:g} s."
        case Refused():
            return f"Not sent: {failure.detail}"
        case sealing.Unreadable():
            return "Not sent: the secret cannot be read, because SECRET_KEY has changed; rotate the secret."
        case ssl.SSLCertVerificationError():
            return f"The certificate was refused: {_plain(failure.verify_message)}."
        case ssl.SSLError():
            return f"TLS failed: {_plain(failure.reason or str(failure))}."
        case NoAnswer():
            return "The connection was closed without an answer."
        case OSError():
            return f"The connection failed: {os.strerror(failure.errno) if failure.errno else 'it was closed'}."
        case h11.RemoteProtocolError():
            return f"The answer is not HTTP/1.1: {_plain(str(failure))}."
    log.error("delivery.failed", delivery_id=str(claimed.id), exc_info=failure)
    return "Something unexpected happened; the log has the details."


def _plain(text: str) -> str:
    return text.replace("\x00", "").rstrip(".")[:300]


def _text(body: bytes) -> str:
    """As text that PostgreSQL takes."""
    return body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
