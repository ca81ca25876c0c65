"""Ids of version 7 (RFC 9562) begin with the milliseconds since 1970, so a time is a place among them."""

import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime.fromtimestamp(0, UTC)


def first_of(moment: datetime, *, earlier_milliseconds: int = 0) -> uuid.UUID:
    """An id not above any made since then, or since so much earlier."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1) - earlier_milliseconds
    return uuid.UUID(int=max(milliseconds, 0) << 80)
