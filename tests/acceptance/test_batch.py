"""A batch: each entry answered as the single POST would have answered it, in the order sent."""

import json
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from api.parsing import BATCH_BYTES_MAX, BODY_BYTES_MAX
from store.backlog import backlog
from store.models import Command
from tests.till import Till, entry, errors_of, problem, run_drain, statuses

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"
PAST = "2020-01-01T00:00:00Z"


def test_an_entry_larger_than_a_body_may_be_is_refused_by_itself(pos: Till) -> None:
    large, good = entry("order.create", {"note": "é" * 140_000}), entry("order.create")
    fits = entry("order.create", {"note": "é" * 100_000})
    results = pos.batch(good, large, fits)
    assert statuses(results) == [202, 413, 400]
    assert results[1]["error"]["code"] == "too-large"


def test_answers_every_entry_in_the_order_sent(pos: Till) -> None:
    pos.submit("order.create", key="done")
    run_drain()
    pos.submit("order.create", key="waiting")
    answer = pos.post(
        "/commands/batch",
        {
            "commands": [
                entry("order.create", {"note": "new"}, key="new"),
                entry("order.create", key="done"),
                entry("order.create", key="waiting"),
                entry("order.create", {"note": "other"}, key="done"),
                entry("order.create", {"colour": 1}),
                entry("stock.adjust", {"sku": "A", "delta": 1, "reason": "x"}),
                entry("order.create", expires_at=PAST),
            ]
        },
    )
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    new, done, waiting, reused, invalid, forbidden, expired = answer.body["results"]
    assert new.keys() == {"status", "command"}
    assert (new["status"], new["command"]["status"], new["command"]["idempotency_key"]) == (202, "queued", "new")
    assert done.keys() == waiting.keys() == {"status", "replayed", "command"}
    assert (done["status"], done["replayed"], done["command"]["status"]) == (200, True, "succeeded")
    assert (waiting["status"], waiting["replayed"], waiting["command"]["status"]) == (202, True, "queued")
    for each, status, code in (
        (reused, 422, "idempotency-key-reused"),
        (invalid, 400, "invalid-request"),
        (forbidden, 403, "forbidden"),
        (expired, 422, "expired"),
    ):
        assert each.keys() == {"status", "error"}
        assert each["status"] == status
        problem(each["error"], status, code)
    assert Command.objects.count() == 3


ENTRIES: dict[str, Any] = {
    "good": entry("order.create", {"note": "x"}, key="k"),
    "no payload": {"idempotency_key": "k", "type": "order.create"},
    "breach in an item": entry("order.create", {"items": [{"sku": "A", "qty": 0}]}, key="k"),
    "unknown type": entry("order.nothing", key="k"),
    "forbidden": entry("stock.adjust", {"sku": "A", "delta": 1, "reason": "x"}, key="k"),
    "expired": entry("order.create", expires_at=PAST, key="k"),
    "no key": {"type": "order.create", "payload": {}},
    "key is null": {"idempotency_key": None, "type": "order.create", "payload": {}},
    "empty key": entry("order.create") | {"idempotency_key": ""},
    "key with a comma": entry("order.create", key="a,b"),
    "key with a line end": entry("order.create", key="a\n"),
    "quoted key": entry("order.create", key='"k"'),
}


@pytest.mark.parametrize("one", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_is_answered_as_the_single_post_answers_it(pos: Till, one: dict[str, Any]) -> None:
    other = Till.register("till-2", "pos")
    body = {name: value for name, value in one.items() if name != "idempotency_key"}
    alone = other.post("/commands", body, Idempotency_Key=one.get("idempotency_key"))
    (result,) = pos.batch(one)
    assert result["status"] == alone.status
    assert result.get("error") == (alone.body if alone.status != 202 else None)
    if alone.status == 202:
        own = {"id", "order_id", "client", "accepted_at", "links"}
        assert {name: value for name, value in result["command"].items() if name not in own} == {
            name: value for name, value in alone.body.items() if name not in own
        }


@pytest.mark.parametrize("key", [7, True, ["k"], {"k": 1}, 1.5])
def test_a_key_that_is_no_string_is_invalid(pos: Till, key: object) -> None:
    (result,) = pos.batch(entry("order.create") | {"idempotency_key": key})
    problem(result["error"], 400, "idempotency-key-invalid")


@pytest.mark.parametrize("bad", [None, [], "x", 7, True, [entry("order.create")]])
def test_an_entry_that_is_no_object_is_refused_alone(pos: Till, bad: object) -> None:
    pos.submit("order.create", key="not-an-object")
    first, result, last = pos.batch(entry("order.create"), bad, entry("order.create"))
    assert (first["status"], last["status"]) == (202, 202)
    assert errors_of(problem(result["error"], 400, "invalid-request")) == [("", "not-an-object")]


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        (r'{"note": "a\u0000b"}', [("/payload/note", "nul")]),
        (r'{"a\u0000b": 1}', [("/payload/a�b", "nul")]),
        (r'{"note": "\ud800"}', [("/payload/note", "lone-surrogate")]),
        ('{"note": "a", "note": "b"}', [("/payload/note", "duplicate-name")]),
        ('{"note": ' + "[" * 31 + "]" * 31 + "}", [("/payload/note" + "/0" * 30, "too-deep")]),
    ],
)
def test_an_entry_with_a_hostile_text_blocks_no_other(pos: Till, raw: str, errors: list[tuple[str, str]]) -> None:
    bad = f'{{"idempotency_key": "bad", "type": "order.create", "payload": {raw}}}'
    entries = [json.dumps(entry("order.create")), bad, json.dumps(entry("order.create"))]
    answer = pos.request("POST", "/commands/batch", raw=f'{{"commands": [{", ".join(entries)}]}}'.encode())
    assert answer.status == 200, answer
    assert statuses(answer.body["results"]) == [202, 400, 202]
    assert errors_of(answer.body["results"][1]["error"]) == errors
    alone = pos.request("POST", "/commands", raw=bad.replace('"idempotency_key": "bad", ', "").encode())
    assert alone.errors() == errors


def test_of_two_entries_with_one_key_the_second_is_a_replay_or_refused(pos: Till) -> None:
    same, other = entry("order.create", {"note": "x"}, key="k"), entry("order.create", {"note": "y"}, key="k")
    first, replay, reused, again = pos.batch(same, same, other, same)
    assert (first["status"], "replayed" in first) == (202, False)
    assert (replay["status"], replay["replayed"], replay["command"]) == (202, True, first["command"])
    problem(reused["error"], 422, "idempotency-key-reused")
    assert again == replay
    assert Command.objects.count() == 1


@pytest.mark.parametrize("bad", [{"colour": 1}, {"expires_at": PAST}, {"type": "stock.adjust"}])
def test_a_bad_first_entry_uses_up_no_key(pos: Till, bad: dict[str, Any]) -> None:
    good = entry("order.create", key="k")
    first, second, third, fourth = pos.batch(good | bad, good, good | {"device_sequence": 7}, good | bad)
    assert first["status"] in {400, 403, 422}
    assert first["error"]["code"] != "idempotency-key-reused"
    assert (second["status"], second["command"]["idempotency_key"]) == (202, "k")
    for each in (third, fourth):
        problem(each["error"], 422, "idempotency-key-reused")


def test_commands_of_one_order_keep_the_order_sent(pos: Till, manager: Till) -> None:
    manager.product("TEA", stock=5)
    items = {"items": [{"sku": "TEA", "qty": 1}]}
    results = pos.batch(
        entry("order.create", order_id=ORDER_ID),
        *(entry("order.add_items", items, order_id=ORDER_ID) for _ in range(3)),
        entry("order.pay", {"method": "cash", "amount": "29.97"}, order_id=ORDER_ID),
    )
    run_drain()
    ended = [pos.get(result["command"]["links"]["self"]).body for result in results]
    assert [each["result"]["order"]["version"] for each in ended] == [1, 2, 3, 4, 5]
    assert ended[-1]["result"]["order"]["status"] == "paid"


def test_the_good_entries_commit_in_one_transaction(pos: Till) -> None:
    pos.batch(*(entry("order.create") for _ in range(3)), entry("nonsense"), *(entry("order.create") for _ in range(3)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM command")
        assert cursor.fetchone() == (6, 1)


def test_takes_one_entry_and_a_thousand(pos: Till) -> None:
    assert statuses(pos.batch(entry("order.create"))) == [202]
    results = pos.batch(*(entry("order.create", key=f"k{number}") for number in range(1000)))
    assert statuses(results) == [202] * 1000
    assert [result["command"]["idempotency_key"] for result in results] == [f"k{number}" for number in range(1000)]
    assert Command.objects.count() == 1001


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"commands": []}, [("/commands", "wrong-length")]),
        ({"commands": [1] * 1001}, [("/commands", "wrong-length")]),
        ({"commands": {}}, [("/commands", "wrong-length")]),
        ({"commands": "x"}, [("/commands", "wrong-length")]),
        ({"commands": None}, [("/commands", "wrong-length")]),
        ({}, [("/commands", "wrong-length")]),
        ({"commands": [entry("order.create")], "atomic": True}, [("/atomic", "unknown-field")]),
        ([], [("", "not-an-object")]),
        ([entry("order.create")], [("", "not-an-object")]),
        (None, [("", "not-an-object")]),
    ],
)
def test_a_batch_that_is_no_list_of_entries_is_refused_whole(
    pos: Till, body: object, errors: list[tuple[str, str]]
) -> None:
    assert pos.request("POST", "/commands/batch", body, b"null" if body is None else None).errors() == errors
    assert not Command.objects.exists()


def test_a_batch_may_be_larger_than_a_command_but_not_without_bounds(pos: Till) -> None:
    body = b'{"commands": [{"idempotency_key": "k", "type": "order.create", "payload": {}}]}'
    assert BATCH_BYTES_MAX == 4 * 1024 * 1024
    padded = body + b" " * (BATCH_BYTES_MAX - len(body))
    assert len(padded) > BODY_BYTES_MAX
    assert pos.request("POST", "/commands/batch", raw=padded).status == 200
    pos.request("POST", "/commands/batch", raw=padded + b" ").problem(413, "too-large")


def test_the_new_entries_of_a_full_backlog_are_refused_and_the_known_ones_replayed(
    pos: Till, settings: Settings
) -> None:
    known = entry("order.create")
    pos.batch(known)
    settings.BACKLOG_LIMIT = 2
    backlog.forget()
    results = pos.batch(entry("order.create"), known, entry("order.create", {"colour": 1}), entry("order.create"))
    assert statuses(results) == [503, 202, 400, 503]
    problem(results[0]["error"], 503, "unavailable")
    assert results[1]["replayed"] is True
    assert Command.objects.count() == 1
    backlog.forget()


def test_a_batch_needs_no_key_of_its_own_and_ignores_prefer(pos: Till) -> None:
    answer = pos.post("/commands/batch", {"commands": [entry("order.create")]}, Prefer="wait=20", Idempotency_Key="k")
    assert answer.status == 200
    assert "preference-applied" not in answer.headers
    assert answer.body["results"][0]["status"] == 202


def test_an_auditor_gets_a_no_for_each_entry(auditor: Till) -> None:
    assert statuses(auditor.batch(entry("order.create"), entry("nonsense"))) == [403, 403]


def test_the_traceparent_of_a_batch_is_kept_with_each_entry(pos: Till) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    pos.post("/commands/batch", {"commands": [entry("order.create"), entry("order.create")]}, traceparent=trace)
    assert list(Command.objects.values_list("traceparent", flat=True)) == [trace, trace]
