"""Tax: prices include it, at a rate that each product has and each line keeps.

A rate is in basis points inside (23 % is 2300) and a percentage outside (`"23.00"`). Rounding: half up, line by line.
"""

import re

RATE_MAX = 10_000
"""100 %."""

PERCENT = r"[0-9]{1,2}(?:\.[0-9]{1,2})?"
"""A rate below 100 % as text."""
_PERCENT = re.compile(r"(?P<whole>[0-9]{1,3})(?:\.(?P<fraction>[0-9]{1,2}))?", re.ASCII)


def to_rate(text: str) -> int | None:
    """`"23.00"` → 2300; None for what is no percentage from 0 to 100 with at most two decimals."""
    match = _PERCENT.fullmatch(text)
    rate = int(match["whole"] + (match["fraction"] or "").ljust(2, "0")) if match else None
    return rate if rate is not None and rate <= RATE_MAX else None


def to_text(rate: int) -> str:
    """2300 → `"23.00"`; no tax is `"0"`."""
    return f"{rate // 100}.{rate % 100:02d}" if rate else "0"


def included(total: int, rate: int) -> int:
    """The tax within a total that includes it, both in minor units."""
    divisor = 10_000 + rate
    return (2 * total * rate + divisor) // (2 * divisor)
