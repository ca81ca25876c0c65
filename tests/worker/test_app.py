"""The Celery application: what a worker's process loads before it works."""

import subprocess
import sys

from config.processes import PROJECT

START = """
import sys
from worker.app import app

app.loader.init_worker()
print(*sorted({"worker.tasks", "api.urls", "rest_framework.views"} & sys.modules.keys()))
"""


def test_a_worker_starts_without_the_whole_of_the_api() -> None:
    argv = [sys.executable, "-c", START]
    assert subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split() == [
        "worker.tasks"
    ]
