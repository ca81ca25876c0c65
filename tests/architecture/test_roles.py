"""Who may do what is decided in one place: no other code names a role."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.registry import ROLES

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "domain", "store", "worker")
THE_TABLE = ("domain/registry.py", "domain/access.py", "domain/commands/", "store/migrations/")
"""Where roles are named: the roles themselves, the rights, the types of commands; and what was migrated is history."""

_CONSTANTS = {role.upper() for role in ROLES}
_IN_SQL = re.compile("|".join(f"'{role}'" for role in ROLES))


def breaches(source: str) -> Iterator[str]:
    """The roles that this code names."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if text in ROLES or _IN_SQL.search(text):
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in _CONSTANTS:
                yield name


@pytest.mark.parametrize(
    "path",
    [
        path
        for room in ROOMS
        for path in sorted((PROJECT / room).rglob("*.py"))
        if not str(path.relative_to(PROJECT)).startswith(THE_TABLE)
    ],
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_no_other_code_names_a_role(path: Path) -> None:
    assert list(breaches(path.read_text())) == []


PLANTS = {
    "if caller.role == 'manager': pass": "manager",
    "from domain.registry import AUDITOR": "AUDITOR",
    "def f(): return registry.POS": "POS",
    "SQL = \"SELECT client.role = 'manager' AS sees_all\"": "SELECT client.role = 'manager' AS sees_all",
    "ALLOWED = {'integration'}": "integration",
}


@pytest.mark.parametrize(("source", "breach"), PLANTS.items())
def test_the_check_bites_when_code_names_a_role(source: str, breach: str) -> None:
    assert list(breaches(source)) == [breach]


def test_the_check_knows_where_roles_are_named() -> None:
    assert {"POS", "MANAGER"} <= set(breaches((PROJECT / "domain/access.py").read_text() + "\nPOS"))
