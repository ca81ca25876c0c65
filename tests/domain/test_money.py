"""Money: decimal strings outside, whole minor units inside, as many digits as the currency has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("29.97", "EUR", 2997),
        ("5", "EUR", 500),
        ("5.1", "EUR", 510),
        ("0", "EUR", 0),
        ("0.00", "EUR", 0),
        ("007.50", "EUR", 750),
        ("9999999999.99", "EUR", 999_999_999_999),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
    ],
)
def test_reads_a_decimal_string_as_minor_units(text: str, currency: str, minor: int) -> None:
    assert money.is_decimal(text)
    assert money.to_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"), [("29.970", "EUR"), ("1.0", "JPY"), ("1.2345", "KWD"), ("0.001", "USD"), ("5.000", "EUR")]
)
def test_refuses_more_digits_than_the_currency_has(text: str, currency: str) -> None:
    assert money.to_minor(text, currency) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", ".5", "5.", "-1", "+1", "1e3", "1E3", "1,5", "1_000", " 1", "1 ", "1\n", "NaN", "Infinity", "0x1", "٣"),
        *("1.23456", "12345678901234567", "1.2.3", "--1", "€5"),
    ],
)
def test_knows_what_is_no_decimal_string(text: str) -> None:
    assert not money.is_decimal(text)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (2997, "EUR", "29.97"),
        (500, "EUR", "5.00"),
        (3, "EUR", "0.03"),
        (0, "EUR", "0.00"),
        (-3, "EUR", "-0.03"),
        (1200, "JPY", "1200"),
        (-5, "JPY", "-5"),
        (1234, "KWD", "1.234"),
        (5, "CLF", "0.0005"),
    ],
)
def test_shows_all_digits_of_the_currency(minor: int, currency: str, text: str) -> None:
    assert money.to_text(minor, currency) == text


@given(minor=st.integers(min_value=0, max_value=10**15), currency=st.sampled_from(sorted(money.DIGITS)))
def test_what_is_shown_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    assert money.to_minor(money.to_text(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("USD", 2), ("BRL", 2), ("JPY", 0), ("CLP", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("CLF", 4)],
)
def test_knows_the_digits_of_a_currency(currency: str, digits: int) -> None:
    assert money.DIGITS[currency] == digits


def test_every_currency_is_three_capitals() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in money.DIGITS)


def test_counts_the_digits_after_the_point() -> None:
    assert [money.fraction_digits(text) for text in ("5", "5.1", "5.10")] == [0, 1, 2]
