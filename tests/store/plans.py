"""What PostgreSQL really did for the statements of a block: their plans as auto_explain tells them, rows counted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from django.db import connection

_BEGIN: tuple[LiteralString, ...] = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_timing = off",
    "SET auto_explain.log_format = json",
    "SET auto_explain.log_level = notice",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement that ran, and the nodes of its plan."""

    sql: str
    nodes: list[dict[str, Any]]

    def most_rows(self, tables: set[str]) -> float:
        """How many rows of these tables the busiest node read, those included that a filter then threw away."""
        return max((_rows(node) for node in self.nodes if node.get("Relation Name") in tables), default=0)

    def scanned(self) -> set[str]:
        """The tables that were read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    def __str__(self) -> str:
        shown = [f"{node['Node Type']} {node.get('Index Name', '')}: {_rows(node):g} rows" for node in self.nodes]
        return "\n".join([self.sql, *shown])


@contextmanager
def watched() -> Iterator[list[Plan]]:
    """Collect the plan of every statement that this thread runs in the block; the server's user is a superuser."""
    plans: list[Plan] = []

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        _duration, told, plan = (notice.message_primary or "").partition("plan:\n")
        if told:
            explained = json.loads(plan)
            plans.append(Plan(explained["Query Text"], list(_nodes(explained["Plan"]))))

    with connection.cursor() as cursor:
        for statement in _BEGIN:
            cursor.execute(statement)
    raw = connection.connection
    raw.add_notice_handler(heard)
    try:
        yield plans
    finally:
        raw.remove_notice_handler(heard)
        with connection.cursor() as cursor:
            cursor.execute("SET auto_explain.log_min_duration = -1")


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _rows(node: dict[str, Any]) -> float:
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    return float((node.get("Actual Rows", 0) + removed) * node.get("Actual Loops", 1))
