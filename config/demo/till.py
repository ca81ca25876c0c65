"""The demo's client: sends a command, waits until it is final, and notes how it went."""

import time
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from config.demo.report import Journal

FINAL_SECONDS_MAX = 30.0
POLL_SECONDS = 0.005
_OPEN = ("queued", "running", "uncertain")


class Unexpected(Exception):  # noqa: N818 - says what it is
    """The system answered something else than it should."""


class NoProvider(Unexpected):
    """This deployment takes no online payments."""


class Till:
    """One client with one key; any number of threads may use it."""

    def __init__(self, port: int, key: str, journal: Journal) -> None:
        # `trust_env=False`: a proxy has no business between this machine and itself.
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Api-Key {key}"},
            timeout=10,
            trust_env=False,
        )
        self._journal = journal

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_product(self, sku: str, price: Decimal) -> None:
        """A product in EUR, without stock."""
        body = {"sku": sku, "name": f"Demo product {sku[-1]}", "price": str(price), "currency": "EUR"}
        self._expect(self._ask("POST", "/products", json=body), 201)

    def send(
        self,
        kind: str,
        order_id: str | None = None,
        payload: dict[str, Any] | None = None,
        *,
        key: str = "",
        refused: str = "",
        replayed: bool = False,
    ) -> dict[str, Any]:
        """The final command. Raises Unexpected unless it succeeded or, with `refused`, failed with that code.

        Raises NoProvider for an online payment where nobody takes it.
        """
        body = {"type": kind, "payload": payload or {}} | ({"order_id": order_id} if order_id else {})
        began = time.monotonic()
        response = self._ask("POST", "/commands", json=body, headers={"Idempotency-Key": key or f"demo-{uuid.uuid4()}"})
        accepted = time.monotonic() - began
        command = self._expect(response, 200 if replayed else 202)
        if replayed:
            if response.headers.get("Idempotent-Replayed") != "true":
                raise Unexpected(f"{kind}: a known key was not answered as a replay")
            self._journal.replays += 1
            return command
        final = self._final(command)
        self._journal.note(final, accepted, time.monotonic() - began)
        return _as_expected(final, refused)

    def send_batch(self, entries: Sequence[dict[str, Any]]) -> None:
        """All entries in one request; raises Unexpected unless each succeeds."""
        keyed = [{"idempotency_key": f"demo-{uuid.uuid4()}", **entry} for entry in entries]
        began = time.monotonic()
        response = self._ask("POST", "/commands/batch", json={"commands": keyed})
        accepted = time.monotonic() - began
        for each in self._expect(response, 200)["results"]:
            if each["status"] != 202:
                raise Unexpected(f"batch: {each}")
            final = self._final(each["command"])
            self._journal.note(final, accepted, time.monotonic() - began)
            _as_expected(final, "")
        self._journal.batches += 1

    def products(self, skus: Sequence[str]) -> list[dict[str, Any]]:
        """Those products, wherever they stand in the list."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": "/products?page_size=200"}
        while page["next"]:
            page = self.read(page["next"].rpartition("/api/v1")[2])
            found += [product for product in page["results"] if product["sku"] in skus]
        return found

    def read(self, path: str) -> dict[str, Any]:
        """One resource."""
        return self._expect(self._ask("GET", path), 200)

    def _final(self, command: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + FINAL_SECONDS_MAX
        while command["status"] in _OPEN:
            if time.monotonic() > deadline:
                raise Unexpected(f"{command['type']} {command['id']} is still {command['status']}")
            time.sleep(POLL_SECONDS)
            command = self.read(f"/commands/{command['id']}")
        return command

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise Unexpected(f"{method} {path}: {error or type(error).__name__}") from None

    def _expect(self, response: httpx.Response, status: int) -> dict[str, Any]:
        if response.status_code != status:
            told = f"{response.request.method} {response.url.path}: {response.status_code} {response.text}"
            raise (
                NoProvider(told)
                if response.status_code == 400 and '"no-provider"' in response.text
                else Unexpected(told)
            )
        body: dict[str, Any] = response.json()
        return body


def _as_expected(command: dict[str, Any], refused: str) -> dict[str, Any]:
    code = (command["error"] or {}).get("code", "")
    status = "failed" if refused else "succeeded"
    if (command["status"], code) != (status, refused):
        raise Unexpected(f"{command['type']} {command['id']} ended as {command['status']} {code}")
    return command
