"""A client of the API in tests: sends requests through the whole WSGI stack and runs drains when asked."""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.test.client import ClientHandler

from store import clients
from worker.drain import Drained, drain

API = "/api/v1"
_ROOTS = ("http://", "/api/", "/health", "/problems/")


@dataclass(slots=True)
class Answer:
    """Status, headers (case-insensitive) and parsed body of an answer; `raw` for what is no JSON."""

    status: int
    headers: dict[str, str]
    body: Any
    raw: bytes = b""

    @property
    def lasting_headers(self) -> dict[str, str]:
        """Without those that are another's with every request."""
        return {name: text for name, text in self.headers.items() if name not in {"ratelimit", "x-request-id"}}

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem object that the answer must be, its shape checked (RFC 9457)."""
        assert (self.status, self.body and self.body.get("code")) == (status, code), self
        assert self.headers["content-type"] == "application/problem+json"
        return problem(self.body, status, code)

    def errors(self) -> list[tuple[str, str]]:
        """Of a `400 invalid-request`: place and code of everything wrong, in the order told."""
        return errors_of(self.problem(400, "invalid-request"))


def problem(body: dict[str, Any], status: int, code: str) -> dict[str, Any]:
    """The problem object, as it stands in an answer or in a batch's results, its shape checked."""
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["title"]
    assert body["detail"]
    return body


def errors_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Place and code of each entry of `errors`; each names one pointer, header or parameter."""
    for error in body["errors"]:
        assert len(error.keys() & {"pointer", "header", "parameter"}) == 1, error
        assert error["detail"]
    places = ("pointer", "header", "parameter")
    return [(next(error[place] for place in places if place in error), error["code"]) for error in body["errors"]]


_handler = ClientHandler(enforce_csrf_checks=False)
_handler.load_middleware()


def browser() -> Client:
    """A client of Django's; all of these share one stack of middleware, because making it reads every static file."""
    client = Client(raise_request_exception=False)
    client.handler = _handler
    return client


@dataclass(slots=True)
class Till:
    """One registered client with its key."""

    name: str
    role: str
    key: str
    http: Client = field(default_factory=browser)

    @staticmethod
    def register(name: str, role: str) -> "Till":
        """Create the client in the database."""
        return Till(name, role, clients.create_client(name, role))

    def request(
        self, method: str, path: str, body: object = None, raw: bytes | None = None, **headers: str | None
    ) -> Answer:
        """Any request below `/api/v1`, or to a link as the API gives it, or to a route at the root.

        The keyword `Idempotency_Key="x"` becomes the header `Idempotency-Key: x`; None leaves a header out.
        """
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        content_type = named.pop("Content-Type") or ""
        given = {name: text for name, text in named.items() if text is not None}
        address = path if path.startswith(_ROOTS) else f"{API}{path}"
        response = self.http.generic(method, address, content, content_type=content_type, headers=given)
        is_json = "json" in response.headers.get("Content-Type", "")
        raw = response.getvalue()
        parsed = json.loads(raw) if is_json and raw else None
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, parsed, raw)

    def get(self, path: str, **headers: str | None) -> Answer:
        """A GET."""
        return self.request("GET", path, None, None, **headers)

    def post(self, path: str, body: object = None, **headers: str | None) -> Answer:
        """A POST, without an Idempotency-Key unless one is given."""
        return self.request("POST", path, body, None, **headers)

    def submit(
        self, type_: str, payload: dict[str, Any] | None = None, *, key: str | None = None, **members: Any
    ) -> Answer:
        """POST one command; without `key` under a new one."""
        body = {"type": type_, "payload": payload or {}, **members}
        return self.post("/commands", body, Idempotency_Key=key or str(uuid.uuid4()))

    def batch(self, *entries: object) -> list[dict[str, Any]]:
        """POST a batch that must be taken as a whole: its results."""
        answer = self.post("/commands/batch", {"commands": entries})
        assert answer.status == 200, answer
        results: list[dict[str, Any]] = answer.body["results"]
        return results

    def run(self, type_: str, payload: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """POST one command, drain, and read it back: the final command resource."""
        answer = self.submit(type_, payload, **members)
        assert answer.status == 202, answer.body
        run_drain()
        final: dict[str, Any] = self.get(f"/commands/{answer.body['id']}").body
        return final

    def product(self, sku: str, price: str = "9.99", stock: int = 0, **members: Any) -> dict[str, Any]:
        """Create a product (the till must be a manager) and receive its stock."""
        answer = self.request("POST", "/products", {"sku": sku, "name": sku.title(), "price": price, **members})
        assert answer.status == 201, answer.body
        if stock:
            assert self.run("stock.receive", {"sku": sku, "qty": stock})["status"] == "succeeded"
        found: dict[str, Any] = self.get(f"/products/{answer.body['id']}").body
        return found

    def pages(self, path: str, way: str = "next") -> Iterator[list[dict[str, Any]]]:
        """The results of every page of a list, by its own links."""
        link: str | None = path
        while link is not None:
            answer = self.get(link)
            assert answer.status == 200, answer
            assert answer.body.keys() == {"results", "next", "previous"}
            yield answer.body["results"]
            link = answer.body[way]


def entry(type_: str, payload: dict[str, Any] | None = None, *, key: str | None = None, **members: Any) -> Any:
    """One entry of a batch; without `key` under a new one."""
    return {"idempotency_key": key or str(uuid.uuid4()), "type": type_, "payload": payload or {}, **members}


def statuses(results: Sequence[dict[str, Any]]) -> list[int]:
    """The statuses of a batch's results."""
    return [result["status"] for result in results]


def taxed_draft(manager: Till) -> str:
    """The id of a draft of 3 teas at 23 % and a mug without tax: 34.97. There are nine of each."""
    manager.product("TEA", price="9.99", stock=9, tax_rate="23")
    manager.product("MUG", price="5.00", stock=9)
    items = [{"sku": "TEA", "qty": 3}, {"sku": "MUG", "qty": 1}]
    found: str = manager.run("order.create", {"items": items})["order_id"]
    return found


def run_drain(first_lane: int = 0, batch_max: int = 200) -> Drained:
    """Do what a worker does at a bell, here and now."""
    return drain(first_lane, batch_max, lambda _lane: None, patience=1)
