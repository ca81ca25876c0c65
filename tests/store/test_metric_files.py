"""Counts outlive the process that counted, and its files do not."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from config.processes import PROJECT
from store import metric_files

COUNT = """
import django; django.setup()
from store import metrics
for _ in range({count}): metrics.refused("forbidden")
metrics.batch_executed(3, 0.02)
metrics.web_is(threads_busy=2, jobs_waiting=0, clients_waiting=7, streams=0)
"""


def count(folder: Path, times: int) -> None:
    """A process counts, and dies."""
    script = COUNT.format(count=times)
    variables = {"DJANGO_SETTINGS_MODULE": "config.settings", "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=variables, check=True)


def value(folder: Path, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    return registry.get_sample_value(name, labels)


def files(folder: Path) -> set[str]:
    return {file.name.rpartition("-")[2] for file in folder.glob("*.db")}


def test_what_dead_processes_counted_stays_and_their_files_go(tmp_path: Path) -> None:
    for times in (2, 3):
        count(tmp_path, times)
        metric_files.tidy(tmp_path)
        assert files(tmp_path) == {"gone.db"}
    assert value(tmp_path, "orderly_refusals_total", code="forbidden") == 5
    assert value(tmp_path, "orderly_batch_commands_count") == 2
    assert value(tmp_path, "orderly_batch_commands_bucket", le="5.0") == 2
    assert value(tmp_path, "orderly_waiting_clients") is None


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_who_lives_or_is_of_another_host_keeps_its_files(tmp_path: Path, host: str | None) -> None:
    name = f"counter_{host}-999999.db" if host else f"counter_{metric_files.process()}.db"
    (tmp_path / name).touch()
    metric_files.tidy(tmp_path)
    assert [file.name for file in tmp_path.glob("*.db")] == [name]


def test_a_fresh_start_forgets_all(tmp_path: Path) -> None:
    metric_files.empty(tmp_path / "not there yet")
    count(tmp_path, 1)
    metric_files.empty(tmp_path)
    assert files(tmp_path) == set()
