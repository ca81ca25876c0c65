"""Strict JSON: bounded in bytes and depth, no duplicate names, no NUL or lone surrogate, no NaN; each place named."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any, NoReturn

from rest_framework.parsers import BaseParser

from api.problems import ERRORS_MAX, Problem, invalid, too_large
from domain.fields import Breach, escape

BODY_BYTES_MAX = 256 * 1024
BATCH_BYTES_MAX = 4 * 1024 * 1024
DEPTH_MAX = 32


class StrictJSONParser(BaseParser):
    """Parses `application/json` up to the view's `body_bytes_max`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The parsed body; raises a Problem of 400 or 413."""
        view = (parser_context or {}).get("view")
        limit = getattr(view, "body_bytes_max", BODY_BYTES_MAX)
        apart = getattr(view, "entries_apart", None)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise too_large(limit)
        return parse_json(body, apart)


def parse_json(body: bytes, apart: str | None = None) -> object:
    """The value of a JSON text in UTF-8; raises a Problem of 400 that names the place.

    The entries of the list that is the member `apart` are checked each by itself, as if it had come alone: one that
    breaks a rule is replaced by its Problem.
    """
    duplicated: list[_Duplicated] = []

    def make_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) != len(pairs):
            made = _Duplicated(made, pairs)
            duplicated.append(made)
        return made

    try:
        value: object = json.loads(body.decode(), object_pairs_hook=make_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _malformed("not-utf-8", f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _malformed("not-json", f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _malformed("too-deep", f"is nested deeper than {DEPTH_MAX} levels") from None
    except ValueError as error:
        raise _malformed("not-json", f"is not usable JSON: {error}") from None
    # NUL and surrogates come in by escapes alone; most bodies have neither those nor many brackets.
    suspect = duplicated or b"\\u" in body or body.count(b"[") + body.count(b"{") > DEPTH_MAX
    if suspect or len(body) > BODY_BYTES_MAX:
        entries = value.get(apart) if apart and isinstance(value, dict) else None
        _refuse_breaches(value, entries)
        if isinstance(entries, list):
            # Only a body larger than one entry may be can have such an entry in it.
            limit = BODY_BYTES_MAX if len(body) > BODY_BYTES_MAX else None
            entries[:] = [_or_problem(entry, limit) for entry in entries]
    return value


def _or_problem(entry: object, bytes_max: int | None) -> object:
    try:
        _refuse_breaches(entry)
    except Problem as problem:
        return problem
    return too_large(bytes_max) if bytes_max is not None and _size(entry) > bytes_max else entry


def _size(value: object) -> int:
    """How many bytes it takes to send it, without any space."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def unstorable(value: object, entries: object = None) -> list[Breach]:
    """What no table can keep or no parser should: NUL, lone surrogates, names that stand twice, too many levels."""
    return list(islice(_breaches(value, entries), ERRORS_MAX))


def _refuse_breaches(value: object, entries: object = None) -> None:
    breaches = unstorable(value, entries)
    if breaches:
        raise invalid(breaches)


class _Duplicated(dict[str, object]):
    """An object in which names stand twice."""

    def __init__(self, made: dict[str, object], pairs: list[tuple[str, object]]) -> None:
        super().__init__(made)
        counts = Counter(name for name, _value in pairs)
        self.names = [name for name, count in counts.items() if count > 1]


def _breaches(root: object, entries: object) -> Iterator[Breach]:
    """Walk the value, but not its list of `entries`, without recursion: it may be as deep as the parser lets it be."""
    stack: list[tuple[object, str, int]] = [(root, "", 0)]
    while stack:
        value, pointer, depth = stack.pop()
        if isinstance(value, str):
            yield from _text_breaches(value, pointer)
        elif isinstance(value, dict | list) and value is not entries:
            if depth == DEPTH_MAX:
                yield Breach(pointer, "too-deep", f"is nested deeper than {DEPTH_MAX} levels")
                continue
            if isinstance(value, _Duplicated):
                for name in value.names:
                    yield Breach(f"{pointer}/{_shown(name)}", "duplicate-name", "stands twice in its object")
            for name in value if isinstance(value, dict) else ():
                yield from _text_breaches(name, f"{pointer}/{_shown(name)}")
            members = value.items() if isinstance(value, dict) else enumerate(value)
            stack += [(member, f"{pointer}/{_shown(str(place))}", depth + 1) for place, member in members]


def _text_breaches(text: str, pointer: str) -> Iterator[Breach]:
    if "\0" in text:
        yield Breach(pointer, "nul", "has a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        yield Breach(pointer, "lone-surrogate", "has a lone surrogate")


def _shown(name: str) -> str:
    """A member name in a pointer, with what cannot be sent back replaced."""
    return escape(name.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _malformed(code: str, detail: str) -> Problem:
    return invalid([Breach("", code, detail)])
