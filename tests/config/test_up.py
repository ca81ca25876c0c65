"""`make up`, as a stranger uses it and as a machine mistreats it: real processes, real servers."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from config.processes import PROJECT, free_port
from config.seed import PEOPLE_FILE, PRODUCTS, read_keys
from tests.config.running import Running, environment, manage, session
from tests.polling import until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def curl(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout


def paid(running: Running) -> None:
    """A new order is created and paid, whatever happened before."""
    order_id = str(uuid.uuid4())
    items = [{"sku": "WATER-05", "qty": 1}]
    commands: list[dict[str, Any]] = [
        {"type": "order.create", "order_id": order_id, "payload": {"items": items}},
        {"type": "order.pay", "order_id": order_id, "payload": {"method": "card"}},
    ]
    for command in commands:
        status, _body = running.api.ask(
            "POST", "/api/v1/commands", command, key=running.keys["pos"], idempotency_key=str(uuid.uuid4())
        )
        assert status == 202
    until(lambda: status_of(running, order_id) == "paid")


def status_of(running: Running, order_id: str) -> str:
    body = running.api.ask("GET", f"/api/v1/orders/{order_id}", key=running.keys["auditor"])[1]
    return str(body.get("status"))


def stock(running: Running) -> dict[str, int]:
    listed = running.api.ask("GET", "/api/v1/products?page_size=200", key=running.keys["auditor"])[1]["results"]
    return {product["sku"]: product["on_hand"] for product in listed}


def test_the_printed_curl_lines_pay_and_read_the_order(system: Running) -> None:
    pay, read = system.curl_lines()
    assert '"order.pay"' in curl(pay)
    until(lambda: '"paid"' in curl(read))


def test_the_last_line_says_that_and_where_it_is_ready(system: Running) -> None:
    lines = [line for line in system.output.splitlines() if " has died " not in line]
    assert lines[-1] == f"Orderly is ready on http://127.0.0.1:{system.port}"


def test_shows_a_key_that_works_for_each_role_and_keeps_them_private(system: Running) -> None:
    assert set(system.keys) == {"pos", "integration", "manager", "auditor"}
    for key in system.keys.values():
        assert f"Api-Key {key}" in system.output
        assert system.api.ask("GET", "/api/v1/products", key=key)[0] == 200
    assert stat.S_IMODE((system.data_dir / "demo-keys.json").stat().st_mode) == 0o600


def test_flower_asks_for_the_password_that_is_shown_and_only_its_health_check_does_not(system: Running) -> None:
    address, user, password = re.findall(r"^Flower  (\S+) \((\S+) / (\S+)\)$", system.output, re.MULTILINE)[0]
    kept = system.data_dir / "flower-password"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (password, 0o600)
    status = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]
    asked = {
        "nobody": curl([*status, f"{address}workers"]),
        "a stranger": curl([*status, "-u", f"{user}:guess", f"{address}api/tasks"]),
        "the operator": curl([*status, "-u", f"{user}:{password}", f"{address}workers"]),
        "a container": curl([*status, f"{address}healthcheck"]),
    }
    assert asked == {"nobody": "401", "a stranger": "401", "the operator": "200", "a container": "200"}


def test_a_start_begins_to_count_anew(open_folder: Path) -> None:
    left = open_folder / "counted" / "metrics" / "counter_elsewhere-1.db"
    left.parent.mkdir(parents=True)
    left.touch()
    running = Running(open_folder / "counted")
    try:
        assert not left.exists()
        own = [file.name for file in left.parent.glob("*.db")]
        assert own
        assert all(f"_{socket.gethostname()}-" in name for name in own), "Flower's own metrics stay with it"
    finally:
        running.stop(signal.SIGTERM)


def test_shows_people_who_may_log_in_and_keeps_their_passwords_private(system: Running) -> None:
    file = system.data_dir / PEOPLE_FILE
    people = read_keys(file)
    assert set(people) == {"manager", "auditor"}
    for name, password in people.items():
        assert f"{name} {password}" in system.output
        assert system.api.ask("POST", "/api/v1/auth/token", {"username": name, "password": password})[0] == 200
    assert f"Console http://127.0.0.1:{system.port}/admin/" in system.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_killed_worker_comes_back_without_its_orphans_and_orders_are_paid(system: Running) -> None:
    name = f"commands@{'%h'}"
    before = until(lambda: system.pid_of(name))
    os.kill(before, signal.SIGKILL)
    until(lambda: system.pid_of(name) not in {0, before})
    until(lambda: not session(before))
    paid(system)
    assert "worker has died (signal 9)" in system.output


def test_a_second_start_on_the_same_folder_is_one_line(system: Running) -> None:
    ended = up(DATA_DIR=str(system.data_dir))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("DATA_DIR: another `make up` runs on ")
    assert ended.stderr.count("\n") == 1


def test_ctrl_c_ends_all_in_time_and_the_next_start_finds_everything_again(open_folder: Path) -> None:
    first = Running(open_folder / "ended")
    keys, shelf = first.keys, stock(first)
    people = read_keys(first.data_dir / PEOPLE_FILE)
    assert shelf == {sku: qty for sku, _name, _price, qty, *_money in PRODUCTS}
    assert first.stop(signal.SIGINT) == 0
    assert first.left_behind() == []
    assert "Traceback" not in first.output
    asked = manage(first.data_dir, "create_client", "nobody-home", "--role", "pos")
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert "make up" in asked.stderr

    second = Running(open_folder / "ended")
    try:
        assert (second.keys, stock(second)) == (keys, shelf)
        assert read_keys(second.data_dir / PEOPLE_FILE) == people
    finally:
        assert second.stop(signal.SIGTERM) == 0
    assert second.left_behind() == []


def up(**variables: str) -> subprocess.CompletedProcess[str]:
    ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
    return subprocess.run(
        [sys.executable, "-m", "config.up"],
        cwd=PROJECT,
        env=environment(**ports | variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["PORT", "FLOWER_PORT"])
def test_a_port_in_use_is_one_line_that_names_the_variable(name: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = up(**{name: str(port), "DATA_DIR": str(tmp_path)})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"{name}: port {port} ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("LANES", "many"), ("LANES", "0"), ("BATCH_MAX", "-1"), ("PORT", "99999"), ("FLOWER_PORT", "x"),
     ("DATABASE_URL", "mysql://x"), ("SECRET_KEY", "short"), ("FLOWER_BASIC_AUTH", "operator"),
     ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")],
)  # fmt: skip
def test_a_bad_variable_is_one_line_that_names_it(name: str, value: str, tmp_path: Path) -> None:
    ended = up(**{"DATA_DIR": str(tmp_path), name: value})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"{name}: ")


def test_servers_that_do_not_answer_are_one_line(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    ended = up(
        DATA_DIR=str(tmp_path), DATABASE_URL=f"postgresql://u:p@{nobody}/o",
        REDIS_URL=f"redis://{nobody}/0", BROKER_URL=f"redis://{nobody}/1",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith(f"DATABASE_URL: {nobody} could not be prepared: ")
