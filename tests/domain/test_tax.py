"""Tax within prices: rounded half up, line by line."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tax
from domain.orders import with_added
from tests.domain.scene import line, order, product


@pytest.mark.parametrize(
    ("text", "rate", "shown"),
    [
        ("0", 0, "0"),
        ("0.00", 0, "0"),
        ("5", 500, "5.00"),
        ("23.00", 2300, "23.00"),
        ("7.7", 770, "7.70"),
        ("100", 10_000, "100.00"),
    ],
)
def test_a_rate_is_a_percentage_outside_and_basis_points_inside(text: str, rate: int, shown: str) -> None:
    assert (tax.to_rate(text), tax.to_text(rate)) == (rate, shown)


@pytest.mark.parametrize("text", ["", "-1", "100.01", "101", "23.", ".5", "1.234", "1e1", " 5", "٢"])
def test_anything_else_is_no_rate(text: str) -> None:
    assert tax.to_rate(text) is None


@pytest.mark.parametrize(
    ("total", "rate", "included"),
    [
        (0, 2300, 0),
        (123, 2300, 23),
        (999, 2300, 187),
        (1, 10_000, 1),
        (3, 10_000, 2),
        (999, 0, 0),
        (10, 500, 0),
        (11, 500, 1),
    ],
)
def test_the_tax_within_a_total(total: int, rate: int, included: int) -> None:
    assert tax.included(total, rate) == included


@given(total=st.integers(0, 10**18), rate=st.integers(0, tax.RATE_MAX))
def test_half_a_cent_is_rounded_up_and_nothing_else_is(total: int, rate: int) -> None:
    exact = Decimal(total) * rate / (10_000 + rate)
    if total < 10**12:
        assert tax.included(total, rate) == exact.quantize(Decimal(1), ROUND_HALF_UP)
    assert 0 <= tax.included(total, rate) <= total


def test_an_orders_tax_is_the_sum_of_its_rounded_lines() -> None:
    tea, mug = product("TEA", price=10, tax_rate=500), product("MUG", price=10, tax_rate=500)
    made = order(*with_added((), [(tea, 1), (mug, 1)]))
    assert (made.total, made.tax_total) == (20, 0)  # rounded as a whole it would be 1


def test_the_same_price_at_another_rate_is_a_second_line() -> None:
    before = with_added((line("TEA", 2),), [(product("TEA", tax_rate=500), 1)])
    assert [(each.qty, each.tax_rate) for each in before] == [(2, 0), (1, 500)]
    assert [each.qty for each in with_added(before, [(product("TEA", tax_rate=500), 4)])] == [2, 5]
