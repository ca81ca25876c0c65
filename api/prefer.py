"""The Prefer header (RFC 7240): how long a client would wait for the end of its command."""

import re

from rest_framework.request import Request

WAIT_SECONDS_MAX = 25
CAN_WAIT = "orderly.can_wait"
"""A member of the request's environment that the server sets when it can hold an answer back."""

_WAIT = re.compile(r'\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;.*)?', re.ASCII | re.IGNORECASE)


def wait_seconds(request: Request) -> int | None:
    """The first readable `wait`, capped; None without one, or where nobody can hold the answer back."""
    header = request.META.get("HTTP_PREFER")
    if not header or CAN_WAIT not in request.META:
        return None
    for preference in header.split(","):
        match = _WAIT.fullmatch(preference)
        if match:
            digits = match[1] or match[2]
            return WAIT_SECONDS_MAX if len(digits) > 4 else min(int(digits), WAIT_SECONDS_MAX)
    return None
