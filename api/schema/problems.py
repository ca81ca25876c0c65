"""Problems as schemas: one for each code that an HTTP answer can have, and one for the `error` of a command."""

from collections.abc import Iterable, Sequence

from api.explanations import ADVICE
from api.problems import ERRORS_MAX, HTTP_TITLES, MEDIA_TYPE, TITLES_BY_CODE
from api.schema.headers import ALL_ANSWERS, COUNTED_ANSWERS, header_refs
from api.schema.operation import ref
from domain.result import TITLES
from domain.shapes import COUNT, FLAG, ID, NUMBER, TEXT, Schema, list_of, object_of, one_of
from store.models import FINAL_STATUSES

HTTP_CODES = ("expired", "forbidden", "internal-error", *HTTP_TITLES)
"""Those of answers; the other codes are of commands alone."""

_AND = "."
_UNCOUNTED = {"unauthenticated", "not-acceptable"}
"""Told before anybody knows who is calling."""
_HEADERS = {"unauthenticated": ("WWW-Authenticate",), "rate-limited": ("Retry-After",), "unavailable": ("Retry-After",)}

_ERROR = {
    "type": "object",
    "description": "What is wrong at one place of the request.",
    "properties": {
        "pointer": TEXT | {"description": "In the body: a JSON pointer (RFC 6901)."},
        "parameter": TEXT | {"description": "In the query."},
        "header": TEXT | {"description": "In the headers."},
        "code": TEXT | {"description": "Which rule: `required`, `unknown-field`, `out-of-range`, ..."},
        "detail": TEXT | {"description": "A sentence for a person."},
    },
    "required": ["code", "detail"],
    "oneOf": [{"required": ["pointer"]}, {"required": ["parameter"]}, {"required": ["header"]}],
}
_MORE: dict[str, dict[str, Schema]] = {
    "invalid-request": {"errors": list_of(ref("InvalidPlace")) | {"maxItems": ERRORS_MAX}},
    "result-expired": {"final_status": one_of(FINAL_STATUSES)},
}
"""Further members."""


def schemas() -> dict[str, Schema]:
    """All of them, by name."""
    any_problem = _problem(TEXT, one_of(HTTP_CODES), {}) | {"description": "RFC 9457; `code` is stable."}
    of_codes = {name_of(code): _of_code(code) for code in HTTP_CODES}
    return {"Problem": any_problem, "InvalidPlace": _ERROR, **of_codes, "CommandError": _of_command()}


def problems_ref(codes: Iterable[str]) -> dict[str, str]:
    """The answer that says no for one of these reasons."""
    return {"$ref": f"#/components/responses/{_AND.join(map(name_of, codes))}"}


def answers(refs: Iterable[str]) -> dict[str, Schema]:
    """The answers that are referred to so, by name."""
    names = {ref.rpartition("/")[2] for ref in refs}
    return {name: _answer([_CODES[each] for each in name.split(_AND)]) for name in sorted(names)}


def _answer(codes: Sequence[str]) -> Schema:
    schemas = [ref(name_of(code)) for code in codes]
    headers = [name for code in codes for name in _HEADERS.get(code, ())]
    counted = () if codes[0] in _UNCOUNTED else COUNTED_ANSWERS
    return {
        "description": "; ".join(f"`{code}`: {TITLES_BY_CODE[code]}" for code in codes),
        "headers": header_refs((*headers, *counted, *ALL_ANSWERS)),
        "content": {MEDIA_TYPE: {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}},
    }


def name_of(code: str) -> str:
    """`too-large` → `TooLarge`, the name of its schema."""
    return "".join(part.capitalize() for part in code.split("-"))


_CODES = {name_of(code): code for code in HTTP_CODES}


def _of_code(code: str) -> Schema:
    more = _MORE.get(code, {})
    schema = _problem({"type": "string", "const": f"/problems/{code}"}, {"type": "string", "const": code}, more)
    return schema | {"description": f"{TITLES_BY_CODE[code]}. {ADVICE[code]}"}


def _problem(type_: Schema, code: Schema, more: dict[str, Schema]) -> Schema:
    return object_of(
        type=type_ | {"description": "A page that explains it."},
        title=TEXT,
        status=NUMBER,
        detail=TEXT | {"description": "What happened in this case."},
        code=code,
        **more,
    )


def _of_command() -> Schema:
    schema = object_of(
        type=TEXT,
        title=TEXT,
        detail=TEXT,
        code=one_of(TITLES),
        retryable=FLAG | {"description": "Whether a manager may retry the command."},
    )
    schema["properties"] |= {
        "allowed": list_of(TEXT) | {"description": "With `invalid-transition`: where the order may go."},
        "shortages": list_of(object_of(product_id=ID, wanted=COUNT, available=COUNT))
        | {"description": "With `insufficient-stock`: every product that is short."},
    }
    meanings = "\n".join(f"- `{code}`: {title}. {ADVICE[code]}" for code, title in TITLES.items())
    said = "Why a command did not succeed: a problem without `status`. Of several reasons the first counts."
    return schema | {"description": f"{said}\n\n{meanings}"}
