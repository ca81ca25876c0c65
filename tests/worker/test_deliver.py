"""The task that wakes the courier: sent by the sweep when deliveries are due, received by a process of its own."""

from typing import Any

import pytest
from django.db.models.functions import Now

from tests.webhooks import deliver, endpoint
from worker import sweep, tasks
from worker.app import app
from worker.bell import Bell
from worker.courier import Courier, courier


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[Bell]:
    """One entry for each time the courier is rung for."""
    rings: list[Bell] = []
    monkeypatch.setattr(Bell, "ring_courier", lambda bell: rings.append(bell))  # noqa: PLW0108 - binds to the bell
    return rings


def test_the_sweep_rings_when_a_delivery_is_due_and_only_then(database: None, rings: list[Bell]) -> None:
    to = endpoint()
    deliver(to, status="delivered", next_attempt_at=None)
    deliver(to, leased_until=Now(), next_attempt_at="2099-01-01T00:00:00Z")
    sweep.sweep()
    assert len(rings) == 0
    deliver(to)
    sweep.sweep()
    assert len(rings) == 1


def test_the_task_wakes_the_courier_and_leaves_neither_results_nor_events(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[Courier] = []
    monkeypatch.setattr(Courier, "wake", lambda courier: woken.append(courier))  # noqa: PLW0108 - binds to the courier
    tasks.deliver()
    assert woken == [courier]
    task: Any = app.tasks["deliver"]
    assert (task.ignore_result, task.send_events) == (True, False)
