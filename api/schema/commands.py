"""The command types as schemas: each payload, each command with its envelope, their unions told apart by `type`."""

import inspect
import sys
from collections.abc import Collection, Sequence
from typing import Any

from api.commands import BATCH_MAX
from api.envelope import Envelope
from api.schema.operation import ref
from domain import registry
from domain.fields import members_of, schema_of
from domain.registry import ROLES, CommandType
from domain.shapes import ID, Schema, list_of, nullable

AN_ORDER = "01a1fd5d-a08c-7614-bc41-b90e71b2481a"


def kinds() -> list[CommandType]:
    """All command types."""
    return [kind for name in registry.names() if (kind := registry.find(name))]


def schemas() -> dict[str, Schema]:
    """Every schema that a command type brings along, and the two unions over all of them."""
    found: dict[str, Schema] = {}
    for kind in kinds():
        name = kind.payload.__name__
        found[name] = schema_of(kind.payload) | {"description": _about(kind), "examples": [dict(kind.example)]}
        found[f"{name}Command"] = _command(kind)
        found[f"{name}Entry"] = _command(kind, idempotency_key=_KEY)
    found["NewCommand"] = _union("Command", "A command to be submitted; `type` says which payload it has.")
    found["BatchEntry"] = _union("Entry", "A command of a batch: as it would be sent alone, with its key in it.")
    found["NewBatch"] = {
        "type": "object",
        "properties": {
            "commands": list_of(ref("BatchEntry")) | {"minItems": 1, "maxItems": BATCH_MAX},
        },
        "required": ["commands"],
        "additionalProperties": False,
        "examples": [{"commands": [{"idempotency_key": f"key-{kind.name}", **example(kind)} for kind in kinds()[:2]]}],
    }
    return found


def examples() -> dict[str, Any]:
    """A whole command of each type, by type."""
    return {kind.name: {"summary": _summary(kind), "value": example(kind)} for kind in kinds()}


def example(kind: CommandType) -> dict[str, Any]:
    """A whole command of this type."""
    on_order = {"order_id": AN_ORDER} if kind.has_order and not kind.is_creation else {}
    return {"type": kind.name, **on_order, "payload": dict(kind.example)}


def route_body(names: Sequence[str], ids: Collection[str]) -> Schema:
    """The media type object of a route's body: the payload without what the path says."""
    payloads = [_without(_kind(name), ids) for name in names]
    shown = {name: {"value": _rest(_kind(name), ids)} for name in names}
    return {"schema": payloads[0] if len(payloads) == 1 else {"oneOf": payloads}, "examples": shown}


def route_query(names: Sequence[str], ids: Collection[str]) -> dict[str, Schema]:
    """The query parameters of a route: the members of the payload without what the path says."""
    return {
        member: schema
        for name in names
        for member, schema in members_of(_kind(name).payload).items()
        if member not in _said(ids)
    }


def route_needs_body(name: str) -> bool:
    """Whether the payload has members that must be there."""
    return "required" in schema_of(_kind(name).payload)


def has_version(name: str) -> bool:
    """Whether it acts on an order that exists, which has a version to expect."""
    return _kind(name).has_order and not _kind(name).is_creation


def route_text(name: str) -> str:
    """Summary and description of a route that submits this command type."""
    kind = _kind(name)
    return f"{_summary(kind)}\n\n{_about(kind)}"


_KEY: Schema = {"type": "string", "minLength": 1, "description": "Its Idempotency-Key."}


def _kind(name: str) -> CommandType:
    found = registry.find(name)
    assert found is not None, f"{name} is no command type"
    return found


def _said(ids: Collection[str]) -> set[str]:
    """The members that the path says already."""
    return {"product_id", "sku"} if "product_id" in ids else set()


def _rest(kind: CommandType, ids: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in kind.example.items() if name not in _said(ids)}


def _without(kind: CommandType, ids: Collection[str]) -> Schema:
    """The payload; with `order_id` where an order is created, without what the path says, and without rules on that."""
    if kind.is_creation:
        whole = schema_of(kind.payload)
        return whole | {"properties": {"order_id": _order_id(kind), **whole["properties"]}}
    if not _said(ids):
        return ref(kind.payload.__name__)
    whole = schema_of(kind.payload)
    members = {name: each for name, each in whole["properties"].items() if name not in _said(ids)}
    kept: Schema = {name: whole[name] for name in ("type", "additionalProperties", "required") if name in whole}
    return {**kept, "properties": members}


def _command(kind: CommandType, **more: Schema) -> Schema:
    """A command with its envelope: what every command has, as far as this type takes it."""
    members: dict[str, Schema] = schema_of(Envelope)["properties"]
    members["type"] = {"type": "string", "const": kind.name}
    members["payload"] = ref(kind.payload.__name__)
    members["order_id"] = _order_id(kind)
    if not has_version(kind.name):
        del members["expected_version"]
    if not kind.has_order:
        del members["order_id"]
    must = ["type", "payload", *(["order_id"] if kind.has_order and not kind.is_creation else []), *more]
    return {
        "type": "object",
        "description": f"{_summary(kind)}.\n\n{_about(kind)}",
        "properties": {**more, **members},
        "required": must,
        "additionalProperties": False,
        "examples": [{**dict.fromkeys(more, "f99fb71c"), **example(kind)}],
        "x-roles": [role for role in ROLES if role in kind.roles],
    }


def _order_id(kind: CommandType) -> Schema:
    if kind.is_creation:
        return nullable(ID) | {"description": "The new order's id, if the client wants to choose it."}
    return ID | {"description": "The order that it acts on."}


def _union(suffix: str, description: str) -> Schema:
    names = {kind.name: f"#/components/schemas/{kind.payload.__name__}{suffix}" for kind in kinds()}
    return {
        "description": description,
        "oneOf": [{"$ref": ref} for ref in names.values()],
        "discriminator": {"propertyName": "type", "mapping": names},
    }


def _summary(kind: CommandType) -> str:
    """`PayOrder` → "Pay order"."""
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in kind.payload.__name__).split()
    return " ".join(words).capitalize()


def _about(kind: CommandType) -> str:
    """What the type does and what its payload says, in the words of its module and its class."""
    module = sys.modules.get(kind.payload.__module__)
    return "\n\n".join(inspect.cleandoc(each.__doc__) for each in (module, kind.payload) if each and each.__doc__)
