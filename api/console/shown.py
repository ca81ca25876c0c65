"""How the console shows things: times in UTC, lengths as people say them, ids shortened, states in colour."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from domain.money import to_text

NOTHING = "\u2013"
_GOOD, _BAD, _BUSY, _ODD, _QUIET = "good", "bad", "busy", "odd", "quiet"
_COLOURS = {
    **dict.fromkeys(("succeeded", "paid", "delivered", "active", "captured", "yes", "ok"), _GOOD),
    **dict.fromkeys(("failed", "declined", "exhausted", "disabled", "inactive", "revoked", "deleted"), _BAD),
    **dict.fromkeys(("queued", "running", "pending", "confirmed", "picked", "shipped"), _BUSY),
    **dict.fromkeys(("uncertain", "expired", "failing", "low stock", "waiting"), _ODD),
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def time(moment: datetime | None) -> SafeString | str:
    """`2026-11-21 15:04:05 UTC`, to the millisecond when pointed at."""
    if moment is None:
        return NOTHING
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC" class="nowrap">{} UTC</time>',
        utc.isoformat(), utc.isoformat(" ", "milliseconds")[:23], utc.strftime("%Y-%m-%d %H:%M:%S"),
    )  # fmt: skip


def length(took: timedelta | None) -> str:
    """`12 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`, `12 d 4 h`: two units at most."""
    if took is None:
        return NOTHING
    seconds = took.total_seconds()
    if abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 59.95:
        return f"{seconds:.1f} s"
    whole = int(abs(seconds))
    parts: list[tuple[int, str]] = []
    for unit, size in (*_UNITS, ("s", 1)):
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append((count, unit))
    said = " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)
    return f"-{said}" if seconds < 0 else said


def ago(moment: datetime | None) -> str:
    """How long since, or until."""
    if moment is None:
        return NOTHING
    since = datetime.now(UTC) - moment
    return f"{length(since)} ago" if since >= timedelta() else f"in {length(-since)}"


def money(minor: int | Decimal, currency: str) -> str:
    """`12.50 EUR`."""
    return f"{to_text(int(minor), currency)} {currency}"


def change(pieces: int) -> str:
    """`+3`, `-3`, nothing for none."""
    return f"{pieces:+d}" if pieces else NOTHING


def short(an_id: object) -> SafeString:
    """An id by its ends; the whole is there when pointed at."""
    text = str(an_id)
    return format_html('<span class="mono" title="{}">{}</span>', text, _ends(text))


def or_nothing(what: object) -> object:
    """The thing itself, or a dash."""
    return NOTHING if what in (None, "") else what


def mono(text: object) -> SafeString | str:
    """Something to be copied."""
    return NOTHING if text in (None, "") else format_html('<span class="mono whole">{}</span>', text)


def link(kind: str, an_id: uuid.UUID | int | None, text: str | None = None) -> SafeString | str:
    """A link to the page of a `store` model's row; without a text its shortened id."""
    if an_id is None:
        return NOTHING
    address = reverse(f"admin:store_{kind}_change", args=[an_id])
    if text is not None:
        return format_html('<a class="link" href="{}">{}</a>', address, text)
    return format_html('<a class="link mono" href="{}" title="{}">{}</a>', address, an_id, _ends(str(an_id)))


def state(word: str) -> SafeString:
    """A status, coloured by whether somebody should care."""
    return format_html('<span class="state {}">{}</span>', _COLOURS.get(word, _QUIET), word)


def as_json(value: object) -> str:
    """JSON as a person reads it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _ends(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:8]}…{text[-6:]}"
