"""What an attempt means for its delivery: delivered, tried again after a while, or given up.

Source: CONTRACT "Webhooks".
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DELAYS_SECONDS = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""How long after the first try, and after each further one."""
JITTER = 0.2
"""Each delay is up to a fifth shorter or longer, so that what failed together does not come back together."""
RETRY_AFTER_SECONDS_MIN, RETRY_AFTER_SECONDS_MAX = 1, 24 * 3600
GONE = 410
_ASK_FOR_TIME = frozenset({429, 503})


def succeeded(status: int | None) -> bool:
    """Any 2xx."""
    return status is not None and 200 <= status < 300


def delay_seconds(attempts_made: int, chance: float) -> float | None:
    """How long to wait after so many failed tries; None when there is no further one. `chance` is from 0 to 1."""
    if attempts_made > len(DELAYS_SECONDS):
        return None
    return DELAYS_SECONDS[attempts_made - 1] * (1 - JITTER + 2 * JITTER * chance)


def asked_for_seconds(status: int | None, retry_after: str | None, now: datetime) -> float | None:
    """How long the receiver has asked to be left alone (RFC 9110, "Retry-After"); None when it has not."""
    if status not in _ASK_FOR_TIME or retry_after is None:
        return None
    try:
        seconds = int(retry_after) if retry_after.isdecimal() else (_moment(retry_after) - now).total_seconds()
    except ValueError:
        return None
    return min(max(seconds, RETRY_AFTER_SECONDS_MIN), RETRY_AFTER_SECONDS_MAX)


def _moment(http_date: str) -> datetime:
    moment = parsedate_to_datetime(http_date)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
