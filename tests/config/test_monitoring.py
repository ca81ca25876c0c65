"""Dashboard and alerts speak of what `/metrics` has, and each alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from api.metrics import page
from config.processes import PROJECT
from store import metrics
from tests.till import Till

PROMETHEUS = PROJECT / "docker" / "prometheus"
GRAFANA = PROJECT / "docker" / "grafana"
OPERATIONS = PROJECT / "docs" / "operations.md"
ALERTS = {
    *("OrderlyDown", "OrderlyDatabaseAway", "OrderlyRedisAway", "OrderlyNoWorkers", "OrderlyQueueOld"),
    *("OrderlyBacklogHigh", "OrderlyCommandsFailing", "OrderlyAcceptSlow", "OrderlyErrors", "OrderlyRateLimited"),
    *("OrderlyWebhooksFailing", "OrderlyWebhooksLate", "OrderlyEndpointDisabled"),
    *("OrderlyPaymentsUnsettled", "OrderlyProviderSilent", "OrderlyAnswersNotSettled"),
}
_METRIC = re.compile(r"\borderly_\w+")
_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (of Prometheus) is not installed")


def loaded(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def rules() -> list[dict[str, Any]]:
    [group] = loaded(PROMETHEUS / "alerts.yml")["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((GRAFANA / "dashboards" / "orderly.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


@pytest.fixture
def shown(pos: Till) -> set[str]:
    """The names of all metrics, after all that can be counted has been."""
    metrics.submitted("order.pay", "new")
    metrics.refused("rate-limited")
    metrics.batch_failed(passing=True)
    metrics.attempted("delivered", 0.1)
    metrics.provider_asked("simulator", "yes", 0.1)
    metrics.bell_lost("drain")
    metrics.answered("api/v1/commands", "POST", 202, 0.01)
    pos.run("order.create")
    page.forget()
    told = Client().get("/metrics").content.decode()
    return set(re.findall(r"^(orderly_\w+)", told, re.MULTILINE))


def test_every_metric_named_is_there(shown: set[str]) -> None:
    named = {name for expression in expressions() for name in _METRIC.findall(expression)}
    assert len(named) > 20
    assert named - shown == set()


def test_every_metric_there_is_named(shown: set[str]) -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown if not name.endswith("_created")}
    named = " ".join(expressions())
    unseen = {family for family in families if family not in named}
    assert unseen == set()


def test_the_alerts_are_these_each_with_a_page_that_says_what_to_do() -> None:
    assert {rule["alert"] for rule in rules()} == ALERTS
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


@pytest.mark.skipif(not OPERATIONS.exists(), reason="docs/operations.md is not written yet")
def test_every_alert_has_its_section() -> None:
    headings = {text.strip().lower() for text in re.findall(r"^#+ (.*)$", OPERATIONS.read_text(), re.MULTILINE)}
    assert {alert.lower() for alert in ALERTS} <= headings


def test_panels_stand_beside_each_other_and_ask_the_provisioned_source() -> None:
    [source] = loaded(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    [provider] = loaded(GRAFANA / "provisioning" / "dashboards" / "orderly.yml")["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == source["uid"]
    assert len({panel["id"] for panel in panels()}) == len(panels())


@_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml"), ("check", "config", "--syntax-only")],
)
def test_prometheus_own_tool_is_content(arguments: tuple[str, ...]) -> None:
    command = ["promtool", *arguments] + (["prometheus.yml"] if "config" in arguments else [])
    ran = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@_promtool
def test_prometheus_own_tool_takes_what_metrics_says(shown: set[str]) -> None:
    told = Client().get("/metrics").content
    ran = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
