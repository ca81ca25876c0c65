"""What a newcomer finds after the first start: a catalogue with stock, and an order to pay.

It all goes over HTTP, as any client would do it. A second start adds nothing but another order.
"""

import http.client
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRODUCTS: Sequence[tuple[str, str, str, int, str, str]] = (
    ("ESPRESSO-250", "Espresso beans, 250 g", "7.90", 400, "7", "3.10"),
    ("FILTER-500", "Filter coffee, ground, 500 g", "11.50", 250, "7", "4.80"),
    ("OAT-1L", "Oat drink, 1 l", "2.29", 600, "7", "1.05"),
    ("MUG-WHITE", "Stoneware mug, white", "12.00", 120, "19", "4.50"),
    ("TEA-EARLGREY", "Earl Grey, 20 bags", "3.95", 300, "7", "1.60"),
    ("CROISSANT", "Butter croissant", "1.80", 500, "7", "0.55"),
    ("CARROTCAKE", "Carrot cake, slice", "4.20", 150, "7", "1.40"),
    ("WATER-05", "Mineral water, 0.5 l", "1.50", 800, "19", "0.35"),
    ("GRINDER-HAND", "Hand grinder, steel burrs", "89.00", 25, "19", "41.00"),
    ("GIFTCARD-25", "Gift card", "25.00", 1000, "0", "0"),
)
"""Sku, name, price in EUR, stock received once, tax rate in percent, cost in EUR."""
ORDER_ITEMS = ({"sku": "ESPRESSO-250", "qty": 2}, {"sku": "CROISSANT", "qty": 3})
KEYS_FILE, PEOPLE_FILE = "demo-keys.json", "demo-people.json"
FINAL_SECONDS_MAX = 20.0
_SKU_EXISTS = 409


class SeedFailed(Exception):  # noqa: N818 - past tense, like an event
    """The system answered something else than it should; the text is one line."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that waits to be paid, with its total as text."""

    order_id: str
    total: str
    currency: str


def seed(api: "Api", keys: Mapping[str, str]) -> Draft:
    """Make whatever is missing, with the keys of the manager and the till. Raises SeedFailed."""
    _stock_up(api, keys["manager"])
    order = _draft(api, keys["pos"])
    return Draft(order["id"], order["total"], order["currency"])


def read_keys(keys_file: Path) -> dict[str, str]:
    """Keys by role, or passwords by name; none when there is no such file or it is damaged."""
    try:
        found = json.loads(keys_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(key, str) for key in found.values()) else {}


class Api:
    """A client of the running system on this machine; standard library alone, and past any proxy."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(
        self, method: str, path: str, body: object = None, *, key: str = "", idempotency_key: str = ""
    ) -> tuple[int, Any]:
        """Status and parsed body. Raises SeedFailed when nothing answers, or not in JSON."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Api-Key {key}"} if key else {}
        headers |= {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SeedFailed(f"{method} {path}: {error or type(error).__name__}") from None
        finally:
            connection.close()


def _stock_up(api: Api, key: str) -> None:
    for sku, name, price, _qty, tax_rate, cost in PRODUCTS:
        product = {"sku": sku, "name": name, "price": price, "currency": "EUR", "tax_rate": tax_rate, "cost": cost}
        status, body = api.ask("POST", "/api/v1/products", product, key=key)
        if status not in {201, _SKU_EXISTS}:
            raise SeedFailed(f"product {sku}: {status} {body.get('detail')}")
    received = [
        {
            "idempotency_key": f"demo-stock-{sku}",
            "type": "stock.receive",
            "payload": {"sku": sku, "qty": qty, "reason": "first delivery"},
        }
        for sku, _name, _price, qty, _tax_rate, _cost in PRODUCTS
    ]
    status, body = api.ask("POST", "/api/v1/commands/batch", {"commands": received}, key=key)
    if status != 200:
        raise SeedFailed(f"stock: {status} {body.get('detail')}")
    for each in body["results"]:
        _final(api, each.get("command"), key)


def _draft(api: Api, key: str) -> Any:
    command = {"type": "order.create", "payload": {"items": list(ORDER_ITEMS), "note": "Pay me with the curl line"}}
    status, body = api.ask("POST", "/api/v1/commands", command, key=key, idempotency_key=f"demo-{secrets.token_hex(8)}")
    if status not in {200, 202}:
        raise SeedFailed(f"order: {status} {body.get('detail')}")
    return _final(api, body, key)["result"]["order"]


def _final(api: Api, command: Any, key: str) -> Any:
    """The command once it has succeeded."""
    deadline = time.monotonic() + FINAL_SECONDS_MAX
    while command is not None and command["status"] in {"queued", "running"}:
        if time.monotonic() > deadline:
            raise SeedFailed(f"{command['type']} is still {command['status']} after {FINAL_SECONDS_MAX:g} s")
        time.sleep(0.01)
        command = api.ask("GET", command["links"]["self"], key=key)[1]
    if command is None or command["status"] != "succeeded":
        raise SeedFailed(f"a command that should succeed did not: {command}")
    return command
