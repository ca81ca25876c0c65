"""From a described view to an operation of OpenAPI: parameters, body, answers, and every problem it can have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.schema.commands import examples, route_body, route_needs_body, route_query
from api.schema.headers import ALL_ANSWERS, COUNTED_ANSWERS, header_refs
from api.schema.operation import Answer, Operation, ref
from api.schema.problems import problems_ref
from domain.access import roles_of
from domain.fields import members_of
from domain.registry import ROLES
from domain.shapes import ID, TEXT, Schema

LINKS = {"Command": "command", "Product": "product", "Customer": "customer", "EndpointWithSecret": "endpoint"}
"""What an answer to a submission shows, and the noun of the operation that reads it again."""
_PHRASES = {
    200: "As it is now.",
    201: "Created; `Location` says where.",
    202: "Accepted; it will be done.",
    204: "Done; there is nothing to show.",
    304: "Not changed since the version that `If-None-Match` names.",
    503: "The same, while it cannot serve.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation stands, and whether it takes no authentication."""

    method: str
    path: str
    public: bool

    @property
    def ids(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def in_api(self) -> bool:
        """Whether it is part of the API proper, which negotiates content."""
        return self.path.startswith("/api/v1/")

    @property
    def tag(self) -> str:
        """The resource that it is about."""
        return self.path.split("/")[3] if self.in_api else "operations"


def openapi(operation: Operation, place: Place) -> Schema:
    """The operation as OpenAPI has it."""
    summary, _blank, description = operation.text.partition("\n")
    roles = [] if place.public else _roles(operation)
    who = f"**Who:** {', '.join(roles)}." if roles else "**Who:** anybody, without authentication."
    shown: Schema = {
        "operationId": operation.id,
        "summary": summary.removesuffix(".").replace("`", ""),
        "description": f"{description.strip()}\n\n{who}".strip(),
        "tags": [place.tag],
        "parameters": [*_of_path(place), *_of_query(operation, place), *_of_headers(operation)],
    }
    body = _body(operation, place)
    if body is not None:
        shown["requestBody"] = {"required": _needs_body(operation), "content": {"application/json": body}}
    if place.public:
        shown["security"] = []
    else:
        shown["x-roles"] = roles
    answers = {status: _answer(status, answer, place) for status, answer in _answers(operation)}
    problems = {status: problems_ref(codes) for status, codes in _problems(operation, place).items()}
    shown["responses"] = {str(status): each for status, each in sorted((answers | problems).items())}
    return shown


def _roles(operation: Operation) -> list[str]:
    if operation.roles is not None:
        found = operation.roles
    elif operation.commands:
        found = frozenset().union(*(roles_of(name) for name in operation.commands))
    else:
        found = roles_of(operation.right) if operation.right else frozenset(ROLES)
    return [role for role in ROLES if role in found]


def _of_path(place: Place) -> Iterator[Schema]:
    for name in place.ids:
        schema = ID if name.endswith("_id") else TEXT
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _of_query(operation: Operation, place: Place) -> Iterator[Schema]:
    members: Mapping[str, Schema] = members_of(operation.query) if operation.query else {}
    if operation.commands and place.method == "DELETE":
        members = route_query(operation.commands, place.ids)
    for name, member in members.items():
        schema = dict(member)
        said = {"description": schema.pop("description")} if "description" in schema else {}
        # A field cannot be called `from`; one more underscore ends it.
        yield {"name": name.removesuffix("_"), "in": "query", **said, "schema": schema}


def _of_headers(operation: Operation) -> Iterator[Schema]:
    for name in (*operation.headers, "X-Request-Id"):
        yield {"$ref": f"#/components/parameters/{name}"}


def _body(operation: Operation, place: Place) -> Any:
    """The media type object of the body; None without one."""
    if operation.commands:
        return None if place.method == "DELETE" else route_body(operation.commands, place.ids)
    if operation.body is None:
        return None
    if operation.body == "NewCommand":
        return {"schema": ref("NewCommand"), "examples": examples()}
    return {"schema": ref(body_name(operation))} | ({"example": operation.example} if operation.example else {})


def _needs_body(operation: Operation) -> bool:
    """Whether an empty body, which counts as `{}`, would not do."""
    return not operation.commands or any(route_needs_body(name) for name in operation.commands)


def body_name(operation: Operation) -> str:
    """The name of the schema of what is parsed, in whole or in part."""
    if not isinstance(operation.body, type):
        return str(operation.body)
    return operation.body.__name__.replace("New", "Changed") if operation.changes else operation.body.__name__


def _answers(operation: Operation) -> Iterator[tuple[int, Answer]]:
    yield from operation.answers.items()
    if "If-None-Match" in operation.headers:
        yield 304, Answer(None, ("ETag",))


def _answer(status: int, answer: Answer, place: Place) -> Schema:
    everywhere = ALL_ANSWERS if place.public else (*COUNTED_ANSWERS, *ALL_ANSWERS)
    shown: Schema = {
        "description": answer.text or _PHRASES[status],
        "headers": header_refs((*answer.headers, *everywhere)),
    }
    if answer.schema is not None:
        shown["content"] = {answer.media_type: {"schema": ref(answer.schema)}}
    noun = LINKS.get(answer.schema or "")
    if noun and place.method != "GET":
        parameters = {f"{noun}_id": "$response.body#/id"}
        shown["links"] = {f"read_{noun}": {"operationId": f"read_{noun}", "parameters": parameters}}
    return shown


def _problems(operation: Operation, place: Place) -> dict[int, tuple[str, ...]]:
    """Status and codes of every no."""
    found: dict[int, tuple[str, ...]] = dict(operation.problems)

    def add(status: int, code: str) -> None:
        found[status] = (*found.get(status, ()), code)

    has_body = operation.body is not None or bool(operation.commands)
    if has_body or operation.query or {"If-Match", "Last-Event-ID"} & {*operation.headers}:
        add(400, "invalid-request")
    if not place.public:
        add(401, "unauthenticated")
        add(429, "rate-limited")
        if _roles(operation) != [*ROLES]:
            add(403, "forbidden")
    if place.ids and 404 not in found:
        add(404, "not-found")
    if "If-Match" in operation.headers and not operation.commands:
        add(412, "precondition-failed")
    if has_body:
        add(413, "too-large")
        add(415, "unsupported-media-type")
    if place.in_api:
        add(406, "not-acceptable")
        add(503, "unavailable")
    return found
