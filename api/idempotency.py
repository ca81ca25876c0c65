"""The Idempotency-Key (IETF draft): a quoted string (RFC 8941) or plain characters, and what "same body" means."""

import hashlib
import json
import re

from api.problems import Problem

_PLAIN = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"')


def parse_key(text: object) -> str:
    """The key; `abc` and `"abc"` are one. Raises a Problem of 400: missing (None) or invalid."""
    if text is None:
        raise Problem(400, "idempotency-key-missing", "Send an Idempotency-Key: a new one for each new request.")
    if isinstance(text, str):
        if _PLAIN.fullmatch(text):
            return text
        quoted = _QUOTED.fullmatch(text)
        if quoted:
            return re.sub(r'\\(["\\])', r"\1", quoted[1])
    detail = 'The key must be one quoted string, or 1 to 255 printable ASCII characters without ", \\ and comma.'
    raise Problem(400, "idempotency-key-invalid", detail)


def body_hash(body: object) -> bytes:
    """SHA-256 of what was sent: names sorted, an absent member and null alike, before defaults and generated ids."""
    text = json.dumps(_without_nulls(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value
