"""Retention, attacked by hand at the SQL prompt: nothing goes before its day, and nothing else goes with it.

The days are those of store/retention.py, the refusals those of the triggers: this is where the two are compared.
"""

from typing import LiteralString

import pytest

from store.models import FINAL_STATUSES, OPEN_STATUSES
from store.retention import KEY_DAYS, RESULT_DAYS
from tests.store.aged import DELETE, PURGE, aged, row
from tests.store.shop import execute, refused
from tests.till import Till


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_a_result_stays_for_its_days(pos: Till, status: str) -> None:
    young, old = (aged(pos, RESULT_DAYS + days, status) for days in (-1, 1))
    refused(lambda: execute(PURGE, young), "30 days")
    assert execute(PURGE, old) == 1


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_a_key_stays_for_its_days(pos: Till, status: str) -> None:
    young, old = (aged(pos, KEY_DAYS + days, status, purged=True) for days in (-1, 1))
    refused(lambda: execute(DELETE, young), "400 days")
    assert execute(DELETE, old) == 1


def test_what_was_not_purged_is_never_deleted(pos: Till) -> None:
    command_id = aged(pos, 1_000)
    refused(lambda: execute(DELETE, command_id), "400 days")


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_what_goes_on_is_never_purged_or_deleted(pos: Till, status: str) -> None:
    command_id = aged(pos, 1_000, status)
    refused(lambda: execute(PURGE, command_id), "30 days")
    refused(lambda: execute(DELETE, command_id), "400 days")


OUTCOME = {"succeeded": "result", "failed": "error"}
CHANGES: dict[str, LiteralString] = {
    "another client": "client_id = client_id + 1",
    "another key": "idempotency_key = 'another'",
    "another body": "body_hash = '\\x00'::bytea",
    "another type": "type = 'order.pay'",
    "another order": "order_id = gen_random_uuid()",
    "another lane": "lane = lane + 1",
    "another place in it": "seq = seq + 1",
    "parked": "parked = NOT parked",
    "more attempts": "attempts = attempts + 1",
    "another acceptance": "accepted_at = now()",
    "another beginning": "started_at = now()",
    "another end": "finished_at = finished_at - interval '1 day'",
    "another status": "status = 'cancelled'",
    "queued again": "status = 'queued', finished_at = NULL",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("status", OUTCOME)
def test_a_purge_changes_nothing_else(pos: Till, status: str, change: LiteralString) -> None:
    command_id = aged(pos, 31, status)
    before = row(command_id)
    attack: LiteralString = (
        "UPDATE command SET purged_at = now(), payload = NULL, result = NULL, error = NULL, "
        + change
        + " WHERE id = %s"
    )
    refused(lambda: execute(attack, command_id))
    assert row(command_id) == before
    assert execute(PURGE, command_id) == 1


@pytest.mark.parametrize("change", ["payload = NULL", "result = NULL, error = NULL", "attempts = attempts"])
@pytest.mark.parametrize("status", OUTCOME)
def test_a_purge_is_whole(pos: Till, status: str, change: LiteralString) -> None:
    command_id = aged(pos, 31, status)
    attack: LiteralString = "UPDATE command SET purged_at = now(), " + change + " WHERE id = %s"
    refused(lambda: execute(attack, command_id), "30 days")
    unmarked: LiteralString = "UPDATE command SET payload = NULL, result = NULL, error = NULL WHERE id = %s"
    refused(lambda: execute(unmarked, command_id))


@pytest.mark.parametrize(
    "change",
    [
        "purged_at = NULL",
        "purged_at = NULL, payload = '{}'::jsonb",
        "purged_at = purged_at + interval '1 day'",
        "payload = '{}'::jsonb",
        'error = \'{"code": "poisoned"}\'::jsonb',
        "status = 'queued', finished_at = NULL, seq = nextval('command_seq')",
        "purged_at = NULL, payload = '{}'::jsonb, status = 'queued', finished_at = NULL",
        "attempts = attempts + 1",
        "idempotency_key = 'another'",
    ],
)
@pytest.mark.parametrize("status", OUTCOME)
def test_what_was_purged_stays_as_it_is(pos: Till, status: str, change: LiteralString) -> None:
    command_id = aged(pos, 31, status, purged=True)
    before = row(command_id)
    attack: LiteralString = "UPDATE command SET " + change + " WHERE id = %s"
    refused(lambda: execute(attack, command_id))
    assert row(command_id) == before
