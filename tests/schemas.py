"""As much of JSON Schema 2020-12 as the event catalogue uses, so that events and examples can be held against it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_FORMATS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
}
_KEYWORDS = {
    *("$schema", "type", "properties", "required", "items", "const", "format", "pattern", "minimum"),
}


def breaches(schema: dict[str, Any], value: Any, place: str = "") -> list[str]:
    """Every place at which the value breaks the schema, with the rule."""
    assert schema.keys() <= _KEYWORDS, f"no rule for {schema.keys() - _KEYWORDS}"
    return list(_breaches(schema, value, place))


def _breaches(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[name](value) for name in types):
        yield f"{place}: is no {types}"
    elif "const" in schema and value != schema["const"]:
        yield f"{place}: is not {schema['const']}"
    elif isinstance(value, dict):
        yield from _of_members(schema, value, place)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from breaches(schema.get("items", {}), entry, f"{place}/{number}")
    elif isinstance(value, str):
        yield from _of_text(schema, value, place)
    elif type(value) is int and value < schema.get("minimum", value):
        yield f"{place}: is under {schema['minimum']}"


def _of_members(schema: dict[str, Any], value: dict[str, Any], place: str) -> Iterator[str]:
    for name in schema.get("required", []):
        if name not in value:
            yield f"{place}/{name}: is missing"
    for name, member in schema.get("properties", {}).items():
        if name in value:
            yield from breaches(member, value[name], f"{place}/{name}")


def _of_text(schema: dict[str, Any], value: str, place: str) -> Iterator[str]:
    if "format" in schema and not re.fullmatch(_FORMATS[schema["format"]], value):
        yield f"{place}: is no {schema['format']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: does not match {schema['pattern']}"
