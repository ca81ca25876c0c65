"""The import contracts of pyproject.toml hold, and each of them bites when it is broken."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: dict[str, str] = {contract["id"]: contract["name"] for contract in LINTER["contracts"]}

PLANTS = {
    "domain": ("domain/money.py", "import django.conf"),
    "store": ("store/orders.py", "from worker import bell"),
    "worker": ("worker/sweep.py", "import api.health"),
    "api": ("api/health.py", "from worker import drain"),
}
"""Where a breach of each contract is planted, and which."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages, to plant breaches in."""
    for package in LINTER["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check all contracts on the packages in this folder."""
    program = Path(sys.executable).parent / "lint-imports"
    env = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def verdict(output: str, contract: str) -> str:
    """KEPT or BROKEN."""
    lines = [line for line in output.splitlines() if line.startswith(CONTRACTS[contract])]
    return lines[0].removeprefix(CONTRACTS[contract]).split()[0]


def test_every_room_that_may_not_import_everything_has_a_contract() -> None:
    assert set(CONTRACTS) == set(PLANTS) == {"domain", "store", "worker", "api"}


def test_all_contracts_are_kept(copy: Path) -> None:
    linted = lint(copy)
    assert linted.returncode == 0, linted.stdout
    assert {contract: verdict(linted.stdout, contract) for contract in CONTRACTS} == dict.fromkeys(CONTRACTS, "KEPT")


@pytest.mark.parametrize("contract", PLANTS)
def test_a_contract_bites_when_it_is_broken(copy: Path, contract: str) -> None:
    path, breach = PLANTS[contract]
    module = copy / path
    module.write_text(f"{module.read_text()}\n{breach}\n")
    linted = lint(copy)
    assert linted.returncode == 1, linted.stdout
    assert verdict(linted.stdout, contract) == "BROKEN"
    assert path.removesuffix(".py").replace("/", ".") in linted.stdout
