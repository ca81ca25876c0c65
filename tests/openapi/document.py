"""The description as tests read it: the whole document, its operations, and values held against its schemas."""

import copy
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openapi_schema_validator import OAS31Validator

from api.schema import answers
from api.schema import document as description

type Json = Any


@functools.cache
def document() -> dict[str, Json]:
    """The description as clients get it."""
    found: dict[str, Json] = json.loads(json.dumps(description.document()))
    return found


@dataclass(frozen=True, slots=True)
class Described:
    """An operation and where it stands."""

    method: str
    path: str
    operation: dict[str, Json]

    @property
    def roles(self) -> list[str] | None:
        """Who may; None for what takes no authentication."""
        found: list[str] | None = self.operation.get("x-roles")
        return found

    @property
    def bodies(self) -> list[Json]:
        """Every example of a body."""
        content = self.operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "examples" in content:
            return [each["value"] for each in content["examples"].values()]
        return [content["example"]] if "example" in content else resolved(content.get("schema", {})).get("examples", [])


def operations() -> Iterator[Described]:
    """Every operation."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield Described(method.upper(), path, operation)


def resolved(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema itself, if this is a reference to it."""
    if "$ref" not in schema:
        return schema
    found = document()
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def breaches(schema: dict[str, Json], value: Json) -> list[str]:
    """Every place at which the value breaks the schema."""
    whole = {**schema, "components": document()["components"]}
    validator = OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def closed() -> dict[str, Json]:
    """The description, but no answer may have a member that is not described."""
    found = copy.deepcopy(document())
    for name in (*answers.schemas(), "CommandError", "InvalidPlace"):
        _close(found["components"]["schemas"][name])
    return found


def _close(schema: Json) -> None:
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)
