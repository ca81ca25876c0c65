"""`python -m config.demo`, which is `make demo`: a few dozen orders over HTTP, and a table of what became of them.

It uses the system that `make up` runs, or a temporary one of its own. Its products are its own as well, so its sums
hold whatever else goes on. The exit code is 1 when anything went otherwise than it should.
"""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from config import env
from config.demo.report import Journal, report
from config.demo.till import NoProvider, Till, Unexpected
from config.processes import PROJECT, free_port
from config.seed import KEYS_FILE, Api, SeedFailed, read_keys

CLERKS = 8
"""How many orders are in hand at once."""
RECEIVED = 500
"""Pieces of each product that the demo brings."""
PRICES = (Decimal("7.90"), Decimal("2.29"), Decimal("12.00"))
APPROVED, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"
"""Tokens that the simulator and Stripe's test mode both know."""
START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 20.0


def main() -> int:
    """Find or start the system, send the orders, print the table; 0 when all is as it should be."""
    with _system() as (port, keys):
        demo = Demo(port, keys)
        try:
            demo.run()
        except Unexpected as error:
            demo.journal.wrong(str(error))
        finally:
            demo.close()
    print(report(demo.journal))
    return 1 if demo.journal.surprises else 0


class Demo:
    """One run: the products, the tills, and what they noted."""

    def __init__(self, port: int, keys: dict[str, str]) -> None:
        self.journal = Journal()
        self._run = uuid.uuid4().hex[:6].upper()
        self._skus = [f"DEMO-{self._run}-{number}" for number in range(len(PRICES))]
        self._pos = Till(port, keys["pos"], self.journal)
        self._manager = Till(port, keys["manager"], self.journal)
        self._lock = threading.Lock()
        self._orders: list[str] = []
        self._online: list[str] = []

    def close(self) -> None:
        """Close the connections."""
        self._pos.close()
        self._manager.close()

    def run(self) -> None:
        """Stock first, then all orders at once, some of them paid online where that is possible, then the sums."""
        for sku, price in zip(self._skus, PRICES, strict=True):
            self._manager.create_product(sku, price)
            self._manager.send("stock.receive", payload={"sku": sku, "qty": RECEIVED, "reason": "demo"})
        orders: list[Callable[[], None]] = [
            *(functools.partial(self._sold, number) for number in range(24)),
            *([self._cancelled_draft] * 4),
            *([self._cancelled_sale] * 2),
            self._short_of_stock,
            self._paid_twice,
            self._replayed,
            self._batch,
        ]
        if self._has_provider():
            orders += [*([self._sold_online] * 6), *([self._cancelled_online_sale] * 2), self._declined]
        with ThreadPoolExecutor(CLERKS) as clerks:
            for done in [clerks.submit(self._guarded, order) for order in orders]:
                done.result()
        self._add_up()

    def _guarded(self, order: Callable[[], None]) -> None:
        """One order that goes wrong is noted, and the others go on."""
        try:
            order()
        except Unexpected as error:
            self.journal.wrong(str(error))

    def _sold(self, number: int) -> None:
        """Created with two items, changed, paid in cash or by card."""
        order = self._create(1 + number % 3)
        self._pos.send("order.add_items", order, {"items": [{"sku": self._skus[2], "qty": 2}]})
        self._pos.send("order.remove_item", order, {"sku": self._skus[2], "qty": 1})
        if number % 2:
            self._pos.send("order.pay", order, {"method": "card", "reference": f"terminal-{number}"})
        else:
            self._pos.send("order.pay", order, {"method": "cash", "tendered": "100.00"})

    def _cancelled_draft(self) -> None:
        self._pos.send("order.cancel_draft", self._create(1), {"reason": "the customer left"})

    def _cancelled_sale(self) -> None:
        """What was paid and cancelled is on the shelf again."""
        order = self._create(2)
        self._pos.send("order.pay", order, {"method": "cash"})
        self._manager.send("order.cancel", order, {"reason": "brought back"})

    def _has_provider(self) -> bool:
        """Whether this deployment takes online payments: it refuses the first one where it does not."""
        order = self._create(1)
        try:
            self._pay_online(order)
        except NoProvider:
            self._pos.send("order.pay", order, {"method": "card"})
            return False
        return True

    def _sold_online(self) -> None:
        self._pay_online(self._create(2))

    def _cancelled_online_sale(self) -> None:
        """The provider gives the money back before the order is cancelled."""
        order = self._create(1)
        self._pay_online(order)
        self._manager.send("order.cancel", order, {"reason": "sent back"})

    def _declined(self) -> None:
        """What the provider declines may be paid in another way."""
        order = self._create(1)
        self._pay_online(order, DECLINED, refused="payment-declined")
        self._pos.send("order.pay", order, {"method": "cash"})

    def _pay_online(self, order: str, payment_method: str = APPROVED, refused: str = "") -> None:
        payload = {"method": "online", "payment_method": payment_method}
        self._pos.send("order.pay", order, payload, refused=refused)
        with self._lock:
            self._online.append(order)

    def _short_of_stock(self) -> None:
        order = self._create(RECEIVED * 1000)
        self._pos.send("order.pay", order, {"method": "cash"}, refused="insufficient-stock")

    def _paid_twice(self) -> None:
        order = self._create(1)
        self._pos.send("order.pay", order, {"method": "cash"})
        self._pos.send("order.pay", order, {"method": "cash"}, refused="invalid-transition")

    def _replayed(self) -> None:
        """The same key twice is one payment."""
        order = self._create(1)
        key = f"demo-{uuid.uuid4()}"
        first = self._pos.send("order.pay", order, {"method": "cash"}, key=key)
        again = self._pos.send("order.pay", order, {"method": "cash"}, key=key, replayed=True)
        if again["id"] != first["id"]:
            raise Unexpected("a replayed key made a second command")

    def _batch(self) -> None:
        """A till that comes back online: five orders created and paid in one request, with ids of its own."""
        orders = [str(uuid.uuid4()) for _number in range(5)]
        items = [{"sku": self._skus[0], "qty": 1}]
        entries = []
        for order in orders:
            entries.append({"type": "order.create", "order_id": order, "payload": {"items": items}})
            entries.append({"type": "order.pay", "order_id": order, "payload": {"method": "cash"}})
        self._pos.send_batch(entries)
        self._remember(*orders)

    def _create(self, qty: int) -> str:
        items = [{"sku": self._skus[0], "qty": qty}, {"sku": self._skus[1], "qty": 1}]
        created = self._pos.send("order.create", None, {"items": items})
        order = str(created["result"]["order"]["id"])
        self._remember(order)
        return order

    def _remember(self, *orders: str) -> None:
        with self._lock:
            self._orders += orders

    def _add_up(self) -> None:
        """What left the shelf is what the paid orders hold, and what they cost is what was taken."""
        orders = [self._pos.read(f"/orders/{order}") for order in self._orders]
        products = {item["sku"]: item for item in self._manager.products(self._skus)}
        paid = [order for order in orders if order["status"] == "paid"]
        for order in orders:
            self.journal.orders[order["status"]] += 1
        for sku, price in zip(self._skus, PRICES, strict=True):
            sold = sum(item["qty"] for order in paid for item in order["items"] if item["sku"] == sku)
            self.journal.stock(sku, received=RECEIVED, sold=sold, left=products[sku]["on_hand"])
            self.journal.expected += price * sold
        for order_id in self._online:
            payments = self._pos.read(f"/orders/{order_id}/payments")["results"]
            self.journal.paid_online([each for each in payments if each["method"] == "online"])
        self.journal.taken = sum((Decimal(order["total"]) for order in paid), Decimal(0))


@contextmanager
def _system() -> Iterator[tuple[int, dict[str, str]]]:
    port = env.integer("PORT", 8000, minimum=1, maximum=65_535)
    data_dir = env.path("DATA_DIR", PROJECT / ".data")
    keys = read_keys(data_dir / KEYS_FILE)
    if _runs(port, keys):
        print(f"Using the system on http://127.0.0.1:{port}", flush=True)
        yield port, keys
        return
    print(f"No system of ours on port {port}: starting a temporary one ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="orderly-demo-", ignore_cleanup_errors=True) as folder:
        # PostgreSQL runs as another user when we are root, and has to get through.
        Path(folder).chmod(0o755)
        with _temporary(Path(folder)) as port:
            yield port, read_keys(Path(folder) / KEYS_FILE)


def _runs(port: int, keys: dict[str, str]) -> bool:
    api = Api(port)
    with contextlib.suppress(SeedFailed, TypeError, KeyError):
        known = api.ask("GET", "/api/v1/products?page_size=1", key=keys["manager"])[0] == 200
        return known and api.ask("GET", "/health/")[1]["workers"] >= 1
    return False


@contextmanager
def _temporary(folder: Path) -> Iterator[int]:
    port, flower_port = free_port(), free_port()
    variables = {"PORT": str(port), "FLOWER_PORT": str(flower_port), "DATA_DIR": str(folder)}
    output = folder / "up.log"
    with output.open("wb") as log:
        # A session of its own: Ctrl-C reaches this process, which then stops that one in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "config.up"],
            cwd=PROJECT,
            env=os.environ | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_ready(process, output)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS_MAX)


def _await_ready(process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while "Orderly is ready on" not in output.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the temporary system did not start: {_last_line(output.read_text(errors='replace'))}")
        time.sleep(0.05)


def _last_line(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    return lines[-1] if lines else "no output"


if __name__ == "__main__":
    # Asked to stop in whatever way, it stops the system that it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
