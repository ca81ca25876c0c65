"""`/metrics`: for Prometheus, whoever is away, with few labels whatever clients send."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import page
from config.processes import PROJECT
from store import presence
from store.models import Command, Endpoint
from tests import online
from tests.away import database_away, redis_away
from tests.till import Till, entry, run_drain
from tests.webhooks import deliver, endpoint

type Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped() -> Samples:
    """Every sample by its name and labels."""
    page.forget()
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.content.decode())
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"orderly_{name}", frozenset(labels.items())), 0.0)


def added(before: Samples, name: str, **labels: str) -> float:
    """How much more there is now."""
    return value(scraped(), name, **labels) - value(before, name, **labels)


def test_counts_what_came_of_submissions(pos: Till) -> None:
    before = scraped()
    pos.submit("order.create", key="a")
    pos.submit("order.create", key="a")
    pos.batch(entry("order.create"), entry("order.create", {"note": 1}))
    for outcome, count in {"new": 2, "replayed": 1, "refused": 1}.items():
        assert added(before, "commands_accepted_total", type="order.create", outcome=outcome) == count
    assert added(before, "accept_seconds_count") == 3
    assert added(before, "refusals_total", code="invalid-request") == 1


def test_counts_how_commands_end(pos: Till, manager: Till) -> None:
    before = scraped()
    pos.run("order.create")
    pos.run("order.cancel_draft", order_id="01970000-0000-7000-8000-00000000abcd")
    queued = pos.submit("order.create").body
    pos.post(f"/commands/{queued['id']}/cancel")
    assert added(before, "commands_finished_total", type="order.create", status="succeeded") == 1
    assert added(before, "commands_finished_total", type="order.create", status="cancelled") == 1
    assert added(before, "commands_finished_total", type="order.cancel_draft", status="failed") == 1
    assert added(before, "refusals_total", code="order-not-found") == 1
    assert added(before, "command_seconds_count") == 3
    assert added(before, "batch_commands_sum") == 2


def test_counts_requests_by_route_not_by_path(pos: Till) -> None:
    before = scraped()
    for number in range(3):
        pos.get(f"/commands/01970000-0000-7000-8000-00000000000{number}")
    labels = {"route": "api/v1/commands/<id:command_id>", "method": "GET"}
    assert added(before, "requests_total", **labels, status="404") == 3
    assert added(before, "request_seconds_count", **labels) == 3


def test_what_clients_make_up_makes_no_labels(pos: Till) -> None:
    pos.submit("order.made-up-by-nobody")
    pos.batch(entry(["order.made-up"]), entry("order.made-up"))  # type: ignore[arg-type] # as hostile as it looks
    pos.request("BREW", "/made-up")
    pos.get("/made-up")
    page.forget()
    told = Client().get("/metrics").content.decode()
    assert "made-up" not in told
    assert "BREW" not in told
    assert value(scraped(), "requests_total", route="none", method="other", status="404") > 0


def test_shows_how_the_system_stands(pos: Till) -> None:
    presence.seen("commands@here")
    pos.batch(*(entry("order.create") for _ in range(3)))
    deliver(endpoint(), 2)
    endpoint("https://dead.example.com/", is_active=False, disabled_reason="Nothing arrives.")
    endpoint("https://asleep.example.com/", is_active=False)
    samples = scraped()
    assert value(samples, "backlog") == 3
    assert 0 < value(samples, "oldest_queued_seconds") < 60
    assert value(samples, "backlog_limit") == 100_000
    assert value(samples, "deliveries_pending") == 2
    assert 0 < value(samples, "oldest_due_delivery_seconds") < 60
    assert value(samples, "endpoints_disabled") == 1
    assert (value(samples, "database_up"), value(samples, "redis_up")) == (1, 1)
    assert value(samples, "workers") == 1
    presence.left("commands@here")
    assert Endpoint.objects.count() == 3


def test_shows_failures_that_wait_for_an_operator_until_somebody_retries(pos: Till, manager: Till) -> None:
    failed = pos.submit("order.create").body["id"]
    Command.objects.filter(id=failed).update(
        status="failed", error={"code": "internal-error"}, finished_at="2026-01-01T00:00:00Z"
    )
    refused = pos.run("order.cancel_draft", order_id="01970000-0000-7000-8000-00000000abcd")
    assert refused["status"] == "failed"
    assert value(scraped(), "dead_letters") == 1
    assert manager.post(f"/commands/{failed}/retry").status == 202
    run_drain()
    assert value(scraped(), "dead_letters") == 0


def test_shows_what_payment_providers_have_not_answered(manager: Till, settings: LazySettings) -> None:
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", price="9.99", stock=9)
    for pay in (online.uncertain, online.paid):
        pay(manager, manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"])
    samples = scraped()
    assert (value(samples, "payments_unsettled"), value(samples, "commands_uncertain")) == (1, 1)
    assert 0 < value(samples, "oldest_unsettled_payment_seconds") < 60
    online.due_now()
    online.ask()
    assert (value(scraped(), "payments_unsettled"), value(scraped(), "commands_uncertain")) == (1, 1)
    run_drain()
    samples = scraped()
    assert (value(samples, "payments_unsettled"), value(samples, "commands_uncertain")) == (0, 0)
    assert value(samples, "oldest_unsettled_payment_seconds") == 0


def test_answers_while_postgresql_is_away(pos: Till) -> None:
    with database_away():
        samples = scraped()
    assert (value(samples, "database_up"), value(samples, "redis_up")) == (0, 1)
    assert ("orderly_backlog", frozenset()) not in samples


def test_answers_while_redis_is_away(database: None) -> None:
    with redis_away():
        samples = scraped()
    assert (value(samples, "database_up"), value(samples, "redis_up")) == (1, 0)
    assert ("orderly_workers", frozenset()) not in samples


def test_postgresql_is_asked_once_a_second_however_many_ask(pos: Till) -> None:
    page.forget()
    first = Client().get("/metrics").content
    pos.submit("order.create")
    assert Client().get("/metrics").content == first


def test_a_folder_that_cannot_be_written_breaks_nothing(tmp_path: Path) -> None:
    """Counts are then nobody's; commands go on."""
    (tmp_path / "file").touch()
    script = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        f"settings.PROMETHEUS_MULTIPROC_DIR = {str(tmp_path / 'file' / 'metrics')!r}\n"
        "from store import metrics\n"
        "metrics.tidy(); metrics.submitted('order.pay', 'new')\n"
        "with metrics.shared() as folder: assert folder is None\n"
    )
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env=variables, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, '"action":"metrics.unshared"' in ran.stderr) == (0, True), ran.stderr


def test_what_manage_py_does_leaves_no_files(tmp_path: Path) -> None:
    variables = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    subprocess.run([sys.executable, "manage.py", "check"], cwd=PROJECT, env=variables, check=True, capture_output=True)
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize("path", ["/metrics", "/health/"])
def test_needs_no_key(database: None, path: str) -> None:
    assert Client().get(path).status_code == 200
