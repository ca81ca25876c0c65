"""Declared fields: what each kind takes and refuses, and how a breach is named."""

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.fields import (
    Amount,
    Anything,
    Boolean,
    Choice,
    Currency,
    Identifier,
    Integer,
    Invalid,
    Kind,
    ListOf,
    Text,
    Timestamp,
    escape,
    optional,
    parse,
    required,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A record inside another."""

    number: int = required(Integer(minimum=1, maximum=9))
    word: str | None = optional(Text(maximum=3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A record with a rule over two members."""

    name: str = required(Text(minimum=1, maximum=5))
    size: int = optional(Integer(minimum=0, maximum=9), 4)
    parts: tuple[Part, ...] = optional(ListOf(record=Part, minimum=1, maximum=2), ())

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        both = self.name == "odd" and self.size % 2 == 0
        return [("size", "not-odd", "must be odd"), ("", "at-odds", "does not fit together")] if both else []


def breaches(value: object, pointer: str = "") -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        parse(Whole, value, pointer)
    assert all(breach.detail for breach in caught.value.breaches)
    return [(breach.pointer, breach.code) for breach in caught.value.breaches]


def test_builds_the_record_from_an_object() -> None:
    value = {"name": "abc", "parts": [{"number": 1}, {"number": 2, "word": "xyz"}]}
    assert parse(Whole, value) == Whole(name="abc", size=4, parts=(Part(number=1), Part(number=2, word="xyz")))


def test_null_is_as_good_as_absent() -> None:
    assert parse(Whole, {"name": "abc", "size": None, "parts": None}) == Whole(name="abc")
    assert breaches({"name": None}) == breaches({}) == [("/name", "required")]


@pytest.mark.parametrize("value", [None, [], "text", 1, 1.5, True])
def test_takes_nothing_but_an_object(value: object) -> None:
    assert breaches(value, "/payload") == [("/payload", "not-an-object")]


def test_names_every_breach_at_once_and_where_it_is() -> None:
    value = {"name": "", "size": 10, "colour": 1, "parts": [{"number": 0, "word": "long"}, {"x": 1}]}
    assert breaches(value, "/payload") == [
        ("/payload/colour", "unknown-field"),
        ("/payload/name", "too-short"),
        ("/payload/size", "out-of-range"),
        ("/payload/parts/0/number", "out-of-range"),
        ("/payload/parts/0/word", "too-long"),
        ("/payload/parts/1/x", "unknown-field"),
        ("/payload/parts/1/number", "required"),
    ]


def test_checks_rules_over_several_members_once_each_member_is_right() -> None:
    assert breaches({"name": "odd"}) == [("/size", "not-odd"), ("", "at-odds")]
    assert breaches({"name": "odd", "size": 10}) == [("/size", "out-of-range")]


def test_an_unknown_field_that_is_null_is_refused_too() -> None:
    assert breaches({"name": "abc", "colour": None}) == [("/colour", "unknown-field")]


def test_escapes_names_in_pointers() -> None:
    assert breaches({"name": "abc", "a/b~c": 1}) == [("/a~1b~0c", "unknown-field")]
    assert escape("~1/") == "~01~1"


def test_says_all_breaches_in_one_line() -> None:
    with pytest.raises(Invalid, match=re.escape("/name: is required; /size: must be a whole number")):
        parse(Whole, {"size": "1"} | {"name": None})


UUID_TEXT = "01970000-0000-7000-8000-00000000ABCD"

GOOD: list[tuple[Kind[Any], object, object]] = [
    (Text(maximum=3), "", ""),
    (Text(maximum=3), "äöü", "äöü"),
    (Text(minimum=1, maximum=3, pattern=re.compile("a+")), "aa", "aa"),
    (Integer(minimum=-5, maximum=5), -5, -5),
    (Integer(minimum=-5, maximum=5), 0, 0),
    (Boolean(), False, False),
    (Choice(("cash", "card")), "card", "card"),
    (Currency(), "EUR", "EUR"),
    (Amount(), "29.97", "29.97"),
    (Identifier(), UUID_TEXT, uuid.UUID(UUID_TEXT)),
    (Timestamp(), "2026-11-20T20:00:00Z", datetime(2026, 11, 20, 20, tzinfo=UTC)),
    (Timestamp(), "2026-11-20t20:00:00z", datetime(2026, 11, 20, 20, tzinfo=UTC)),
    (Timestamp(), "2026-11-20 21:00:00.250+01:00", datetime(2026, 11, 20, 20, 0, 0, 250_000, tzinfo=UTC)),
    (Timestamp(), "2026-11-20T20:00:00.123456789-00:00", datetime(2026, 11, 20, 20, 0, 0, 123_456, tzinfo=UTC)),
    (Anything(), {"a": [1]}, {"a": [1]}),
    (ListOf(record=Part, minimum=0, maximum=1), [], ()),
]
BAD: list[tuple[Kind[Any], str, list[object]]] = [
    (Text(maximum=3), "not-a-string", [1, True, [], {}]),
    (Text(maximum=3), "too-long", ["abcd"]),
    (Text(minimum=2, maximum=3), "too-short", ["", "a"]),
    (Text(maximum=9, pattern=re.compile("[a-z]+")), "malformed", ["", "aB", "a\n", "a b"]),
    (Integer(minimum=1, maximum=9), "not-an-integer", ["1", 1.0, 1e30, float("inf"), True, [], {}]),
    (Integer(minimum=1, maximum=9), "out-of-range", [0, 10, -1, 10**400]),
    (Integer(minimum=-9, maximum=9, nonzero=True), "out-of-range", [0, -10, 10]),
    (Boolean(), "not-a-boolean", [0, 1, "true", []]),
    (Choice(("cash", "card")), "not-a-choice", ["Cash", "", 1, ["cash"], {}]),
    (Currency(), "not-a-currency", ["eur", "XXX", "EURO", "", 978, []]),
    (Amount(), "not-money", [29.97, 5, "5 EUR", "1e3", "-1", "", "1.23456", []]),
    (Identifier(), "not-a-uuid", ["", UUID_TEXT.replace("-", ""), f"{{{UUID_TEXT}}}", f"urn:uuid:{UUID_TEXT}", 1, []]),
    (Identifier(), "not-a-uuid", [UUID_TEXT + "\n", UUID_TEXT[:-1] + "g", UUID_TEXT[:-1] + "٣"]),
    (Timestamp(), "not-a-time", ["2026-11-20T20:00:00", "2026-11-20", "20:00:00Z", 1763668800, "", "soon", []]),
    (Timestamp(), "not-a-time", ["2026-02-30T20:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T20:00:00+24:00"]),
    (Timestamp(), "not-a-time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-W47-5T20:00:00Z"]),
    (Anything(), "not-an-object", [[], "x", 1, True]),
    (ListOf(record=Part, minimum=1, maximum=2), "not-a-list", [{}, "x", 1, True]),
    (ListOf(record=Part, minimum=1, maximum=2), "wrong-length", [[], [{"number": 1}] * 3]),
]


@pytest.mark.parametrize(("kind", "value", "inner"), GOOD)
def test_takes_a_value_of_its_kind(kind: Kind[Any], value: object, inner: object) -> None:
    found = kind.parse(value, "/x")
    assert found == inner
    assert type(found) is type(inner)


@pytest.mark.parametrize(
    ("kind", "code", "value"), [(kind, code, value) for kind, code, values in BAD for value in values]
)
def test_refuses_any_other_value(kind: Kind[Any], code: str, value: object) -> None:
    with pytest.raises(Invalid) as caught:
        kind.parse(value, "/x")
    assert [(breach.pointer, breach.code) for breach in caught.value.breaches] == [("/x", code)]


def test_shows_times_in_utc() -> None:
    assert Timestamp().parse("2026-11-20T21:00:00+01:00", "").tzinfo is UTC
