"""The deployment's files, read by the programs that know their formats."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.processes import PROJECT
from tests.deployment import compose

_PROGRAMS = Path(sys.executable).parent


def complaints(program: str, *arguments: object) -> str:
    """What it says, empty when all is well."""
    ended = subprocess.run(
        [_PROGRAMS / program, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout + ended.stderr if ended.returncode else ""


def test_the_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    assert complaints("hadolint", "docker/Dockerfile") == ""


@pytest.mark.parametrize("file", compose.FILES, ids=lambda file: file.name)
def test_a_compose_file_follows_the_specification(file: Path) -> None:
    assert complaints("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file) == ""


def test_yaml_is_written_as_we_write_it() -> None:
    assert complaints("yamllint", "--strict", ".yamllint.yml", *compose.FILES) == ""


def test_the_linters_do_complain(tmp_path: Path) -> None:
    dockerfile, composed = tmp_path / "Dockerfile", tmp_path / "docker-compose.yml"
    dockerfile.write_text("FROM python\nRUN cd /tmp\n")
    composed.write_text("services: { api: { imgae: orderly,  }, }\n")
    assert "DL3006" in complaints("hadolint", dockerfile)
    assert "imgae" in complaints("check-jsonschema", "--builtin-schema", "vendor.compose-spec", composed)
    assert "commas" in complaints("yamllint", "--strict", composed)
