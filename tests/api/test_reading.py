"""Commands that somebody waits for: a moment after a look, the next wait begins without one."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api import hub, reading
from api.reading import as_they_stand, shown_lately
from store.clients import Caller
from store.models import Client
from tests.till import Till, run_drain


def caller(till: Till) -> Caller:
    return Caller(Client.objects.get(name=till.name).id, till.name, till.role)


@pytest.fixture
def command_id(pos: Till) -> uuid.UUID:
    """A command that is queued."""
    return uuid.UUID(pos.submit("order.create").body["id"])


def test_what_was_looked_at_is_known_for_a_moment(
    pos: Till, command_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = caller(pos)
    assert shown_lately(who, command_id) is None
    stands = as_they_stand([command_id])[command_id]
    with CaptureQueriesContext(connection) as queries:
        assert shown_lately(who, command_id) == stands
    assert len(queries) == 0
    monkeypatch.setattr(reading, "LATELY_SECONDS", -1.0)
    assert shown_lately(who, command_id) is None


def test_nobody_is_shown_what_is_not_theirs(pos: Till, integration: Till, auditor: Till, command_id: uuid.UUID) -> None:
    as_they_stand([command_id])
    assert shown_lately(caller(integration), command_id) is None
    assert shown_lately(caller(auditor), command_id) is not None


def test_after_a_look_that_finds_it_ended_it_is_looked_up(pos: Till, command_id: uuid.UUID) -> None:
    as_they_stand([command_id])
    run_drain()
    as_they_stand([command_id])
    assert shown_lately(caller(pos), command_id) is None


def test_what_is_too_old_is_not_kept(pos: Till, command_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LATELY_SECONDS", -1.0)
    as_they_stand([command_id])
    assert not reading._lately


def test_the_hub_remembers_an_end_for_longer_than_a_look_stands() -> None:
    assert hub.ENDED_SECONDS > reading.LATELY_SECONDS
