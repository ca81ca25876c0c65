"""Commands, attacked by hand at the SQL prompt: what was asked and how it ended never changes."""

from typing import Any, LiteralString

import pytest

from tests.guards import guards_asleep
from tests.store.shop import Shop, execute, refused, value
from tests.till import Till

FINAL = ("succeeded", "failed", "cancelled", "expired")


def command_in(till: Till, status: str, code: str = "order-empty") -> str:
    """The id of a command put into this status past the guards."""
    command_id: str = till.submit("order.create").body["id"]
    with guards_asleep():
        execute(
            "UPDATE command SET status = %s, finished_at = CASE WHEN %s THEN now() END, "
            "result = CASE WHEN %s THEN '{}'::jsonb END, "
            "error = CASE WHEN %s THEN jsonb_build_object('code', %s::text) END WHERE id = %s",
            status, status in FINAL, status == "succeeded", status == "failed", code, command_id,
        )  # fmt: skip
    return command_id


CHANGES: dict[str, LiteralString] = {
    "another result": "result = '{\"order\": null}'::jsonb",
    "no result": "result = NULL",
    "another error": 'error = \'{"code": "poisoned"}\'::jsonb',
    "another end": "finished_at = now() + interval '1 hour'",
    "one attempt more": "attempts = attempts + 1",
    "succeeded": "status = 'succeeded', result = '{}'::jsonb, finished_at = now() + interval '1 second'",
    "cancelled": "status = 'cancelled', result = NULL, finished_at = now() + interval '1 second'",
    "queued again": "status = 'queued', result = NULL, error = NULL, finished_at = NULL",
    "running again": "status = 'running', result = NULL, error = NULL, finished_at = NULL",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("status", FINAL)
def test_a_finished_command_never_changes(pos: Till, status: str, change: LiteralString) -> None:
    command_id = command_in(pos, status)
    before = value("SELECT to_jsonb(command) FROM command WHERE id = %s", command_id)
    attack: LiteralString = "UPDATE command SET " + change + " WHERE id = %s"
    if status in {"failed", "cancelled", "expired"} and change == "result = NULL":
        assert execute(attack, command_id) == 1  # no change at all
    else:
        refused(lambda: execute(attack, command_id))
    assert value("SELECT to_jsonb(command) FROM command WHERE id = %s", command_id) == before


@pytest.mark.parametrize(
    ("code", "allowed"),
    [("poisoned", True), ("internal-error", True), ("order-empty", False), ("insufficient-stock", False)],
)
def test_a_failed_command_is_queued_again_only_if_that_makes_sense(pos: Till, code: str, allowed: bool) -> None:
    command_id = command_in(pos, "failed", code)
    retry: LiteralString = (
        "UPDATE command SET status = 'queued', seq = nextval('command_seq'), error = NULL, finished_at = NULL "
        "WHERE id = %s"
    )
    if allowed:
        assert execute(retry, command_id) == 1
    else:
        refused(lambda: execute(retry, command_id), "by a retry alone")


@pytest.mark.parametrize("code", ["poisoned", "internal-error"])
def test_a_failed_command_becomes_nothing_but_queued(pos: Till, code: str) -> None:
    command_id = command_in(pos, "failed", code)
    refused(lambda: execute("UPDATE command SET status = 'cancelled' WHERE id = %s", command_id), "by a retry alone")
    refused(lambda: execute("UPDATE command SET attempts = 9 WHERE id = %s", command_id), "by a retry alone")


@pytest.mark.parametrize("status", [*FINAL, "queued", "running", "uncertain"])
def test_a_command_is_never_deleted(pos: Till, status: str) -> None:
    command_id = command_in(pos, status)
    refused(lambda: execute("DELETE FROM command WHERE id = %s", command_id), "never deleted")


ASKED: dict[str, LiteralString] = {
    "id": "gen_random_uuid()",
    "type": "'stock.receive'",
    "client_id": "client_id + 1",
    "idempotency_key": "'another'",
    "body_hash": "'\\x00'::bytea",
    "order_id": "gen_random_uuid()",
    "payload": '\'{"note": "another"}\'::jsonb',
    "expected_version": "7",
    "expires_at": "now() + interval '1 day'",
    "not_before": "now()",
    "occurred_at": "now()",
    "device_sequence": "8",
    "traceparent": "'another'",
    "request_id": "'another'",
    "accepted_at": "now() - interval '1 day'",
}


@pytest.mark.parametrize("column", ASKED)
def test_what_a_command_asks_never_changes(pos: Till, column: LiteralString) -> None:
    members: dict[str, Any] = {
        "expires_at": "2099-01-01T00:00:00Z",
        "occurred_at": "2026-01-01T00:00:00Z",
        "device_sequence": 7,
    }
    pos.submit("order.cancel_draft", order_id="01970000-0000-7000-8000-00000000abcd", expected_version=3, **members)
    attack: LiteralString = "UPDATE command SET " + column + " = " + ASKED[column]
    refused(lambda: execute(attack))


def test_a_key_is_used_once_by_a_client(pos: Till) -> None:
    pos.submit("order.create", key="k")
    attack: LiteralString = (
        "INSERT INTO command (id, lane, type, client_id, idempotency_key, body_hash, payload) "
        "SELECT gen_random_uuid(), lane, type, client_id, idempotency_key, body_hash, payload FROM command"
    )
    refused(lambda: execute(attack), "command_client_key")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("status = 'done'", "command_"),
        ("status = 'succeeded'", "command_final_has_end"),
        ("finished_at = now()", "command_final_has_end"),
        ("result = '{}'::jsonb", "command_result_of_success"),
        ("status = 'failed', result = '{}'::jsonb, finished_at = now()", "command_result_of_success"),
    ],
)
def test_a_command_is_in_one_state_at_a_time(pos: Till, change: LiteralString, why: str) -> None:
    pos.submit("order.create")
    attack: LiteralString = "UPDATE command SET " + change
    refused(lambda: execute(attack), why)


def test_a_role_that_there_is_not_is_refused(shop: Shop) -> None:
    refused(lambda: execute("UPDATE client SET role = 'boss'"), "client_role")
