"""Keys that rotate, clients that come and go, when a key was used; and that the audit trail has it all."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from store import clients, key_use
from store.audit import Actor, at_console
from store.clients import TooManyKeys, UnknownClient
from store.models import ApiKey, AuditEntry, Client
from tests.away import database_away
from tests.till import Till

ACTOR = Actor(name="root", via="cli")
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _unused() -> None:
    key_use.forget()


def trail() -> list[tuple[str, str, dict[str, Any]]]:
    """Action, subject and changes of each entry, oldest first."""
    rows = AuditEntry.objects.order_by("id").values_list("action", "subject_id", "changes")
    return [(action, subject, changes) for action, subject, changes in rows]


def test_a_client_has_two_live_keys_at_most_and_another_when_one_is_revoked(database: None) -> None:
    first = clients.create_client("till", "pos")
    second = clients.issue_key("till")
    with pytest.raises(TooManyKeys, match=f"{first[:8]} and {second[:8]}"):
        clients.issue_key("till")
    assert clients.revoke_key(first[:8])
    third = clients.issue_key("till")
    assert [clients.authenticate(key) is not None for key in (first, second, third)] == [False, True, True]


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(pos: Till) -> None:
    assert pos.get("/orders").status == 200
    assert clients.revoke_key(pos.key[:8])
    pos.get("/orders").problem(401, "unauthenticated")
    assert not clients.revoke_key(pos.key[:8])
    assert not clients.revoke_key("00000000")


def test_keys_are_for_machines_and_passwords_for_people(database: None) -> None:
    clients.create_client("till", "pos")
    clients.create_person("ana", "manager", PASSWORD)
    with pytest.raises(UnknownClient, match="person"):
        clients.issue_key("ana")
    with pytest.raises(UnknownClient, match="machine"):
        clients.set_password("till", PASSWORD)


@pytest.mark.parametrize("act", [clients.issue_key, lambda name: clients.set_active(name, False)])
def test_nothing_is_done_to_a_client_that_does_not_exist(database: None, act: Callable[[str], object]) -> None:
    with pytest.raises(UnknownClient, match="'nobody'"):
        act("nobody")


@pytest.mark.parametrize("password", ["", "short", "123456789012", "password1234", "anastasia-ana"])
def test_a_password_that_is_easily_guessed_is_refused(database: None, password: str) -> None:
    with pytest.raises(ValueError, match="not good enough"):
        clients.create_person("anastasia", "manager", password)
    assert not Client.objects.exists()


def test_every_act_is_in_the_audit_trail_and_no_secret_is(database: None) -> None:
    key = clients.create_client("till", "pos", ACTOR)
    second = clients.issue_key("till", ACTOR)
    clients.revoke_key(key[:8], ACTOR)
    clients.set_active("till", False, ACTOR)
    clients.set_active("till", False, ACTOR)
    clients.set_active("till", True, ACTOR)
    clients.create_person("ana", "auditor", PASSWORD, ACTOR)
    clients.set_password("ana", f"{PASSWORD}!", ACTOR)
    assert trail() == [
        ("client.created", "till", {"role": [None, "pos"]}),
        ("key.issued", "till", {"key": [None, key[:8]]}),
        ("key.issued", "till", {"key": [None, second[:8]]}),
        ("key.revoked", "till", {"key": [key[:8], None]}),
        ("client.deactivated", "till", {"is_active": [True, False]}),
        ("client.activated", "till", {"is_active": [False, True]}),
        ("client.created", "ana", {"role": [None, "auditor"], "person": [None, True]}),
        ("client.password_set", "ana", {}),
    ]
    told = str(list(AuditEntry.objects.values()))
    assert not [secret for secret in (key[9:], second[9:], PASSWORD) if secret in told]
    assert set(AuditEntry.objects.values_list("actor", "via")) == {("root", "cli")}


def test_what_is_refused_leaves_no_trace(database: None) -> None:
    clients.create_client("till", "pos")
    clients.issue_key("till")
    with pytest.raises(TooManyKeys):
        clients.issue_key("till", ACTOR)
    with pytest.raises(clients.ClientNameTaken):
        clients.create_client("till", "pos", ACTOR)
    assert trail() == []


def test_somebody_at_the_console_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    assert (at_console().name, at_console().via) == ("grace", "cli")


def used(key: str) -> datetime | None:
    return ApiKey.objects.values_list("last_used_at", flat=True).get(prefix=key[:8])


def test_the_last_use_of_a_key_is_written_by_nobody_who_uses_it(pos: Till) -> None:
    before = datetime.now(UTC)
    pos.get("/orders")
    assert used(pos.key) is None
    key_use.write()
    written = used(pos.key)
    assert written is not None
    assert before <= written <= datetime.now(UTC)


def test_a_key_in_use_is_written_once_in_a_while(pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    pos.get("/orders")
    key_use.write()
    first = used(pos.key)
    pos.get("/orders")
    key_use.write()
    assert used(pos.key) == first
    monkeypatch.setattr(key_use, "_rests_until", {})
    key_use.write()
    assert used(pos.key) > first  # type: ignore[operator] # both are written


def test_a_wrong_secret_is_no_use(pos: Till) -> None:
    pos.get("/orders", Authorization=f"Api-Key {pos.key}x").problem(401, "unauthenticated")
    key_use.write()
    assert used(pos.key) is None


def test_without_postgresql_the_last_use_is_written_later(pos: Till) -> None:
    pos.get("/orders")
    with database_away():
        key_use.write()
    key_use.write()
    assert used(pos.key) is not None


def test_an_older_use_never_takes_the_place_of_a_newer_one(pos: Till) -> None:
    newer = datetime(2999, 1, 1, tzinfo=UTC)
    pos.get("/orders")
    ApiKey.objects.update(last_used_at=newer)
    key_use.write()
    assert used(pos.key) == newer
