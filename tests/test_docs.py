"""The documentation says what is: its names exist, its tables agree with the code, its examples run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.problems import TITLES_BY_CODE
from config.processes import PROJECT
from domain import registry
from domain.access import RIGHTS
from domain.workflow import WORKFLOWS, StockEffect
from store.models import FINAL_STATUSES, OPEN_STATUSES

README = PROJECT / "README.md"
CONTRACT = PROJECT / "docs" / "contract.md"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
PAGES = sorted([README, PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")])
_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

_FILE = re.compile(r"(?:[\w-][\w.-]*/)*(?:[\w-][\w.-]*\.(?:py|md|toml|yml|sh|sql|lock)|Makefile|Dockerfile|LICENSE)")
_FOLDER = re.compile(r"(?:[\w-][\w.-]*/)+")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def quoted(page: Path) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def table(page: Path, heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head; cells without backticks."""
    section = re.split(r"^#+ ", page.read_text().partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 2, f"no table below {heading!r}"
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


@_each_page
def test_every_make_target_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    in_blocks = [line for block in blocks(page, "sh") for line in block.splitlines()]
    named = {
        found[1] for text in [*quoted(page), *in_blocks] if (found := re.match(r"make ([a-z]+)(?=\s|$)", text.strip()))
    }
    assert named <= targets
    assert named or page != README


@_each_page
def test_every_file_and_folder_named_exists(page: Path) -> None:
    named = {text for text in quoted(page) if _FILE.fullmatch(text) or _FOLDER.fullmatch(text)}
    elsewhere = {"logs/", "domain/commands/drop_lines.py"}  # in DATA_DIR; the README's example of a new file
    assert [name for name in sorted(named - elsewhere) if not (PROJECT / name).exists()] == []


@_each_page
def test_every_link_leads_to_a_page(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", prose(page))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@_each_page
def test_every_json_example_is_json(page: Path) -> None:
    for example in blocks(page, "json"):
        json.loads(example)


def test_the_workflows_are_those_of_the_code() -> None:
    moves = [
        [name, move.source or "-", move.target, move.verb, str(move.effect)]
        for name, moves in WORKFLOWS.items()
        for move in moves
    ]
    assert table(ARCHITECTURE, "Workflows") == moves


def test_the_diagrams_of_the_workflows_are_those_of_the_code() -> None:
    assert blocks(ARCHITECTURE, "mermaid") == [diagram(name) for name in WORKFLOWS]


def diagram(workflow: str) -> str:
    """The states of a workflow as Mermaid draws them."""
    moves = [
        f"        {move.source or '[*]'} --> {move.target}: {move.verb}"
        + (f" ({move.effect})" if move.effect is not StockEffect.NONE else "")
        for move in WORKFLOWS[workflow]
    ]
    lines = ["stateDiagram-v2", f"    state {workflow} {{", "        direction LR", *moves, "    }"]
    return "".join(f"{line}\n" for line in lines)


def test_the_problem_codes_are_those_of_the_code() -> None:
    assert sorted(row[0] for row in table(CONTRACT, "Codes of problems")) == sorted(TITLES_BY_CODE)


def test_the_statuses_are_those_of_the_code() -> None:
    assert {row[0] for row in table(CONTRACT, "The command resource")} == {*OPEN_STATUSES, *FINAL_STATUSES}


def test_the_command_types_and_their_roles_are_those_of_the_code() -> None:
    shown = {row[0]: frozenset(row[2].split(", ")) for row in table(CONTRACT, "Command types")}
    kinds = {name: kind.roles for name in registry.names() if (kind := registry.find(name)) and _is_ours(kind)}
    assert shown == kinds


def test_the_rights_are_those_of_the_code() -> None:
    assert {row[0]: frozenset(row[1].split(", ")) for row in table(CONTRACT, "Rights")} == RIGHTS


def _is_ours(kind: registry.CommandType) -> bool:
    return kind.payload.__module__.startswith("domain.")


def test_the_variables_are_those_that_are_read() -> None:
    code = "".join((PROJECT / "config" / name).read_text() for name in ("settings.py", "up.py"))
    read = set(re.findall(r"env\.[a-z]+\(\s*\"([A-Z_]+)\"", code))
    assert {row[0] for row in table(README, "Variables")} == read


def test_the_defaults_of_numbers_are_those_of_the_code() -> None:
    code = "".join((PROJECT / "config" / name).read_text() for name in ("settings.py", "up.py"))
    numbers = {name: int(number) for name, number in re.findall(r"env\.integer\(\"([A-Z_]+)\", ([0-9_]+)", code)}
    shown = {row[0]: int(row[1]) for row in table(README, "Variables") if row[1].isdigit()}
    assert shown == numbers


def test_decision_records_are_short() -> None:
    long = {page.name for page in PAGES if page.parent.name == "adr" and len(page.read_text().splitlines()) > 50}
    assert long == set()


def test_the_example_of_a_new_command_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file registers, and its table of cases holds, all rows and pairs of it."""
    monkeypatch.setattr(registry, "_TYPES", dict(registry._TYPES))
    command, cases = blocks(README, "python")
    exec(compile(command, "the README's command", "exec"), {"__name__": "example_command"})
    namespace: dict[str, Any] = {"__name__": "example_cases"}
    exec(compile(cases, "the README's cases", "exec"), namespace)
    tests = {name: test for name, test in namespace.items() if name.startswith("test_")}
    ran = 0
    for test in tests.values():
        marks = getattr(test, "pytestmark", [])
        for row in marks[0].args[1] if marks else [pytest.param()]:
            test(*row.values)
            ran += 1
    assert len(tests) == 3
    assert ran > 10
