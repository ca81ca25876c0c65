"""Declared fields: what a client may send, checked once, every breach named by its JSON pointer.

A record is a frozen dataclass whose fields are declared with `required(...)` or `optional(...)`; `parse` turns a JSON
object into it or raises `Invalid` with all breaches found. Pointers: RFC 6901. Times: RFC 3339. Every kind also says in
JSON Schema (2020-12) what it takes, and `schema_of` says it of a record.
"""

import dataclasses
import functools
import re
import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, cast

from domain import money, shapes, tax
from domain.shapes import Schema, list_of, nullable, one_of

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule broken at one place: `pointer` is where, `code` the rule, `detail` a sentence for a person."""

    pointer: str
    code: str
    detail: str


class Invalid(Exception):  # noqa: N818 - a value was invalid; it is no program error
    """Input that breaks at least one declared rule."""

    def __init__(self, *breaches: Breach) -> None:
        super().__init__("; ".join(f"{breach.pointer}: {breach.detail}" for breach in breaches))
        self.breaches = breaches


class Kind[T](Protocol):
    """What a field may hold."""

    def parse(self, value: object, pointer: str) -> T:
        """Return the value in its inner form or raise `Invalid`."""

    def schema(self) -> Schema:
        """What it takes."""


def required(kind: Kind[Any], *, doc: str = "") -> Any:
    """A member that must be there and not be null; `doc` says to a client what it is."""
    return dataclasses.field(metadata={"kind": kind, "doc": doc})


def optional(kind: Kind[Any], default: object = None, *, doc: str = "") -> Any:
    """A member that may be absent or null, and is `default` then."""
    return dataclasses.field(default=default, metadata={"kind": kind, "doc": doc})


def parse[R](record: type[R], value: object, pointer: str = "") -> R:
    """Build the record from a JSON object, or raise `Invalid` with every breach.

    A record may define `breaches(self)` for rules over several members; it yields `(member, code, detail)`.
    """
    if not isinstance(value, dict):
        raise Invalid(Breach(pointer, "not-an-object", "must be a JSON object"))
    kinds = _kinds(cast("Hashable", record))
    breaches: list[Breach] = []
    if not value.keys() <= kinds.keys():
        breaches += [
            Breach(f"{pointer}/{escape(name)}", "unknown-field", "is not a known field")
            for name in value
            if name not in kinds
        ]
    members: dict[str, object] = {}
    for name, (kind, must) in kinds.items():
        given = value.get(name)
        if given is None:
            if must:
                breaches.append(Breach(f"{pointer}/{name}", "required", "is required"))
            continue
        try:
            members[name] = kind.parse(given, f"{pointer}/{name}")
        except Invalid as invalid:
            breaches += invalid.breaches
    if breaches:
        raise Invalid(*breaches)
    parsed = record(**members)
    _check_together(parsed, pointer)
    return parsed


def given(record: type, value: Mapping[str, object], kind: type) -> dict[str, Any]:
    """The members of a parsed object that the record declares to be of this kind, as they were sent."""
    declared = _kinds(cast("Hashable", record))
    return {name: text for name, text in value.items() if text is not None and isinstance(declared[name][0], kind)}


def members_of(record: type) -> dict[str, Schema]:
    """What each member of the record takes, with its default and its `doc`."""
    return {
        field.name: field.metadata["kind"].schema() | _said_of(field)
        for field in dataclasses.fields(record)
        if "kind" in field.metadata
    }


def schema_of(record: type, *, partial: bool = False) -> Schema:
    """What `parse` takes for the record: nothing unknown, and null for what may be absent.

    A record that defines `breaches` may say as much of it as JSON Schema can in its `rules`. With `partial`, any of its
    members will do.
    """
    must = [name for name, (_kind, required) in _kinds(record).items() if required]
    members = {name: each if name in must else nullable(each) for name, each in members_of(record).items()}
    rules: Schema = getattr(record, "rules", {})
    asked: Schema = {} if partial or not must else {"required": must}
    return {"type": "object", "properties": members, "additionalProperties": False, **asked, **rules}


def escape(name: str) -> str:
    """A member name as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _check_together(parsed: object, pointer: str) -> None:
    rules = cast("Callable[[], Sequence[tuple[str, str, str]]] | None", getattr(parsed, "breaches", None))
    if rules is None:
        return
    found = rules()
    if found:
        raise Invalid(*(Breach(f"{pointer}/{name}" if name else pointer, code, detail) for name, code, detail in found))


def _said_of(field: dataclasses.Field[Any]) -> Schema:
    has_default = isinstance(field.default, str | int)
    said = {"default": field.default} if has_default else {}
    return said | ({"description": field.metadata["doc"]} if field.metadata["doc"] else {})


@functools.cache
def _kinds(record: Hashable) -> Mapping[str, tuple[Kind[Any], bool]]:
    return {
        field.name: (field.metadata["kind"], field.default is dataclasses.MISSING)
        for field in dataclasses.fields(cast("Any", record))
        if "kind" in field.metadata
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string within bounds, in characters, and of a pattern if one is given."""

    maximum: int
    minimum: int = 0
    pattern: re.Pattern[str] | None = None

    def parse(self, value: object, pointer: str) -> str:
        """The string itself."""
        if not isinstance(value, str):
            raise Invalid(Breach(pointer, "not-a-string", "must be a string"))
        if len(value) > self.maximum:
            raise Invalid(Breach(pointer, "too-long", f"must have at most {self.maximum} characters"))
        if len(value) < self.minimum:
            raise Invalid(Breach(pointer, "too-short", f"must have at least {self.minimum} characters"))
        if self.pattern and not self.pattern.fullmatch(value):
            raise Invalid(Breach(pointer, "malformed", f"must match {self.pattern.pattern}"))
        return value

    def schema(self) -> Schema:
        """A string."""
        least = {"minLength": self.minimum} if self.minimum else {}
        form = {"pattern": f"^{self.pattern.pattern}$"} if self.pattern else {}
        return {"type": "string", **least, "maxLength": self.maximum, **form}


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number within bounds, both inclusive; `1.0` and `true` are none."""

    minimum: int
    maximum: int
    nonzero: bool = False

    def parse(self, value: object, pointer: str) -> int:
        """The number itself."""
        if type(value) is not int:
            raise Invalid(Breach(pointer, "not-an-integer", "must be a whole number"))
        if not self.minimum <= value <= self.maximum:
            raise Invalid(Breach(pointer, "out-of-range", f"must be from {self.minimum} to {self.maximum}"))
        if self.nonzero and value == 0:
            raise Invalid(Breach(pointer, "out-of-range", "must not be 0"))
        return value

    def schema(self) -> Schema:
        """An integer."""
        besides = {"not": {"const": 0}} if self.nonzero else {}
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum, **besides}


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    def parse(self, value: object, pointer: str) -> bool:
        """The boolean itself."""
        if type(value) is not bool:
            raise Invalid(Breach(pointer, "not-a-boolean", "must be true or false"))
        return value

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def parse(self, value: object, pointer: str) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.words:
            raise Invalid(Breach(pointer, "not-a-choice", f"must be one of: {', '.join(self.words)}"))
        return value

    def schema(self) -> Schema:
        """The words."""
        return one_of(self.words)


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 code in capitals."""

    def parse(self, value: object, pointer: str) -> str:
        """The code itself."""
        if not isinstance(value, str) or value not in money.DIGITS:
            raise Invalid(Breach(pointer, "not-a-currency", "must be an ISO 4217 code such as EUR"))
        return value

    def schema(self) -> Schema:
        """The codes."""
        return one_of(sorted(money.DIGITS))


@dataclass(frozen=True, slots=True)
class Amount:
    """A decimal string; how many digits its currency allows is checked where the currency is known."""

    def parse(self, value: object, pointer: str) -> str:
        """The decimal string itself."""
        if not isinstance(value, str) or not money.is_decimal(value):
            detail = 'must be a decimal string such as "29.97", without sign or exponent, at most 4 decimals'
            raise Invalid(Breach(pointer, "not-money", detail))
        return value

    def schema(self) -> Schema:
        """The form of it."""
        return {"type": "string", "pattern": f"^{money.DECIMAL}$"}


@dataclass(frozen=True, slots=True)
class Percent:
    """A percentage from 0 to 100 as a decimal string."""

    def parse(self, value: object, pointer: str) -> str:
        """The decimal string itself."""
        if not isinstance(value, str) or tax.to_rate(value) is None:
            detail = 'must be a percentage from "0" to "100" as a string such as "23.00", at most 2 decimals'
            raise Invalid(Breach(pointer, "not-a-percentage", detail))
        return value

    def schema(self) -> Schema:
        """The form of it, and its bounds."""
        return {"type": "string", "pattern": f"^(?:100(?:\\.0{{1,2}})?|{tax.PERCENT})$"}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A UUID in its usual text form."""

    def parse(self, value: object, pointer: str) -> uuid.UUID:
        """The UUID."""
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise Invalid(Breach(pointer, "not-a-uuid", "must be a UUID"))
        return uuid.UUID(value)

    def schema(self) -> Schema:
        """A UUID."""
        return shapes.ID


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time with an offset."""

    def parse(self, value: object, pointer: str) -> datetime:
        """The time in UTC."""
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            try:
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        raise Invalid(Breach(pointer, "not-a-time", "must be an RFC 3339 time with an offset"))

    def schema(self) -> Schema:
        """A time."""
        return shapes.TIME


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time with an offset, or a date for the beginning of that day in UTC."""

    def parse(self, value: object, pointer: str) -> datetime:
        """The point in time."""
        if isinstance(value, str) and _DATE.fullmatch(value):
            value = f"{value}T00:00:00Z"
        return Timestamp().parse(value, pointer)

    def schema(self) -> Schema:
        """A time or a date."""
        return {"anyOf": [shapes.TIME, {"type": "string", "format": "date"}]}


@dataclass(frozen=True, slots=True)
class Day:
    """A date."""

    def parse(self, value: object, pointer: str) -> date:
        """The date."""
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise Invalid(Breach(pointer, "not-a-date", "must be a date such as 2026-11-21"))

    def schema(self) -> Schema:
        """A date."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class Anything:
    """A JSON object that somebody else parses."""

    def parse(self, value: object, pointer: str) -> dict[str, object]:
        """The object itself."""
        if not isinstance(value, dict):
            raise Invalid(Breach(pointer, "not-an-object", "must be a JSON object"))
        return value

    def schema(self) -> Schema:
        """Any object."""
        return shapes.ANY_OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf[T]:
    """A list of records of one kind, bounded in length."""

    record: type[T]
    minimum: int
    maximum: int

    def parse(self, value: object, pointer: str) -> tuple[T, ...]:
        """The records in the order given."""
        if not isinstance(value, list):
            raise Invalid(Breach(pointer, "not-a-list", "must be a list"))
        if not self.minimum <= len(value) <= self.maximum:
            detail = f"must have {self.minimum} to {self.maximum} entries"
            raise Invalid(Breach(pointer, "wrong-length", detail))
        records: list[T] = []
        breaches: list[Breach] = []
        for index, entry in enumerate(value):
            try:
                records.append(parse(self.record, entry, f"{pointer}/{index}"))
            except Invalid as invalid:
                breaches += invalid.breaches
        if breaches:
            raise Invalid(*breaches)
        return tuple(records)

    def schema(self) -> Schema:
        """A list."""
        return list_of(schema_of(self.record)) | {"minItems": self.minimum, "maxItems": self.maximum}
