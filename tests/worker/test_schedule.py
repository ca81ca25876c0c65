"""The schedule: seven further tries with jitter, unless the receiver asks for time."""

from datetime import UTC, datetime

import pytest

from worker.schedule import asked_for_seconds, delay_seconds, succeeded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_delays_are_those_of_the_contract_and_then_there_is_no_further_try() -> None:
    delays = [delay_seconds(made, 0.5) for made in range(1, 9)]
    assert delays == [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, None]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 240), (1.0, 360)])
def test_jitter_is_a_fifth_either_way(chance: float, seconds: float) -> None:
    assert delay_seconds(2, chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "120", 120),
        (503, "120", 120),
        (429, "0", 1),
        (503, "9999999", 86_400),
        (429, "Sat, 21 Nov 2026 12:02:00 GMT", 120),
        (429, "Sat, 21 Nov 2026 11:00:00 GMT", 1),
        (429, "Sat, 21 Nov 2026 12:02:00", 120),
        (429, None, None),
        (429, "soon", None),
        (429, "-5", None),
        (429, "1.5", None),
        (500, "120", None),
        (200, "120", None),
        (None, "120", None),
    ],
)
def test_only_429_and_503_may_ask_for_time_within_bounds(
    status: int | None, retry_after: str | None, seconds: float | None
) -> None:
    assert asked_for_seconds(status, retry_after, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "yes"), [(200, True), (204, True), (299, True), (199, False), (301, False), (410, False), (None, False)]
)
def test_any_2xx_is_a_success_and_nothing_else(status: int | None, yes: bool) -> None:
    assert succeeded(status) is yes
