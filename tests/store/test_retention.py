"""Retention: results go 30 days after the end, keys after 400, the oldest first, a bite at a time."""

import pytest
from django.db import connection

from store import retention
from store.models import FINAL_STATUSES, OPEN_STATUSES, Command
from tests.store.aged import aged, row
from tests.till import Till


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_a_command_lets_go_of_its_outcome_and_keeps_all_the_rest(pos: Till, status: str) -> None:
    command_id = aged(pos, 31, status)
    before = row(command_id)
    assert retention.purge() == 1
    after = row(command_id)
    assert after.pop("purged_at") is not None
    assert {**before, "payload": None, "result": None, "error": None} == {**after, "purged_at": None}
    kept = {"client_id", "idempotency_key", "body_hash", "status", "type", "order_id", "finished_at"}
    assert all(after[name] is not None for name in kept)
    assert retention.purge() == 0


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_nothing_is_purged_or_deleted_before_its_day(pos: Till, status: str) -> None:
    aged(pos, retention.RESULT_DAYS - 0.01, status)
    aged(pos, retention.KEY_DAYS - 0.01, status, purged=True)
    assert (retention.purge(), retention.delete()) == (0, 0)


def test_what_was_never_purged_is_not_deleted_however_old(pos: Till) -> None:
    aged(pos, 500)
    assert retention.delete() == 0
    assert (retention.purge(), retention.delete()) == (1, 1)


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_a_command_that_goes_on_is_never_touched_however_old(pos: Till, status: str) -> None:
    command_id = aged(pos, 1_000, status)
    before = row(command_id)
    assert (retention.purge(), retention.delete()) == (0, 0)
    assert row(command_id) == before


def test_a_bite_takes_the_oldest_first_and_bite_by_bite_all_are_purged(pos: Till) -> None:
    ids = {days: aged(pos, days) for days in (33, 35, 32, 34, 31, 29)}
    left = []
    for _ in range(4):
        retention.purge(2)
        left.append([days for days in ids if row(ids[days])["purged_at"] is None])
    assert left == [[33, 32, 31, 29], [31, 29], [29], [29]]


def test_keys_are_deleted_the_oldest_first_too(pos: Till) -> None:
    ids = {days: aged(pos, days, purged=True) for days in (401, 403, 402, 399)}
    left = []
    for _ in range(3):
        retention.delete(2)
        left.append([days for days in ids if Command.objects.filter(id=ids[days]).exists()])
    assert left == [[401, 399], [399], [399]]


def test_a_row_that_somebody_holds_is_left_for_the_next_bite(pos: Till) -> None:
    held, free = aged(pos, 32), aged(pos, 31)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT FROM command WHERE id = %s FOR UPDATE", [held])
            assert retention.purge() == 1
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert row(held)["purged_at"] is None
    assert row(free)["purged_at"] is not None
    assert retention.purge() == 1


def test_a_key_is_taken_until_it_is_deleted_and_then_free(pos: Till) -> None:
    old = aged(pos, 401, key="k", purged=True)
    assert pos.submit("order.create", {"note": "another"}, key="k").status == 422
    assert retention.delete() == 1
    answer = pos.submit("order.create", {"note": "another"}, key="k")
    assert answer.status == 202
    assert answer.body["id"] != old


@pytest.mark.parametrize("code", ["poisoned", "internal-error"])
def test_a_failure_can_be_retried_until_its_payload_is_gone(manager: Till, code: str) -> None:
    gone, kept = aged(manager, 31, "failed", code=code), aged(manager, 29, "failed", code=code)
    assert retention.purge() == 1
    assert manager.post(f"/commands/{kept}/retry").status == 202
    manager.post(f"/commands/{gone}/retry").problem(409, "not-retryable")
    assert row(gone)["status"] == "failed"
