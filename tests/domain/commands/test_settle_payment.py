"""`payment.settle`: its table of refusals, and what an answer makes of each command that may have asked."""

import uuid
from typing import Any

import pytest

from domain.outcome import Answer, Payment, Refund, StatusChange
from domain.stock import Movement
from tests.domain.scene import COMMAND_ID, OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

YES = {"command_id": str(COMMAND_ID), "is_yes": True, "reference": "pi_1"}
NO = {"command_id": str(COMMAND_ID), "is_yes": False, "detail": "Not enough money."}
PAY = ("order.pay", {"method": "online", "payment_method": "approve", "reference": "web-7"})
GOOD = Scene(
    type="payment.settle",
    payload=YES,
    order=order(line("TEA", 2, tax_rate=2300), line("MUG", 1, 500), line("TEA", 1, 900), asked_by=COMMAND_ID),
    products=(product("TEA", reserved=4), product("MUG", reserved=1)),
    asked=PAY,
    role=None,
)
PAID = order(line("TEA", 2), line("MUG", 1, 500), line("TEA", 1, 900), status="paid", paid_total=3398, paid_by="online")
REFUND = GOOD.but(
    asked=("order.refund", {"items": [{"sku": "TEA", "qty": 2}], "reason": "broken"}),
    order=order(*PAID.lines, status="paid", paid_total=3398, paid_by="online", asked_by=COMMAND_ID),
)
CANCEL = REFUND.but(asked=("order.cancel", {"reason": "returned"}))

REFUSALS = (
    *(refusal for refusal in OF_ANY_ORDER if refusal.code != "forbidden"),
    Refusal("invalid-transition", lambda scene: scene.but(asked=None)),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


def test_an_answer_to_another_command_than_the_one_that_waits_settles_nothing() -> None:
    assert GOOD.with_order(asked_by=uuid.UUID(int=7)).refused().code == "invalid-transition"


def test_a_yes_sells_what_was_reserved_and_takes_the_money() -> None:
    settled = GOOD.settles()
    assert GOOD.order is not None
    total = GOOD.order.total
    assert settled.refused is None
    assert settled.applied.event == "order.paid"
    assert settled.applied.order == order(
        *GOOD.order.lines, status="paid", version=4, paid_by="online", paid_total=total
    )
    assert [(each.sku, each.on_hand, each.reserved) for each in settled.applied.products] == [
        ("TEA", 7, 1),
        ("MUG", 9, 0),
    ]
    assert settled.applied.movements == (
        Movement(product_id=id_of("TEA"), kind="sale", on_hand_delta=-3, reserved_delta=-3),
        Movement(product_id=id_of("MUG"), kind="sale", on_hand_delta=-1, reserved_delta=-1),
    )
    assert settled.applied.status_change == StatusChange(source="draft", target="paid")
    assert settled.applied.payment == Payment(
        method="online", amount=total, reference="web-7", provider_reference="pi_1"
    )


def test_a_no_lets_go_of_what_was_reserved_and_leaves_the_draft_as_it_was() -> None:
    settled = GOOD.but(payload=NO).settles()
    assert GOOD.order is not None
    assert settled.refused is not None
    assert (settled.refused.code, settled.refused.detail) == ("payment-declined", "Not enough money.")
    assert settled.applied.order == GOOD.order.thawed()
    assert (settled.applied.event, settled.applied.payment, settled.applied.status_change) == (None, None, None)
    assert [(each.kind, each.on_hand_delta, each.reserved_delta) for each in settled.applied.movements] == [
        ("release", 0, -3),
        ("release", 0, -1),
    ]


@pytest.mark.parametrize(("scene", "amount"), [(REFUND, 1899), (CANCEL, 3398)], ids=["order.refund", "order.cancel"])
def test_money_that_the_provider_has_given_back_is_given_back_as_any_other(scene: Scene, amount: int) -> None:
    settled = scene.settles()
    assert scene.order is not None
    assert scene.asked is not None
    at_once = scene.but(type=scene.asked[0], payload=scene.asked[1], asked=None, role="manager")
    expected = at_once.with_order(asked_by=None, paid_by="card").applied()
    assert settled.applied.refund == Refund(
        amount=amount, tax=0, restock=True, reason=scene.asked[1]["reason"], provider_reference="pi_1"
    )
    assert (settled.applied.event, settled.applied.movements) == (expected.event, expected.movements)
    assert settled.applied.order is not None
    assert expected.order is not None
    assert settled.applied.order.refunded_total == expected.order.refunded_total
    assert (settled.applied.order.version, settled.applied.order.asked_by) == (4, None)


@pytest.mark.parametrize("scene", [REFUND, CANCEL], ids=["order.refund", "order.cancel"])
def test_money_that_the_provider_keeps_changes_nothing(scene: Scene) -> None:
    settled = scene.but(payload=NO).settles()
    assert scene.order is not None
    assert settled.refused is not None
    assert settled.refused.code == "payment-declined"
    assert settled.applied.order == scene.order.thawed()
    assert (settled.applied.movements, settled.applied.refund) == ((), None)


@pytest.mark.parametrize(
    ("payload", "breach"),
    [({"is_yes": True}, ("/payload/command_id", "required")), ({"command_id": "x", "is_yes": True}, None)],
    ids=["no command", "no id"],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breach: tuple[str, str] | None) -> None:
    found = GOOD.but(payload=payload).breaches()
    assert found
    assert breach is None or found == [breach]


def test_an_answer_needs_no_more_than_a_yes() -> None:
    assert Answer(is_yes=True).reference is None
