"""The Idempotency-Key header: a quoted string or plain characters, one line, bounded."""

import pytest

from store.models import Command
from tests.till import Answer, Till

BODY = {"type": "order.create", "payload": {}}


def post(till: Till, key: str | None) -> Answer:
    return till.post("/commands", BODY, Idempotency_Key=key)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("!#$%&'()*+-./:;<=>?@[]^_`{|}~", "!#$%&'()*+-./:;<=>?@[]^_`{|}~"),
        ('"with a space"', "with a space"),
        ('"a,b"', "a,b"),
        (r'"a\"b\\c"', r'a"b\c'),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ('"' + r"\"" * 255 + '"', '"' * 255),
    ],
)
def test_a_key_is_a_quoted_string_or_plain_characters(pos: Till, header: str, key: str) -> None:
    answer = post(pos, header)
    assert answer.status == 202, answer
    assert answer.body["idempotency_key"] == key


@pytest.mark.parametrize(("first", "second"), [("abc", '"abc"'), ('"abc"', "abc"), (r'"a\\b"', r'"a\\b"')])
def test_a_key_is_the_same_with_quotes_and_without(pos: Till, first: str, second: str) -> None:
    assert post(pos, first).body["id"] == post(pos, second).body["id"]
    assert Command.objects.count() == 1


def test_the_case_of_a_key_counts(pos: Till) -> None:
    assert post(pos, "abc").body["id"] != post(pos, "ABC").body["id"]


def test_a_request_without_a_key_is_refused(pos: Till) -> None:
    post(pos, None).problem(400, "idempotency-key-missing")


@pytest.mark.parametrize(
    "header",
    [
        *("", '""', '"', '"a', 'a"', 'a"b', '"a"b"', r'"a\b"', '"a\\"', "a\\b", "a b", " ", "a,b", "a, a", '"a","b"'),
        *("a\tb", '"a\tb"', "caf\xe9", '"caf\xe9"', "a\x7f", '"abc";v=1', "'a b'", "x" * 256, '"' + "x" * 256 + '"'),
    ],
)
def test_a_malformed_key_is_refused(pos: Till, header: str) -> None:
    post(pos, header).problem(400, "idempotency-key-invalid")
    assert not Command.objects.exists()
