"""A client of the API in tests: sends requests through the whole WSGI stack and runs drains when asked."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from store import clients
from worker.drain import Drained, drain

API = "/api/v1"


@dataclass(slots=True)
class Answer:
    """Status, headers (case-insensitive) and parsed body of an answer; `raw` for what is no JSON."""

    status: int
    headers: dict[str, str]
    body: Any
    raw: bytes = b""


@dataclass(slots=True)
class Till:
    """One registered client with its key."""

    name: str
    role: str
    key: str
    http: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @staticmethod
    def register(name: str, role: str) -> "Till":
        """Create the client in the database."""
        return Till(name, role, clients.create_client(name, role))

    def request(
        self, method: str, path: str, body: object = None, raw: bytes | None = None, **headers: str | None
    ) -> Answer:
        """Any request below `/api/v1`, or to a path from `/` on that begins with `//` or names it in full.

        The keyword `Idempotency_Key="x"` becomes the header `Idempotency-Key: x`; None leaves a header out.
        """
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Api-Key {self.key}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        content_type = named.pop("Content-Type", "application/json")
        response = self.http.generic(
            method, f"{API}{path}", content, content_type=content_type, headers={k: v for k, v in named.items() if v}
        )
        is_json = "json" in response.headers.get("Content-Type", "")
        parsed = json.loads(response.content) if is_json and response.content else None
        return Answer(
            response.status_code, {k.lower(): v for k, v in response.headers.items()}, parsed, response.content
        )

    def get(self, path: str, **headers: str) -> Answer:
        """A GET."""
        return self.request("GET", path, None, None, **headers)

    def submit(
        self, type_: str, payload: dict[str, Any] | None = None, *, key: str | None = None, **members: Any
    ) -> Answer:
        """POST one command; without `key` under a new one."""
        body = {"type": type_, "payload": payload or {}, **members}
        return self.request("POST", "/commands", body, Idempotency_Key=key or str(uuid.uuid4()))

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


def run_drain(first_lane: int = 0, batch_max: int = 200) -> Drained:
    """Do what a worker does at a bell, here and now."""
    return drain(first_lane, batch_max, lambda _lanes: None)
