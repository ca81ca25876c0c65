"""The retention task: a bite of each kind, told of when there was something to bite, out of everybody's way."""

from typing import Any

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from store import retention
from store.models import Command
from tests.store.aged import aged
from tests.till import Till
from worker import tasks
from worker.app import app


def test_a_run_takes_one_bite_of_each_kind_and_says_so(pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BITE", 2)
    for days in (31, 32, 33):
        aged(pos, days)
        aged(pos, days + 400, purged=True)
    said = []
    for _ in range(3):
        with capture_logs() as logs:
            tasks.retain()
        said.append({line["event"]: line["commands"] for line in logs})
    both = ("commands.purged", "commands.deleted")
    assert said == [dict.fromkeys(both, 2), dict.fromkeys(both, 1), {}]
    assert Command.objects.filter(purged_at__isnull=False).count() == Command.objects.count() == 3


def test_beat_sends_it_to_the_sweeper_with_neither_results_nor_events() -> None:
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE["retain"]
    assert schedule["task"] == tasks.retain.name
    assert schedule["options"] == settings.CELERY_BEAT_SCHEDULE["sweep"]["options"]
    assert settings.CELERY_TASK_ROUTES["retain"] == settings.CELERY_TASK_ROUTES["sweep"]
    task = app.tasks["retain"]
    assert (task.ignore_result, task.send_events) == (True, False)
