"""Two live keys at most, however many ask for one at once; with the control that has a third."""

import contextlib
import threading
from typing import Any

import pytest

from store import clients
from store.clients import TooManyKeys
from store.models import ApiKey, Client
from tests.concurrency.workers import at_once


def issue_together(times: int) -> None:
    """So many keys are asked for at once."""

    def issue() -> None:
        with contextlib.suppress(TooManyKeys):
            clients.issue_key("till")

    at_once(times, issue)


def live_keys() -> int:
    return ApiKey.objects.filter(revoked_at=None).count()


def test_of_many_keys_asked_for_at_once_one_is_issued(database: None) -> None:
    clients.create_client("till", "pos")
    for _ in range(5):
        issue_together(6)
        assert live_keys() == 2
        clients.revoke_key(str(ApiKey.objects.filter(revoked_at=None).values_list("prefix", flat=True)[0]))


def test_without_the_lock_there_are_three(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: both have counted one key."""
    clients.create_client("till", "pos")
    together = threading.Barrier(2)
    new_key = clients._new_key

    def new_key_together(*args: Any) -> str:
        together.wait(timeout=10)
        return new_key(*args)

    monkeypatch.setattr(clients, "_locked", lambda name: Client.objects.get(name=name))
    monkeypatch.setattr(clients, "_new_key", new_key_together)
    issue_together(2)
    assert live_keys() == 3
