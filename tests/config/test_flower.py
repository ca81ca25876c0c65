"""Flower never stands open to the world."""

import os
import subprocess
import sys

import pytest

from config import flower
from config.processes import PROJECT


def start(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Ask for Flower's help instead of Flower, with all that decides whether it may start."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FLOWER_")} | variables
    return subprocess.run(
        [sys.executable, "-m", "config.flower", *arguments, "--help"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("where", ["--address=0.0.0.0", "--address=::", "--address=10.0.0.7", "--address=flower", ""])
def test_without_a_password_it_does_not_start_where_others_reach_it(where: str) -> None:
    ended = start(*([where] if where else []))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("FLOWER_BASIC_AUTH: not set, and Flower would let everybody in")


@pytest.mark.parametrize("text", ["operator", ":12345678", "operator:short", "a:12345678,b:12345678"])
def test_a_password_that_is_none_is_one_line(text: str) -> None:
    ended = start("--address=127.0.0.1", FLOWER_BASIC_AUTH=text)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("FLOWER_BASIC_AUTH: must be user:password")


@pytest.mark.parametrize(
    ("address", "variables"),
    [("0.0.0.0", {"FLOWER_BASIC_AUTH": "operator:12345678"}), ("127.0.0.1", {}), ("::1", {}), ("localhost", {})],
)
def test_becomes_flower_with_a_bounded_memory(
    address: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _file, argv: became.append(argv))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/somewhere")
    flower.main([f"--address={address}", "--port=5555"])
    [argv] = became
    assert argv[argv.index("flower") + 1 :] == [*flower.BOUNDS, f"--address={address}", "--port=5555"]
    assert {"--max-tasks=2000", "--persistent=False"} <= set(argv)
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
