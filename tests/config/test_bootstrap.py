"""The bootstrap on machines that others have messed up; a stand-in for uv notes how it is called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.processes import PROJECT

UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv 0.13.8 (a stand-in)"; exit 0; fi
echo "$0 $* VIRTUAL_ENV=${VIRTUAL_ENV-none}" >>calls.txt
mkdir -p .venv/bin && ln -sf "$REAL_PYTHON" .venv/bin/python
"""
BROKEN = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
REAL_PYTHON = Path(sys.executable).resolve()


def script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A project folder, and a `bin` in front of PATH on which every Python is a broken shim."""
    for name in ("pyproject.toml", "uv.lock", "config/bootstrap.sh"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / "project" / name)
    for name in ("python3.13", "python3", "python", "uv"):
        script(tmp_path / "bin" / name, BROKEN)
    return tmp_path


def bootstrap(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": f"{machine / 'bin'}:/usr/bin:/bin",
        "HOME": str(machine / "home"),
        "REAL_PYTHON": str(REAL_PYTHON),
        # Should it ever ask an index, it finds none: these tests need no network.
        "PIP_INDEX_URL": "http://127.0.0.1:1/",
        "PIP_RETRIES": "0",
        "UV_OFFLINE": "1",
    } | variables
    return subprocess.run(
        ["sh", str(machine / "project/config/bootstrap.sh")],
        env=env,
        cwd=machine,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(machine: Path) -> list[str]:
    file = machine / "project/calls.txt"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("root", ["home/.pyenv", "elsewhere"])
def test_finds_a_python_that_only_a_version_manager_knows(machine: Path, root: str) -> None:
    script(machine / "bin/uv", UV)
    python = machine / root / "versions/3.13.0/bin/python3"
    python.parent.mkdir(parents=True)
    python.symlink_to(REAL_PYTHON)
    done = bootstrap(machine, PYENV_ROOT=str(machine / root), VIRTUAL_ENV="/some/other")
    assert (done.returncode, done.stderr) == (0, "")
    (call,) = calls(machine)
    assert "sync --frozen --python /" in call
    assert call.endswith("VIRTUAL_ENV=none")


def test_passes_a_broken_uv_over_for_its_own(machine: Path) -> None:
    script(machine / "project/.tools/uv/bin/uv", UV)
    assert bootstrap(machine).returncode == 0
    (call,) = calls(machine)
    assert call.startswith(".tools/uv/bin/uv sync --frozen --python ")


def test_is_quiet_and_does_nothing_when_nothing_is_to_do(machine: Path) -> None:
    script(machine / "bin/uv", UV)
    assert bootstrap(machine).returncode == 0
    again = bootstrap(machine)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(calls(machine)) == 1


def test_runs_again_when_the_lock_has_changed(machine: Path) -> None:
    script(machine / "bin/uv", UV)
    bootstrap(machine)
    stamp = (machine / "project/.venv/.installed").stat().st_mtime
    os.utime(machine / "project/uv.lock", (stamp + 5, stamp + 5))
    bootstrap(machine)
    assert len(calls(machine)) == 2


def test_says_in_one_line_that_it_cannot(machine: Path) -> None:
    done = bootstrap(machine)
    assert done.returncode == 1
    assert done.stderr.startswith("setup failed: ")
    assert done.stderr.count("\n") == 1
    assert not (machine / "project/.venv/.installed").exists()
