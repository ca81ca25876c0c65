"""The arithmetic of measured figures: percentiles and medians."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of a hundred of the values do not exceed (nearest rank)."""
    assert values, "no values to take a percentile of"
    assert 0 < percent <= 100, f"percent {percent}"
    ranked = sorted(values)
    return ranked[math.ceil(len(ranked) * percent / 100) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, the mean of the two middle ones when their number is even."""
    return statistics.median(values)
