"""The contract once more, as naively as it can be written: dicts, and a sentence of the contract a branch.

It shares no code with `domain/`, so that both are wrong in the same way only if somebody thought the same wrong thing
twice.
"""

import uuid
from collections import Counter
from decimal import Decimal
from typing import Any

OK = "ok"
ASKED = "asked"
"""Neither yes nor no: the payment provider has to answer first."""
DIGITS = {"EUR": 2, "USD": 2, "JPY": 0}
WHO: dict[str, set[str | None]] = {
    "order.create": {"pos", "integration", "manager"},
    "order.add_items": {"pos", "integration", "manager"},
    "order.remove_item": {"pos", "integration", "manager"},
    "order.pay": {"pos", "manager"},
    "order.cancel_draft": {"pos", "manager"},
    "order.cancel": {"manager"},
    "order.refund": {"manager"},
    "order.change_status": {"integration", "manager"},
    "order.archive": {"manager"},
    "stock.receive": {"manager", "integration"},
    "stock.adjust": {"manager"},
    "payment.settle": {"pos", "integration", "manager", "auditor", None},
}
"""The roles that each type is open to; Orderly alone settles, whatever its role."""
ASKING = ("order.pay", "order.refund", "order.cancel")
"""What may have to wait for the payment provider."""
FOLLOWS = {"pending": "confirmed", "confirmed": "picked", "picked": "shipped", "shipped": "delivered"}


class Model:
    """Products by sku, orders by id, customers by id (whether active)."""

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.orders: dict[uuid.UUID | None, dict[str, Any]] = {}
        self.customers: dict[str, bool] = {}
        self.answered: list[str] = []
        """The commands that the provider has answered."""

    def play(
        self,
        command_id: uuid.UUID,
        type_: str,
        payload: dict[str, Any],
        order_id: uuid.UUID | None,
        role: str | None,
        expected_version: int | None,
        expires_in: int | None,
    ) -> str:
        """Act: `OK` when something happened, `ASKED` when the provider has to answer first, otherwise the code of the
        refusal. An answer says how the command has ended that it is about.
        """
        if expires_in is not None and expires_in <= 0:
            return "expired"
        if role not in WHO[type_]:
            return "forbidden"
        if type_ in {"stock.receive", "stock.adjust"}:
            return self._stock(payload)
        if type_ == "order.create":
            return "order-exists" if order_id in self.orders else self._create(order_id, payload)
        if order_id not in self.orders:
            return "order-not-found"
        order = self.orders[order_id]
        if expected_version is not None and expected_version != order["version"]:
            return "version-conflict"
        if order["archived"]:
            return "order-frozen"
        return self._on_order(command_id, order, type_, payload)

    def total(self, order_id: uuid.UUID) -> int:
        """What the order costs, in minor units."""
        return sum(line["qty"] * line["price"] for line in self.orders[order_id]["lines"])

    def sku(self, naming: dict[str, Any]) -> str | None:
        """The sku of the product that an item or a payload names, if there is one."""
        for sku, product in self.products.items():
            if naming.get("sku") == sku or naming.get("product_id") == str(product["id"]):
                return sku
        return None

    def _on_order(self, command_id: uuid.UUID, order: dict[str, Any], type_: str, payload: dict[str, Any]) -> str:
        if type_ == "payment.settle":
            return self._settle(order, payload)
        if order["asked"]:
            return "order-frozen"
        said = self._act(order, type_, payload)
        if said == ASKED:
            order["asked"] |= {"id": command_id, "type": type_, "payload": payload}
        return said

    def _act(self, order: dict[str, Any], type_: str, payload: dict[str, Any], has_yes: bool = False) -> str:
        act = getattr(self, "_" + type_.removeprefix("order."))
        said: str = act(order, payload, has_yes) if type_ in ASKING else act(order, payload)
        if said == OK:
            order["version"] += 1
        return said

    def _settle(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        asked = order["asked"]
        if not asked or str(asked["id"]) != payload["command_id"]:
            return "invalid-transition"
        order["asked"] = None
        self.answered.append(payload["command_id"])
        if asked["type"] == "order.pay":
            self._move(order, on_hand=0, reserved=-1)
        if not payload["is_yes"]:
            return "payment-declined"
        return self._act(order, asked["type"], asked["payload"], has_yes=True)

    def _stock(self, payload: dict[str, Any]) -> str:
        sku = self.sku(payload)
        if sku is None:
            return "product-not-found"
        product = self.products[sku]
        after = product["on_hand"] + payload.get("qty", 0) + payload.get("delta", 0)
        if after < product["reserved"]:
            return "insufficient-stock"
        product["on_hand"] = after
        return OK

    def _create(self, order_id: uuid.UUID | None, payload: dict[str, Any]) -> str:
        workflow = payload.get("workflow", "counter")
        items = payload.get("items", [])
        if workflow == "fulfilment" and not items:
            return "order-empty"
        customer = payload.get("customer_id")
        if customer is not None and customer not in self.customers:
            return "customer-not-found"
        if customer is not None and not self.customers[customer]:
            return "customer-inactive"
        first = self.sku(items[0]) if items else None
        currency = payload.get("currency") or (self.products[first]["currency"] if first else "EUR")
        wrong = self._wrong(items, currency)
        if wrong:
            return wrong
        order: dict[str, Any] = {"workflow": workflow, "currency": currency, "customer": customer}
        order |= {"version": 1, "archived": False, "lines": [], "asked": None}
        order |= {"method": None, "paid": 0, "refunded": 0}
        self._add(order, items)
        if workflow == "fulfilment":
            if not self._enough(order):
                return "insufficient-stock"
            self._move(order, on_hand=0, reserved=+1)
        order["status"] = "pending" if workflow == "fulfilment" else "draft"
        self.orders[order_id] = order
        return OK

    def _add_items(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        if order["status"] != "draft":
            return "order-frozen"
        wrong = self._wrong(payload["items"], order["currency"])
        if wrong:
            return wrong
        self._add(order, payload["items"])
        return OK

    def _remove_item(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        if order["status"] != "draft":
            return "order-frozen"
        sku = self.sku(payload)
        present = self._pieces(order)[sku]
        wanted = payload.get("qty", present)
        if present == 0 or wanted > present:
            return "item-not-found"
        for _piece in range(wanted):
            newest = [line for line in order["lines"] if line["sku"] == sku][-1]
            newest["qty"] -= 1
            if newest["qty"] == 0:
                order["lines"].remove(newest)
        return OK

    def _pay(self, order: dict[str, Any], payload: dict[str, Any], has_yes: bool) -> str:
        if order["status"] != "draft":
            return "invalid-transition"
        if not order["lines"]:
            return "order-empty"
        total = sum(line["qty"] * line["price"] for line in order["lines"])
        unit = Decimal(10) ** DIGITS[order["currency"]]
        if payload.get("amount") is not None and Decimal(payload["amount"]) * unit != total:
            return "amount-mismatch"
        if payload.get("tendered") is not None:
            tendered = Decimal(payload["tendered"]) * unit
            if tendered != int(tendered):
                return "amount-mismatch"
            if tendered < total:
                return "tendered-too-low"
        if not self._enough(order):
            return "insufficient-stock"
        if payload["method"] == "online" and total > 0 and not has_yes:
            self._move(order, on_hand=0, reserved=+1)
            order["asked"] = {"money": total}
            return ASKED
        self._move(order, on_hand=-1, reserved=0)
        order |= {"status": "paid", "method": payload["method"], "paid": total}
        return OK

    def _refund(self, order: dict[str, Any], payload: dict[str, Any], has_yes: bool) -> str:
        if order["status"] != "paid":
            return "invalid-transition"
        left = order["paid"] - order["refunded"]
        backs = [line["back"] for line in order["lines"]]
        if payload.get("amount") is not None:
            exact = Decimal(payload["amount"]) * Decimal(10) ** DIGITS[order["currency"]]
            if exact != int(exact):
                return "amount-mismatch"
            money = int(exact)
        elif payload.get("items") is not None:
            if not all(self._pieces(order)[self.sku(item)] for item in payload["items"]):
                return "item-not-found"
            backs = self._backs(order, payload["items"])
            money = sum((back - line["back"]) * line["price"] for line, back in zip(order["lines"], backs, strict=True))
        else:
            money = left
            backs = [line["qty"] for line in order["lines"]]
            if not left and backs == [line["back"] for line in order["lines"]]:
                return "refund-exceeds-payment"
        too_many = any(back > line["qty"] for line, back in zip(order["lines"], backs, strict=True))
        if too_many or money > left:
            return "refund-exceeds-payment"
        if order["method"] == "online" and money > 0 and not has_yes:
            order["asked"] = {"money": money}
            return ASKED
        order["refunded"] += money
        self._put_back(order, backs, restock=payload.get("restock", True))
        return OK

    def _put_back(self, order: dict[str, Any], backs: list[int], restock: bool) -> None:
        for line, back in zip(order["lines"], backs, strict=True):
            if restock:
                self.products[line["sku"]]["on_hand"] += back - line["back"]
            line["back"] = back

    def _backs(self, order: dict[str, Any], items: list[dict[str, Any]]) -> list[int]:
        """Pieces that are back after these, line by line; where there are not enough, too many of the oldest line."""
        backs = [line["back"] for line in order["lines"]]
        for item in items:
            places = [place for place, line in enumerate(order["lines"]) if line["sku"] == self.sku(item)]
            for _piece in range(item["qty"]):
                held = [place for place in places if backs[place] < order["lines"][place]["qty"]]
                backs[held[-1] if held else places[0]] += 1
        return backs

    def _cancel_draft(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        if order["status"] != "draft":
            return "invalid-transition"
        order["status"] = "cancelled"
        return OK

    def _cancel(self, order: dict[str, Any], payload: dict[str, Any], has_yes: bool) -> str:
        if order["status"] not in {"draft", "paid", "pending", "confirmed"}:
            return "invalid-transition"
        left = order["paid"] - order["refunded"]
        if order["method"] == "online" and left > 0 and not has_yes:
            order["asked"] = {"money": left}
            return ASKED
        if order["status"] == "paid":
            self._move(order, on_hand=+1, reserved=0)
        if order["workflow"] == "fulfilment":
            self._move(order, on_hand=0, reserved=-1)
        order |= {"status": "cancelled", "refunded": order["paid"]}
        return OK

    def _change_status(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        if FOLLOWS.get(order["status"]) != payload["to"]:
            return "invalid-transition"
        if payload["to"] == "shipped":
            self._move(order, on_hand=-1, reserved=-1)
        order["status"] = payload["to"]
        return OK

    def _archive(self, order: dict[str, Any], payload: dict[str, Any]) -> str:
        if order["status"] not in {"cancelled", "delivered"}:
            return "invalid-transition"
        order["archived"] = True
        return OK

    def _wrong(self, items: list[dict[str, Any]], currency: str) -> str | None:
        skus = [self.sku(item) for item in items]
        if None in skus:
            return "product-not-found"
        products = [self.products[sku] for sku in skus if sku]
        if not all(product["active"] for product in products):
            return "product-inactive"
        if not all(product["currency"] == currency for product in products):
            return "currency-mismatch"
        return None

    def _add(self, order: dict[str, Any], items: list[dict[str, Any]]) -> None:
        for item in items:
            sku = self.sku(item)
            assert sku is not None
            price = self.products[sku]["price"]
            for line in order["lines"]:
                if (line["sku"], line["price"]) == (sku, price):
                    line["qty"] += item["qty"]
                    break
            else:
                order["lines"].append({"sku": sku, "qty": item["qty"], "price": price, "back": 0})

    def _pieces(self, order: dict[str, Any]) -> Counter[str | None]:
        pieces: Counter[str | None] = Counter()
        for line in order["lines"]:
            pieces[line["sku"]] += line["qty"]
        return pieces

    def _enough(self, order: dict[str, Any]) -> bool:
        products = self.products
        return all(
            qty <= products[sku]["on_hand"] - products[sku]["reserved"]
            for sku, qty in self._pieces(order).items()
            if sku
        )

    def _move(self, order: dict[str, Any], on_hand: int, reserved: int) -> None:
        for line in order["lines"]:
            self.products[line["sku"]]["on_hand"] += on_hand * (line["qty"] - line["back"])
            self.products[line["sku"]]["reserved"] += reserved * line["qty"]
