"""The workflow table: which status follows which, and what each move does to the stock."""

import itertools

import pytest

from domain import workflow
from domain.workflow import StockEffect

MOVES = {
    ("counter", "draft", "paid"): ("pay", StockEffect.DEBIT),
    ("counter", "draft", "cancelled"): ("cancel", StockEffect.NONE),
    ("counter", "paid", "cancelled"): ("cancel", StockEffect.RESTOCK),
    ("fulfilment", "pending", "confirmed"): ("change_status", StockEffect.NONE),
    ("fulfilment", "confirmed", "picked"): ("change_status", StockEffect.NONE),
    ("fulfilment", "picked", "shipped"): ("change_status", StockEffect.SHIP),
    ("fulfilment", "shipped", "delivered"): ("change_status", StockEffect.NONE),
    ("fulfilment", "pending", "cancelled"): ("cancel", StockEffect.RELEASE),
    ("fulfilment", "confirmed", "cancelled"): ("cancel", StockEffect.RELEASE),
}
VERBS = ("create", "pay", "cancel", "change_status")
EVERY_PAIR = list(itertools.product(workflow.WORKFLOWS, workflow.STATUSES, workflow.STATUSES))


@pytest.mark.parametrize(("name", "source", "target"), EVERY_PAIR)
def test_a_status_follows_another_only_as_the_table_says(name: str, source: str, target: str) -> None:
    found = {verb: move for verb in VERBS if (move := workflow.find(name, source, target, verb))}
    expected = MOVES.get((name, source, target))
    assert {verb: move.effect for verb, move in found.items()} == (dict([expected]) if expected else {})
    assert (target in workflow.allowed(name, source)) == (expected is not None)


@pytest.mark.parametrize(
    ("name", "target", "effect"),
    [("counter", "draft", StockEffect.NONE), ("fulfilment", "pending", StockEffect.RESERVE)],
)
def test_an_order_begins_as_its_workflow_says(name: str, target: str, effect: StockEffect) -> None:
    birth = workflow.birth(name)
    assert (birth.source, birth.target, birth.verb, birth.effect) == (None, target, "create", effect)


def test_names_what_may_follow_for_one_verb_alone() -> None:
    assert workflow.allowed("fulfilment", "confirmed") == ("picked", "cancelled")
    assert workflow.allowed("fulfilment", "confirmed", "cancel") == ("cancelled",)
    assert workflow.allowed("fulfilment", "confirmed", "change_status") == ("picked",)


@pytest.mark.parametrize("status", ["cancelled", "delivered"])
def test_nothing_follows_the_last_status_of_an_order(status: str) -> None:
    assert all(workflow.allowed(name, status) == () for name in workflow.WORKFLOWS)


def test_an_order_is_over_when_nothing_follows() -> None:
    leads_on = {move.source for moves in workflow.WORKFLOWS.values() for move in moves}
    assert set(workflow.STATUSES) - leads_on == workflow.OVER == {"cancelled", "delivered"}


def test_only_shipping_moves_stock_among_the_changes_of_status() -> None:
    assert [status for status in workflow.STATUSES if workflow.moves_stock(status, "change_status")] == ["shipped"]
