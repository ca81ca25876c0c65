"""The same random commands through PostgreSQL, executed by several workers at once while they are still coming in.

What comes out is what the pure core says when it plays them alone, in the order of acceptance. A test's name shows its
seed; to play it again: LAWS_SEED=<seed>.
"""

import json
import os
import uuid
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from django.db import transaction

from domain import result
from domain.decision import decide
from domain.outcome import Applied, Refused
from store.models import Client, Customer, Endpoint, Product
from tests import invariants
from tests.concurrency.workers import at_once
from tests.laws.asks import Ask, Asker
from tests.laws.core import NOW, Core, code, command
from tests.laws.model import OK
from tests.laws.workers import Asked, everything, execute, query, raw, submission
from tests.till import Till, run_drain
from worker import tasks

_chance = Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))  # the same in all test processes of a run
SEEDS = [int(os.environ.get("LAWS_SEED") or _chance.getrandbits(32)) for _time in range(2)]
ROLES = ("pos", "integration", "manager", "auditor")
CUSTOMERS = [uuid.UUID(int=0xA), uuid.UUID(int=0xB)]


class Play:
    """A core and the same catalogue in the database; remembers everything asked, in the order of acceptance."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.core = Core()
        self.asked: list[Asked] = []
        self._clients = _clients()
        Endpoint.objects.create(client_id=self._clients["manager"], url="https://example.com/", secret=b"")
        for customer_id in CUSTOMERS:
            self.core.set_customer(customer_id, active=True)
            Customer.objects.create(id=customer_id, name="somebody")

    def add_products(self, *skus: str) -> None:
        """Products without any stock yet."""
        for sku in skus:
            product_id = self.core.add_product(sku, 250)
            Product.objects.create(id=product_id, sku=sku, name=sku.title(), price=250, currency="EUR")

    def change_catalogue(self) -> None:
        """Other prices, one product less for sale, one customer less."""
        gone = self.random.choice(list(self.core.world.skus))
        with transaction.atomic():
            for sku in self.core.world.skus:
                price = self.random.choice((0, 99, 250, 999))
                self.core.change_product(sku, price=price, active=sku != gone)
                Product.objects.filter(sku=sku).update(price=price, is_active=sku != gone)
        self.core.set_customer(CUSTOMERS[0], active=False)
        Customer.objects.filter(id=CUSTOMERS[0]).update(is_active=False)

    def ask(self, times: int, ask: Callable[[], Ask]) -> None:
        """Ask so often, then have the workers execute all of it at once."""
        asked = []
        for _time in range(times):
            said = ask()
            said.put_to(self.core.model)
            asked.append(Asked.of(said, self.core.play(said)))
        execute([submission(each, self._clients, self._lane_of(each.ask)) for each in asked])
        self.asked += asked

    def _lane_of(self, ask: Ask) -> str:
        """One product's commands share a lane by whatever name, so that their order is known."""
        if ask.order_id:
            return str(ask.order_id)
        sku = self.core.model.sku(ask.payload)
        return sku or "NONE"


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_that_share_nothing_end_as_the_core_says(database: None, seed: int) -> None:
    play = Play(seed)
    orders = [uuid.UUID(int=number) for number in range(1, 25)]
    askers = []
    for number, order_id in enumerate(orders):
        skus = [f"TEA-{number}", f"MUG-{number}"]
        play.add_products(*skus)
        askers.append(Asker(play.random, play.core.model, [order_id], skus))
    for _round in range(3):
        play.ask(80, lambda: play.random.choice(askers).stock())
        play.ask(160, lambda: play.random.choice(askers).some())
        play.change_catalogue()
    assert _commands() == {each.id: _end(each) for each in play.asked}
    assert _orders() == _orders_of(play.core)
    assert _products() == {
        product.id: (product.on_hand, product.reserved) for product in play.core.world.products.values()
    }
    assert _effects() == _effects_of(play.asked)
    invariants.check(raw(), [each.id for each in play.asked])


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_that_want_the_same_pieces_end_lawfully(database: None, seed: int) -> None:
    """Who gets the last pieces is open. But for that, each order's commands end as the core says in their order."""
    play = Play(seed)
    orders = [uuid.UUID(int=number) for number in range(1, 41)]
    play.add_products("TEA", "MUG", "POT")
    groups = [Asker(play.random, play.core.model, orders[each::8], ["TEA", "MUG", "POT"]) for each in range(8)]
    play.ask(15, groups[0].stock)
    play.ask(400, lambda: groups[0].stock() if play.random.randrange(5) == 0 else play.random.choice(groups).some())
    _check_apart_from_stock(play.asked)
    invariants.check(raw(), [each.id for each in play.asked])


def test_a_repeated_bell_changes_no_row(database: None) -> None:
    """Ten more bells, for ten drains at once, and a sweep: every row is as it was, and nobody has written it again."""
    play = Play(SEEDS[0])
    play.add_products("TEA", "MUG")
    orders = [uuid.UUID(int=number) for number in range(1, 13)]
    asker = Asker(play.random, play.core.model, orders, ["TEA", "MUG"])
    play.ask(20, asker.stock)
    play.ask(80, asker.some)
    before = everything()
    assert len(before["command"]) == 100
    for lane in range(10):
        tasks.drain(lane)
    tasks.sweep()
    assert sum(drained.commands for drained in at_once(10, run_drain)) == 0
    assert everything() == before


def _check_apart_from_stock(asked: Sequence[Asked]) -> None:
    """Each command ended as in a world of plenty, or for want of stock where that is possible."""
    plenty = Core()
    for customer_id in CUSTOMERS:
        plenty.set_customer(customer_id, active=True)
    for sku in ("TEA", "MUG", "POT"):
        plenty.add_product(sku, 250, on_hand=10**9)
    ended = _commands()
    for each in asked:
        _status, shown, error = ended[each.id]
        outcome = decide(command(each.ask), plenty.world, NOW)
        if error and error["code"] == "insufficient-stock":
            assert isinstance(outcome, Applied), each
            assert each.ask.type in {"order.pay", "order.create", "stock.adjust"}, each
        else:
            assert (error["code"] if error else OK) == code(outcome), each
            if isinstance(outcome, Applied) and outcome.order:
                assert shown == result.of_applied(outcome), each
                plenty.world.apply(outcome)


def _end(asked: Asked) -> tuple[str, Any, Any]:
    """Status, result and error as the command shows them."""
    outcome = asked.outcome
    if isinstance(outcome, Refused):
        return "expired" if outcome.code == "expired" else "failed", None, result.of_refused(outcome)
    return "succeeded", result.of_applied(outcome), None


def _commands() -> dict[uuid.UUID, tuple[str, Any, Any]]:
    rows = query("SELECT id, status, result, error FROM command")
    return {row[0]: (row[1], json.loads(row[2] or "null"), json.loads(row[3] or "null")) for row in rows}


def _products() -> dict[uuid.UUID, tuple[int, int]]:
    return {row[0]: row[1:] for row in query("SELECT id, on_hand, reserved FROM product")}


def _orders() -> dict[uuid.UUID, tuple[Any, ...]]:
    lines = query(
        "SELECT order_id, product_id, sku, qty, unit_price, refunded_qty FROM order_line ORDER BY order_id, position"
    )
    orders = query(
        "SELECT id, workflow, status, version, currency, total, customer_id, archived, paid_total, refunded_total "
        "FROM orders"
    )
    return {row[0]: (*row[1:], [line[1:] for line in lines if line[0] == row[0]]) for row in orders}


def _orders_of(core: Core) -> dict[uuid.UUID, tuple[Any, ...]]:
    return {
        order.id: (
            *(order.workflow, order.status, order.version, order.currency, order.total, order.customer_id),
            *(order.archived, order.paid_total, order.refunded_total),
            [(line.product_id, line.sku, line.qty, line.unit_price, line.refunded_qty) for line in order.lines],
        )
        for order in core.world.orders.values()
    }


def _effects() -> dict[str, set[tuple[Any, ...]]]:
    return {
        "movements": set(
            query("SELECT command_id, order_id, product_id, kind, on_hand_delta, reserved_delta FROM stock_movement")
        ),
        "history": set(query("SELECT command_id, order_id, version, from_status, to_status, note FROM order_history")),
        "payments": set(query("SELECT command_id, order_id, method, amount, tendered FROM payment")),
    }


def _effects_of(asked: Sequence[Asked]) -> dict[str, set[tuple[Any, ...]]]:
    effects: dict[str, set[tuple[Any, ...]]] = {"movements": set(), "history": set(), "payments": set()}
    for each in asked:
        if isinstance(each.outcome, Refused):
            continue
        order, change, payment = each.outcome.order, each.outcome.status_change, each.outcome.payment
        mark = (each.id, each.ask.order_id)
        effects["movements"] |= {
            (*mark, moved.product_id, moved.kind, moved.on_hand_delta, moved.reserved_delta)
            for moved in each.outcome.movements
        }
        if order and change:
            effects["history"].add((*mark, order.version, change.source, change.target, change.note))
        if payment:
            effects["payments"].add((*mark, payment.method, payment.amount, payment.tendered))
    return effects


def _clients() -> dict[str | None, int]:
    """A client of each role, and under None one that was a manager once."""
    for role in ROLES:
        Till.register(role, role)
    Till.register("former", "manager")
    Client.objects.filter(name="former").update(is_active=False)
    ids = dict(Client.objects.values_list("name", "id"))
    return {role: ids[role or "former"] for role in (*ROLES, None)}
