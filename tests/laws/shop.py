"""A shop whose every command is held against the laws, one after the other."""

import dataclasses
import uuid
from collections import Counter, defaultdict
from random import Random

from domain import books
from domain.decision import decide
from domain.orders import Order
from domain.outcome import Applied, Asked, Outcome, Settled, StatusChange
from domain.world import World
from tests.laws.asks import Ask, Asker
from tests.laws.core import NOW, Core, applied_of, asked_by, code, command, in_scope, snapshot
from tests.laws.model import OK

ORDERS = [uuid.UUID(int=number) for number in range(1, 9)]
CUSTOMERS = [uuid.UUID(int=0xA), uuid.UUID(int=0xB)]
SKUS = {"TEA": "EUR", "MUG": "EUR", "POT": "USD", "FAN": "JPY"}
TAX_RATES = {"TEA": 2300, "MUG": 0, "POT": 825, "FAN": 1000}
COSTS = {"TEA": 120, "POT": 77}
MONEY = set(books.MONEY_OF.values())
EVENTS = {
    "order.create": "order.created",
    "order.add_items": "order.items_changed",
    "order.remove_item": "order.items_changed",
    "order.pay": "order.paid",
    "order.cancel_draft": "order.cancelled",
    "order.cancel": "order.cancelled",
    "order.refund": "order.refunded",
    "order.change_status": "order.status_changed",
    "order.archive": "order.archived",
    "stock.receive": "stock.changed",
    "stock.adjust": "stock.changed",
}
"""Each success is one event, and this is its name; an answer's is that of the command that asked."""
LAST = {"cancelled", "delivered"}


class Shop:
    """A few orders and products, and all that has happened to them; `seen` counts how each type ended."""

    def __init__(self) -> None:
        self.core = Core()
        for sku, currency in SKUS.items():
            self.core.add_product(sku, 250, currency, tax_rate=TAX_RATES[sku], cost=COSTS.get(sku))
        for customer_id in CUSTOMERS:
            self.core.set_customer(customer_id, active=True)
        self.seen: Counter[tuple[str, str]] = Counter()
        self._successes: Counter[uuid.UUID] = Counter()
        self._on_hand: Counter[uuid.UUID] = Counter()
        self._reserved: Counter[uuid.UUID] = Counter()
        self._booked: defaultdict[uuid.UUID, Counter[str]] = defaultdict(Counter)

    def asker(self, random: Random) -> Asker:
        """Somebody who asks this shop."""
        return Asker(random, self.core.model, ORDERS, list(SKUS))

    def change_catalogue(self, random: Random) -> None:
        """A price changes, or what is for sale, or who is a customer."""
        sku = random.choice(list(SKUS))
        self.core.change_product(sku, price=random.choice((0, 1, 99, 250, 999)), active=random.randrange(8) > 0)
        self.core.set_customer(random.choice(CUSTOMERS), active=random.randrange(4) > 0)

    def play(self, ask: Ask) -> None:
        """One command, and the laws of what may come of it."""
        before, waiting = snapshot(self.core.world), dict(self.core.waiting)
        asked_in_scope = decide(command(ask, waiting), in_scope(ask, before), NOW)
        said, outcome = ask.put_to(self.core.model), self.core.play(ask)
        assert code(outcome) == said, f"{ask}: the model says {said}, the core {outcome}"
        assert asked_in_scope == outcome, f"{ask}: decided otherwise on what a worker would load"
        applied = applied_of(outcome)
        if applied is None:
            self.seen[ask.type, said] += 1
            assert self.core.world == before, f"{ask}: a refusal changed the world"
            return
        asking = ask
        if isinstance(outcome, Settled):
            self.seen[ask.type, OK] += 1
            asking = waiting[asked_by(ask)]
        self.seen[asking.type, said] += 1
        assert applied.event == (EVENTS[asking.type] if said == OK else None), f"{ask}: {applied.event}"
        self._check_order(asking, applied, before)
        if applied.event is None and applied.order is not None:
            self._check_waiting(asking, outcome, before.orders[applied.order.id], applied.order)
        self._check_stock(ask, applied, before)
        self._check_books(asking, applied, before)

    def check(self) -> None:
        """The laws of how things stand."""
        for order in self.core.world.orders.values():
            assert order.total == sum(line.qty * line.unit_price for line in order.lines)
            assert order.version == self._successes[order.id]
            known = dict(self.core.model.orders[order.id])
            asked = known.pop("asked")
            assert order.asked_by == (asked and asked["id"])
            assert {
                "workflow": order.workflow,
                "currency": order.currency,
                "customer": order.customer_id and str(order.customer_id),
                "version": order.version,
                "archived": order.archived,
                "status": order.status,
                "method": order.paid_by,
                "paid": order.paid_total,
                "refunded": order.refunded_total,
                "lines": [
                    {"sku": line.sku, "qty": line.qty, "price": line.unit_price, "back": line.refunded_qty}
                    for line in order.lines
                ],
            } == known
            if order.paid_total and not order.remainder:
                assert order.refunded_tax == order.tax_total
            booked = self._booked[order.id]
            assert sum(booked[account] for account in MONEY) == order.remainder
            assert -booked["tax_payable"] == order.tax_remainder
        for product in self.core.world.products.values():
            assert 0 <= product.reserved <= product.on_hand
            assert (product.on_hand, product.reserved) == (self._on_hand[product.id], self._reserved[product.id])
            expected = self.core.model.products[product.sku]
            assert (product.on_hand, product.reserved) == (expected["on_hand"], expected["reserved"])

    def _check_order(self, ask: Ask, applied: Applied, before: World) -> None:
        after = applied.order
        assert (after is not None) == ask.type.startswith("order."), f"{ask}: an order for a command without one"
        if after is None:
            return
        self._successes[after.id] += applied.event is not None
        was = before.orders.get(after.id)
        others = {order_id: order for order_id, order in self.core.world.orders.items() if order_id != after.id}
        assert others == {order_id: order for order_id, order in before.orders.items() if order_id != after.id}
        assert was is None or not was.archived, f"{ask}: an archived order changed"
        if was is not None and was.status in LAST:
            assert ask.type == "order.archive", f"{ask}: an order that was over went on"
            assert after.status == was.status
        assert applied.status_change == _step(was, after, ask)
        assert (applied.payment is not None) == (applied.event == "order.paid")
        assert applied.payment is None or applied.payment.amount == after.total
        back = applied.refund.amount if applied.refund else 0
        assert back == after.refunded_total - (was.refunded_total if was else 0)

    def _check_waiting(self, ask: Ask, outcome: Outcome, was: Order, after: Order) -> None:
        """While the provider is asked, and after a no, the order is what it was."""
        assert dataclasses.replace(after, asked_by=None) == dataclasses.replace(was, asked_by=None)
        assert after.asked_by == (ask.id if isinstance(outcome, Asked) else None)
        if isinstance(outcome, Asked):
            assert outcome.question.amount == self.core.model.orders[after.id]["asked"]["money"]
            assert (outcome.question.payment_method is not None) == (ask.type == "order.pay")

    def _check_books(self, ask: Ask, applied: Applied, before: World) -> None:
        """Each entry balances by itself; what was only asked for, or refused, makes none."""
        after = applied.order
        entry = books.entry(applied, before.orders.get(after.id) if after else None)
        if after is None or entry is None:
            return
        assert applied.event is not None, f"{ask}: booked before it happened"
        self._booked[after.id].update(entry.postings)

    def _check_stock(self, ask: Ask, applied: Applied, before: World) -> None:
        moved = [movement.product_id for movement in applied.movements]
        assert len(moved) == len(set(moved)), f"{ask}: a product moved twice"
        assert set(moved) == {product.id for product in applied.products}, f"{ask}: moved without a movement"
        for movement in applied.movements:
            self._on_hand[movement.product_id] += movement.on_hand_delta
            self._reserved[movement.product_id] += movement.reserved_delta
        still = {product_id for product_id in before.products if product_id not in moved}
        assert all(self.core.world.products[product_id] == before.products[product_id] for product_id in still)


def _step(was: Order | None, after: Order, ask: Ask) -> StatusChange | None:
    """The line of history that this change of status is."""
    source = was.status if was else None
    if source == after.status:
        return None
    note = ask.payload.get("note") or ask.payload.get("reason")
    return StatusChange(source=source, target=after.status, note=note)


def play(random: Random, shops: int, commands: int) -> Counter[tuple[str, str]]:
    """So many shops with so many commands of all kinds each: how often each type ended how."""
    seen: Counter[tuple[str, str]] = Counter()
    for _shop in range(shops):
        shop = Shop()
        asker = shop.asker(random)
        for number in range(commands):
            if number % 4 == 3:
                shop.change_catalogue(random)
            shop.play(asker.stock() if random.randrange(5) == 0 else asker.some())
            shop.check()
        seen += shop.seen
    return seen
