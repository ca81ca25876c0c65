"""The handbook's statements run, and the services and variables that it names exist."""

import re

import pytest
from django.db import connection

from config.processes import PROJECT
from tests.deployment import compose
from tests.test_docs import blocks

OPERATIONS = PROJECT / "docs" / "operations.md"
# The role of these tests may have another name.
_SQL = "".join(blocks(OPERATIONS, "sql")).replace("ROLE orderly", "ROLE CURRENT_USER")
STATEMENTS = [text.strip() for text in _SQL.split(";") if text.strip()]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.django_db
def test_a_statement_of_the_handbook_runs(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_services_of_the_handbook_are_those_of_the_compose_file() -> None:
    named = re.findall(r"^\| `([a-z]+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    ours = [name for name, raw in compose.read(compose.MAIN)["services"].items() if raw["image"].startswith("orderly")]
    assert sorted(named) == sorted(ours)


def test_the_variables_that_the_handbook_sets_are_in_the_example() -> None:
    example = (PROJECT / ".env.example").read_text()
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", OPERATIONS.read_text())) - {"COMPOSE_FILE"}
    assert {name for name in named if f"{name}=" not in example} == set()
