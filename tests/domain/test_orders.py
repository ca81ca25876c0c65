"""The order aggregate and the stock: what they assert, how lines grow and shrink, how pieces move."""

import dataclasses

import pytest

from domain import stock
from domain.orders import with_added, with_removed
from domain.stock import Moved, Shortage
from domain.workflow import StockEffect
from tests.domain.scene import COMMAND_ID, id_of, line, order, product


def test_the_same_product_at_the_same_price_is_one_line() -> None:
    lines = with_added((line("TEA", 2), line("MUG", 1)), [(product("TEA"), 3), (product("TEA"), 1)])
    assert lines == (line("TEA", 6), line("MUG", 1))


def test_the_same_product_at_another_price_is_a_second_line() -> None:
    lines = with_added((line("TEA", 2, 999),), [(product("TEA", price=1099), 1)])
    assert lines == (line("TEA", 2, 999), line("TEA", 1, 1099))


def test_pieces_are_taken_from_the_newest_line_first() -> None:
    lines = (line("TEA", 2, 900), line("MUG", 1), line("TEA", 3, 999))
    assert with_removed(lines, id_of("TEA"), 1) == (line("TEA", 2, 900), line("MUG", 1), line("TEA", 2, 999))
    assert with_removed(lines, id_of("TEA"), 3) == (line("TEA", 2, 900), line("MUG", 1))
    assert with_removed(lines, id_of("TEA"), 4) == (line("TEA", 1, 900), line("MUG", 1))
    assert with_removed(lines, id_of("TEA"), 5) == (line("MUG", 1),)
    assert with_removed(lines, id_of("TEA"), None) == (line("MUG", 1),)


def test_quantities_are_summed_over_the_lines_of_a_product() -> None:
    draft = order(line("TEA", 2, 900), line("MUG", 1), line("TEA", 3, 999))
    assert draft.quantities() == {id_of("TEA"): 5, id_of("MUG"): 1}


def test_an_order_whose_total_is_not_the_sum_of_its_lines_cannot_be_built() -> None:
    with pytest.raises(AssertionError, match="total"):
        dataclasses.replace(order(line("TEA", 2)), total=1)


@pytest.mark.parametrize("qty", [0, -1])
def test_a_line_without_pieces_cannot_be_built(qty: int) -> None:
    with pytest.raises(AssertionError, match="qty"):
        line("TEA", qty)


def test_the_lines_of_a_paid_or_an_archived_order_cannot_be_changed() -> None:
    for frozen in (order(line("TEA", 1), status="paid"), order(line("TEA", 1), archived=True)):
        assert not frozen.takes_items()
        with pytest.raises(AssertionError, match="frozen"):
            frozen.with_lines(())


def test_a_status_cannot_move_off_the_table() -> None:
    with pytest.raises(AssertionError, match="cancelled to paid"):
        order(status="cancelled").moved("paid")


def test_an_order_is_archived_once_and_only_when_it_is_over() -> None:
    aside = order(status="cancelled", version=4).set_aside()
    assert (aside.archived, aside.status, aside.version) == (True, "cancelled", 5)
    for refused in (aside, order(status="paid")):
        with pytest.raises(AssertionError, match="archived"):
            refused.set_aside()


def test_an_order_waits_for_one_command_at_a_time_in_its_version() -> None:
    draft = order(line("TEA", 1), version=4)
    waiting = draft.frozen(COMMAND_ID)
    assert waiting == dataclasses.replace(draft, asked_by=COMMAND_ID)
    assert waiting.thawed() == draft
    assert not waiting.takes_items()
    with pytest.raises(AssertionError, match="asked already"):
        waiting.frozen(COMMAND_ID)
    with pytest.raises(AssertionError, match="nobody has asked"):
        draft.thawed()
    with pytest.raises(AssertionError, match="frozen"):
        waiting.with_lines(())


@pytest.mark.parametrize("status", ["pending", "confirmed", "picked", "shipped", "delivered", "cancelled"])
def test_only_a_draft_or_a_paid_order_waits_for_the_provider(status: str) -> None:
    with pytest.raises(AssertionError, match="nothing to ask for"):
        order(line("TEA", 1), status=status).frozen(COMMAND_ID)


def test_what_was_reserved_for_a_payment_is_sold_once_a_product() -> None:
    tea = product("TEA", on_hand=10, reserved=4)
    moved = stock.sell_reserved({tea.id: tea}, {tea.id: 3})
    assert moved.products == (dataclasses.replace(tea, on_hand=7, reserved=1),)
    [movement] = moved.movements
    assert (movement.kind, movement.on_hand_delta, movement.reserved_delta) == ("sale", -3, -3)


@pytest.mark.parametrize(("on_hand", "reserved"), [(-1, 0), (1, 2), (1, -1)])
def test_a_product_with_impossible_stock_cannot_be_built(on_hand: int, reserved: int) -> None:
    with pytest.raises(AssertionError, match="reserved"):
        product("TEA", on_hand=on_hand, reserved=reserved)


@pytest.mark.parametrize(
    ("effect", "on_hand", "reserved"),
    [
        (StockEffect.DEBIT, 7, 4),
        (StockEffect.RESTOCK, 13, 4),
        (StockEffect.RESERVE, 10, 7),
        (StockEffect.SHIP, 7, 1),
        (StockEffect.RELEASE, 10, 1),
    ],
)
def test_an_effect_moves_each_product_once(effect: StockEffect, on_hand: int, reserved: int) -> None:
    tea = product("TEA", on_hand=10, reserved=4)
    moved = stock.move({tea.id: tea}, {tea.id: 3}, effect)
    assert isinstance(moved, Moved)
    assert moved.products == (dataclasses.replace(tea, on_hand=on_hand, reserved=reserved),)
    (movement,) = moved.movements
    assert (movement.product_id, movement.kind) == (tea.id, str(effect))
    assert (movement.on_hand_delta, movement.reserved_delta) == (on_hand - 10, reserved - 4)


@pytest.mark.parametrize("effect", [StockEffect.DEBIT, StockEffect.RESERVE])
def test_names_every_product_that_is_short_and_moves_none(effect: StockEffect) -> None:
    tea, mug, tin = product("TEA", on_hand=5, reserved=3), product("MUG", on_hand=0), product("TIN", on_hand=9)
    products = {each.id: each for each in (tea, mug, tin)}
    assert stock.move(products, {tea.id: 3, mug.id: 1, tin.id: 9}, effect) == (
        Shortage(product_id=tea.id, wanted=3, available=2),
        Shortage(product_id=mug.id, wanted=1, available=0),
    )


def test_what_is_available_can_be_taken_to_the_last_piece() -> None:
    tea = product("TEA", on_hand=5, reserved=3)
    moved = stock.move({tea.id: tea}, {tea.id: 2}, StockEffect.DEBIT)
    assert isinstance(moved, Moved)
    assert moved.products[0].available == 0


def test_no_effect_moves_nothing() -> None:
    assert stock.move({}, {id_of("TEA"): 3}, StockEffect.NONE) == Moved()
