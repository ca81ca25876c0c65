"""What a view says of itself beside its code, so far as the code does not say it already.

The rest follows: parameters from the path and the declared filters, summary and description from the docstring,
roles from the table of rights, and the problems that all of it brings along (api/schema/operations.py).
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: the schema of its body by name (None: no body), and the headers that only such answers have."""

    schema: str | None = None
    headers: tuple[str, ...] = ()
    media_type: str = "application/json"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    id: str
    answers: Mapping[int, Answer]
    text: str = ""
    """A summary; then, after an empty line, a description in Markdown."""
    right: str | None = None
    """What the caller must have a right to (domain/access.py); None: every caller may."""
    roles: frozenset[str] | None = None
    """Who may, where no single right says it."""
    body: type | str | None = None
    """The record that is parsed, or the name of a schema."""
    changes: bool = False
    """Whether any part of the record will do."""
    example: Mapping[str, Any] | None = None
    """A body."""
    query: type | None = None
    """The record that the query parameters are parsed as."""
    headers: tuple[str, ...] = ()
    """The request's headers that count."""
    problems: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Status and codes, beside those that follow from the rest."""
    commands: tuple[str, ...] = ()
    """The command types that a route submits: its payload is the body, or with DELETE the query."""


_OPERATIONS: dict[Callable[..., Any], Operation] = {}


def described[F: Callable[..., Any]](id_: str, answers: Mapping[int, Answer], **more: Any) -> Callable[[F], F]:
    """Describe a view's method, or a view that is a function, as an `Operation` with its docstring as text."""

    def describe(view: F) -> F:
        text = inspect.cleandoc(view.__doc__ or "")
        _OPERATIONS[inspect.unwrap(view)] = Operation(id=id_, answers=answers, text=text, **more)
        return view

    return describe


def operations() -> list[Operation]:
    """Everything that has been described so far."""
    return list(_OPERATIONS.values())


def ref(name: str) -> dict[str, str]:
    """The schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What the view has been described as, if it has."""
    return _OPERATIONS.get(inspect.unwrap(view))
