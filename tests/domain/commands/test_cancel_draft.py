"""`order.cancel_draft`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.outcome import StatusChange
from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, line, order, pairs, product, rows

GOOD = Scene(
    type="order.cancel_draft",
    payload={"reason": "the customer left"},
    order=order(line("TEA", 2)),
    products=(product("TEA"),),
    role="pos",
)

REFUSALS = (*OF_ANY_ORDER, Refusal("invalid-transition", lambda scene: scene.with_order(status="paid")))


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize(
    ("workflow", "status", "allowed"),
    [
        ("counter", "paid", ["cancelled"]),
        ("counter", "cancelled", []),
        ("fulfilment", "pending", ["confirmed", "cancelled"]),
        ("fulfilment", "confirmed", ["picked", "cancelled"]),
    ],
)
def test_nothing_but_a_draft_is_given_up(workflow: str, status: str, allowed: list[str]) -> None:
    refused = GOOD.with_order(workflow=workflow, status=status).refused()
    assert (refused.code, refused.extra) == ("invalid-transition", {"allowed": allowed})


def test_cancels_the_draft_and_moves_no_stock() -> None:
    applied = GOOD.applied()
    assert applied.order == order(line("TEA", 2), status="cancelled", version=4)
    assert applied.status_change == StatusChange(source="draft", target="cancelled", note="the customer left")
    assert (applied.event, applied.products, applied.movements) == ("order.cancelled", (), ())
    assert applied.refund is None


def test_an_empty_draft_can_be_given_up_without_a_reason() -> None:
    assert GOOD.but(order=order(), payload={}).applied().order == order(status="cancelled", version=4)


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({"reason": "x" * 2001}, [("/payload/reason", "too-long")]),
        ({"reason": 5}, [("/payload/reason", "not-a-string")]),
        ({"note": "x"}, [("/payload/note", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
