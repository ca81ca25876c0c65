"""Lines: JSON whatever stands in them, whoever writes them; each action of the code is explained in the docs."""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import logs
from config.processes import PROJECT
from tests.test_docs import ARCHITECTURE, table

ROOMS = ("api", "store", "worker", "config")
_ACTION = re.compile(r"\blog\.(?:debug|info|warning|error|exception)\(\s*\"?([^\s\",)]+)")


def test_every_action_is_explained_and_every_explained_action_exists() -> None:
    files = [file for room in ROOMS for file in (PROJECT / room).rglob("*.py")]
    said = {word for file in files for word in _ACTION.findall(file.read_text())}
    assert {row[0] for row in table(ARCHITECTURE, "What is logged")} == said


@pytest.mark.parametrize(
    "value", ["\ud800", 2**70, b"\xff", object(), {1: {2}}, float("nan"), "\x00\n", [Path("x")], Exception("x")]
)
def test_a_line_is_json_whatever_stands_in_it(value: object) -> None:
    line: dict[str, Any] = json.loads(logs.render(None, "info", {"event": "thing.done", "value": value}))
    assert line["action"] == "thing.done"
    assert "\n" not in logs.render(None, "info", {"event": "thing.done", "value": value}).decode()


def test_what_is_not_known_does_not_stand_in_the_line() -> None:
    assert json.loads(logs.render(None, "info", {"event": "thing.done", "code": None})) == {"action": "thing.done"}


def test_lines_of_other_libraries_take_the_same_shape() -> None:
    record = logging.LogRecord("kombu", logging.WARNING, "", 0, "lost %s", ("it",), None)
    line = json.loads(logs.formatter().format(record))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"action": "lost it", "level": "warning", "logger": "kombu"}


SCRIPT = """
import django; django.setup()
import logging, structlog
structlog.get_logger().info("thing.done", size=1)
structlog.get_logger().debug("thing.unseen")
try: 1 / 0
except ZeroDivisionError: structlog.get_logger().exception("thing.failed")
logging.getLogger("django.request").error("Service Unavailable")
logging.getLogger("django.request").error("Bug", exc_info=ZeroDivisionError("x"))
import warnings; warnings.warn("old")
"""


def test_a_process_writes_one_json_object_a_line_and_nothing_else() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=PROJECT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["action"] for line in lines[:3]] == ["thing.done", "thing.failed", "Bug"]
    assert "ZeroDivisionError" in lines[1]["exception"]
    assert "old" in lines[3]["action"]
    assert (len(lines), ran.stdout) == (4, "")
