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
from django.conf import LazySettings
from django.db import transaction

from domain import result
from domain.decision import decide
from domain.outcome import Applied, Asked, Outcome, Refused, Settled
from store.models import Client, Customer, Endpoint, Product
from tests import invariants
from tests.concurrency.workers import at_once
from tests.laws.asks import Ask, Asker
from tests.laws.core import NOW, PROVIDER, Core, asked_by, code, command
from tests.laws.model import OK
from tests.laws.workers import Inlet, Played, everything, execute, query, raw, submission
from tests.till import Till, run_drain
from worker import tasks

_chance = Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))  # the same in all test processes of a run
SEEDS = [int(os.environ.get("LAWS_SEED") or _chance.getrandbits(32)) for _time in range(2)]
ROLES = ("pos", "integration", "manager", "auditor")
CUSTOMERS = [uuid.UUID(int=0xA), uuid.UUID(int=0xB)]


TAX_RATE, COST = 2300, 90


@pytest.fixture(autouse=True)
def somebody_takes_money(settings: LazySettings) -> None:
    """A deployment with the provider of the core."""
    settings.PAYMENT_PROVIDER = PROVIDER


class Play:
    """A core and the same catalogue in the database."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.core = Core()
        self._clients = _clients()
        self._inlet = Inlet(lambda each: submission(each, self._clients, self._lane_of(each.ask)))
        Endpoint.objects.create(client_id=self._clients["manager"], url="https://example.com/", secret=b"")
        for customer_id in CUSTOMERS:
            self.core.set_customer(customer_id, active=True)
            Customer.objects.create(id=customer_id, name="somebody")

    @property
    def played(self) -> list[Played]:
        """Everything asked, in the order of acceptance."""
        return self._inlet.taken

    def add_products(self, *skus: str) -> None:
        """Products without any stock yet."""
        for sku in skus:
            product_id = self.core.add_product(sku, 250, tax_rate=TAX_RATE, cost=COST)
            Product.objects.create(
                id=product_id, sku=sku, name=sku.title(), price=250, currency="EUR", tax_rate=TAX_RATE, cost=COST
            )

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
        played = []
        for _time in range(times):
            said = ask()
            said.put_to(self.core.model)
            played.append(Played(said.id, said, self.core.play(said)))
        execute(played, self._inlet)

    def answer_all(self, asker: Asker) -> None:
        """Have the provider answer whatever still waits for it."""
        waiting = query("SELECT id::text, order_id FROM command WHERE status IN ('running', 'uncertain')")
        answers = iter(waiting)
        self.ask(len(waiting), lambda: asker.answer_to(*next(answers)))

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
    play.answer_all(askers[0])
    assert _commands() == _ends_of(play.played)
    assert _orders() == _orders_of(play.core)
    assert _products() == {
        product.id: (product.on_hand, product.reserved) for product in play.core.world.products.values()
    }
    assert _effects() == _effects_of(play.played, play.core)
    invariants.check(raw(), [each.id for each in play.played])


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_that_want_the_same_pieces_end_lawfully(database: None, seed: int) -> None:
    """Who gets the last pieces is open. But for that, each order's commands end as the core says in their order."""
    play = Play(seed)
    orders = [uuid.UUID(int=number) for number in range(1, 41)]
    play.add_products("TEA", "MUG", "POT")
    groups = [Asker(play.random, play.core.model, orders[each::8], ["TEA", "MUG", "POT"]) for each in range(8)]
    play.ask(15, groups[0].stock)
    play.ask(400, lambda: groups[0].stock() if play.random.randrange(5) == 0 else play.random.choice(groups).some())
    play.answer_all(groups[0])
    _check_apart_from_stock(play.played)
    invariants.check(raw(), [each.id for each in play.played])


def test_a_repeated_bell_changes_no_row(database: None) -> None:
    """Ten more bells, for ten drains at once, and a sweep: every row is as it was, and nobody has written it again."""
    play = Play(SEEDS[0])
    play.add_products("TEA", "MUG")
    orders = [uuid.UUID(int=number) for number in range(1, 13)]
    asker = Asker(play.random, play.core.model, orders, ["TEA", "MUG"])
    play.ask(20, asker.stock)
    play.ask(80, asker.some)
    waiting = iter(an_order_that_waits(uuid.UUID(int=99)))
    play.ask(3, lambda: next(waiting))
    before = everything()
    assert len(before["command"]) == 103
    assert before["provider_request"]
    for lane in range(10):
        tasks.drain(lane)
    tasks.sweep()
    assert sum(drained.commands for drained in at_once(10, run_drain)) == 0
    assert everything() == before


def an_order_that_waits(order_id: uuid.UUID) -> list[Ask]:
    """Asks that end with an order whose payment the provider has not answered."""
    tea = {"sku": "TEA", "qty": 1}
    return [
        Ask(type="stock.receive", payload=tea),
        Ask(type="order.create", payload={"items": [tea]}, order_id=order_id),
        Ask(type="order.pay", payload={"method": "online", "payment_method": "a token"}, order_id=order_id),
    ]


def _check_apart_from_stock(played: Sequence[Played]) -> None:
    """Each command ended as in a world of plenty, or for want of stock where that is possible."""
    plenty = Core()
    for customer_id in CUSTOMERS:
        plenty.set_customer(customer_id, active=True)
    for sku in ("TEA", "MUG", "POT"):
        plenty.add_product(sku, 250, on_hand=10**9, tax_rate=TAX_RATE, cost=COST)
    ended = _commands()
    for each in played:
        error = ended[each.id][2]
        if error and error["code"] == "insufficient-stock":
            outcome = decide(command(each.ask, plenty.waiting), plenty.world, NOW)
            assert isinstance(outcome, Applied | Asked), each
            assert each.ask.type in {"order.pay", "order.create", "stock.adjust"}, each
            continue
        outcome = plenty.play(each.ask)
        if isinstance(outcome, Settled):
            _check_end(each, outcome.refused or outcome.applied, ended[asked_by(each.ask)])
            assert ended[each.id][0] == "succeeded", each
        elif not isinstance(outcome, Asked):
            _check_end(each, outcome, ended[each.id])


def _check_end(played: Played, outcome: Outcome, end: tuple[str, Any, Any]) -> None:
    _status, shown, error = end
    assert (error["code"] if error else OK) == code(outcome), played
    if isinstance(outcome, Applied) and outcome.order:
        assert shown == result.of_applied(outcome), played


def _ends_of(played: Sequence[Played]) -> dict[uuid.UUID, tuple[str, Any, Any]]:
    """Status, result and error as each command shows them."""
    ends: dict[uuid.UUID, tuple[str, Any, Any]] = {}
    for each in played:
        if isinstance(each.outcome, Settled):
            asking = asked_by(each.ask)
            ends[asking] = _end(each.outcome.refused or each.outcome.applied)
            ends[each.id] = "succeeded", result.of_settled(asking, ends[asking][0]), None
        else:
            ends[each.id] = _end(each.outcome)
    return ends


def _end(outcome: Outcome) -> tuple[str, Any, Any]:
    if isinstance(outcome, Refused):
        return "expired" if outcome.code == "expired" else "failed", None, result.of_refused(outcome)
    if isinstance(outcome, Applied):
        return "succeeded", result.of_applied(outcome), None
    return "running", None, None


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
        "SELECT id, workflow, status, version, currency, total, customer_id, archived, paid_by, paid_total, "
        "refunded_total, refunded_tax, asked_by FROM orders"
    )
    return {row[0]: (*row[1:], [line[1:] for line in lines if line[0] == row[0]]) for row in orders}


def _orders_of(core: Core) -> dict[uuid.UUID, tuple[Any, ...]]:
    return {
        order.id: (
            *(order.workflow, order.status, order.version, order.currency, order.total, order.customer_id),
            *(order.archived, order.paid_by, order.paid_total),
            *(order.refunded_total, order.refunded_tax, order.asked_by),
            [(line.product_id, line.sku, line.qty, line.unit_price, line.refunded_qty) for line in order.lines],
        )
        for order in core.world.orders.values()
    }


type Rows = set[tuple[Any, ...]]


def _effects() -> dict[str, Rows]:
    return {
        "movements": set(
            query("SELECT command_id, order_id, product_id, kind, on_hand_delta, reserved_delta FROM stock_movement")
        ),
        "history": set(query("SELECT command_id, order_id, version, from_status, to_status, note FROM order_history")),
        "payments": set(
            query(
                "SELECT command_id, order_id, method, provider, amount, tendered, provider_reference, status "
                "FROM payment"
            )
        ),
        "refunds": set(
            query("SELECT command_id, order_id, amount, tax, restock, reason, provider_reference FROM refund")
        ),
        "requests": set(
            query(
                "SELECT id, order_id, amount, payment_method, is_yes, reference, settled_at IS NOT NULL "
                "FROM provider_request"
            )
        ),
    }


def _effects_of(played: Sequence[Played], core: Core) -> dict[str, Rows]:
    """What each outcome says; an answer's is the work of the command that asked."""
    effects: dict[str, Rows] = {"movements": set(), "history": set(), "refunds": set()}
    for each in played:
        if isinstance(each.outcome, Refused):
            continue
        applied = each.outcome if isinstance(each.outcome, Applied) else each.outcome.applied
        whose = asked_by(each.ask) if isinstance(each.outcome, Settled) else each.id
        mark = (whose, each.ask.order_id)
        effects["movements"] |= {
            (*mark, moved.product_id, moved.kind, moved.on_hand_delta, moved.reserved_delta)
            for moved in applied.movements
        }
        order, change, refund = applied.order, applied.status_change, applied.refund
        if order and change:
            effects["history"].add((*mark, order.version, change.source, change.target, change.note))
        if refund and refund.amount:
            members = (refund.amount, refund.tax, refund.restock, refund.reason, refund.provider_reference)
            effects["refunds"].add((*mark, *members))
    return effects | {"payments": _payments_of(played, core), "requests": _requests_of(played)}


def _payments_of(played: Sequence[Played], core: Core) -> Rows:
    """Money taken at once, and what the provider has taken or declined."""
    rows: Rows = set()
    asked = {each.id: each.outcome for each in played if isinstance(each.outcome, Asked)}
    for each in played:
        order_id, outcome = each.ask.order_id, each.outcome
        if isinstance(outcome, Applied) and (paid := outcome.payment):
            status = _status_of(core, order_id)
            rows.add((each.id, order_id, paid.method, None, paid.amount, paid.tendered, None, status))
        if isinstance(outcome, Settled) and (question := asked[asked_by(each.ask)].question).payment_method:
            yes = outcome.applied.payment
            end = (yes.provider_reference, _status_of(core, order_id)) if yes else (None, "declined")
            rows.add((asked_by(each.ask), order_id, "online", PROVIDER, question.amount, None, *end))
    return rows


def _status_of(core: Core, order_id: uuid.UUID | None) -> str:
    """Of the payment that has paid the order: captured until the last of its money has gone back."""
    order = core.world.order_of(order_id)
    is_left = order.remainder > 0 or (order.paid_total == 0 and order.status == "paid")
    return "captured" if is_left else "refunded"


def _requests_of(played: Sequence[Played]) -> Rows:
    answers = {asked_by(each.ask): each.ask.payload for each in played if isinstance(each.outcome, Settled)}
    return {
        (
            *(each.id, each.ask.order_id, each.outcome.question.amount, each.outcome.question.payment_method),
            *(answers[each.id]["is_yes"], answers[each.id].get("reference"), True),
        )
        for each in played
        if isinstance(each.outcome, Asked)
    }


def _clients() -> dict[str | None, int]:
    """A client of each role, and under None one that was a manager once."""
    for role in ROLES:
        Till.register(role, role)
    Till.register("former", "manager")
    Client.objects.filter(name="former").update(is_active=False)
    ids = dict(Client.objects.values_list("name", "id"))
    return {role: ids[role or "former"] for role in (*ROLES, None)}
