"""JSON Schemas (2020-12) of what results, events and answers show, and the few words to write more of them with.

An object may get further members later, so nothing here is closed.
"""

from collections.abc import Iterable
from typing import Any

type Schema = dict[str, Any]


def object_of(**members: Schema) -> Schema:
    """An object that has all these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def list_of(entry: Schema) -> Schema:
    """A list of such entries."""
    return {"type": "array", "items": entry}


def one_of(words: Iterable[str]) -> Schema:
    """One of a few words."""
    return {"type": "string", "enum": list(words)}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" not in schema:
        return {"anyOf": [schema, NULL]}
    null = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **null}


NULL: Schema = {"type": "null"}
TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
MONEY: Schema = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}
NUMBER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
VERSION: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object"}

ORDER = object_of(id=ID, status=TEXT, version=VERSION, total=MONEY, currency=TEXT)
"""As results show it (domain/result.py)."""
ORDER_OF_EVENT = object_of(**ORDER["properties"], tax_total=MONEY)
"""As events show it (domain/events.py)."""
PRODUCT = object_of(id=ID, sku=TEXT, on_hand=COUNT, reserved=COUNT, available=COUNT)
"""As results and events show it (domain/result.py)."""
ENDPOINT = object_of(
    id=ID,
    client=TEXT,
    url=TEXT,
    event_types=list_of(TEXT),
    description=TEXT,
    ordered=FLAG,
    is_active=FLAG,
    disabled_reason=nullable(TEXT),
    created_at=TIME,
)


def command(status: Schema, result: Schema, error: Schema) -> Schema:
    """The command resource, with what is known of these members."""
    return object_of(
        id=ID,
        type=TEXT,
        status=status,
        order_id=nullable(ID),
        idempotency_key=TEXT,
        client=TEXT,
        result=result,
        error=error,
        attempts=COUNT,
        expected_version=nullable(VERSION),
        expires_at=nullable(TIME),
        not_before=nullable(TIME),
        occurred_at=nullable(TIME),
        device_sequence=nullable(COUNT),
        accepted_at=TIME,
        started_at=nullable(TIME),
        finished_at=nullable(TIME),
        links=object_of(self=TEXT, order=nullable(TEXT)),
    )
