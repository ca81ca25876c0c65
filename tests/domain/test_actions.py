"""What may be done to an order now: as the decisions themselves say."""

import itertools
from typing import Any

import pytest

from domain import registry, workflow
from domain.actions import available
from domain.outcome import Refused
from domain.registry import ROLES
from tests.domain.scene import COMMAND_ID, Scene, line, order, product

PAYLOADS: dict[str, list[dict[str, Any]]] = {
    "order.add_items": [{"items": [{"sku": "TEA", "qty": 1}]}],
    "order.remove_item": [{"sku": "TEA"}],
    "order.pay": [{"method": "cash"}, {"method": "online", "payment_method": "approve"}],
    "order.cancel": [{}],
    "order.cancel_draft": [{}],
    "order.refund": [{"reason": "x"}],
    "order.change_status": [{"to": status} for status in workflow.STATUSES],
    "order.archive": [{}],
}
"""For each type that acts on an order that exists, all there is to say."""

STANDS = sorted({(name, move.target) for name, moves in workflow.WORKFLOWS.items() for move in moves})
NOT_ALLOWED = {"forbidden", "order-frozen", "invalid-transition"}


def allowed(scene: Scene) -> bool:
    """Whether workflow and role let it pass."""
    outcome = scene.decide()
    return not (isinstance(outcome, Refused) and outcome.code in NOT_ALLOWED)


def test_every_command_on_an_existing_order_is_tried() -> None:
    kinds = [kind for name in registry.names() if (kind := registry.find(name))]
    assert set(PAYLOADS) == {kind.name for kind in kinds if kind.has_order and not kind.is_creation}


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(("stand", "role"), list(itertools.product(STANDS, ROLES)))
def test_offers_what_the_decisions_allow(stand: tuple[str, str], role: str, archived: bool) -> None:
    name, status = stand
    as_it_is = order(line("TEA", 1), workflow=name, status=status, archived=archived)
    scene = Scene(type="", payload={}, order=as_it_is, products=(product("TEA", reserved=5),), role=role)
    expected = []
    for type_, payloads in sorted(PAYLOADS.items()):
        passing = [payload for payload in payloads if allowed(scene.but(type=type_, payload=payload))]
        if passing and type_ == "order.change_status":
            expected.append({"type": type_, "to": [payload["to"] for payload in passing]})
        elif passing:
            expected.append({"type": type_})
    assert available(as_it_is, role) == expected


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("status", ["draft", "paid"])
def test_nothing_is_offered_while_the_provider_is_asked_as_the_decisions_say(status: str, role: str) -> None:
    waiting = order(line("TEA", 1), status=status, asked_by=COMMAND_ID)
    scene = Scene(type="", payload={}, order=waiting, products=(product("TEA", reserved=5),), role=role)
    tried = [scene.but(type=type_, payload=payload) for type_, payloads in PAYLOADS.items() for payload in payloads]
    assert not any(allowed(each) for each in tried)
    assert available(waiting, role) == []


def test_a_manager_may_move_a_pending_order_on_or_cancel_it() -> None:
    pending = order(line("TEA", 1), workflow="fulfilment", status="pending")
    assert available(pending, "manager") == [
        {"type": "order.cancel"},
        {"type": "order.change_status", "to": ["confirmed"]},
    ]
    assert available(pending, "pos") == available(pending, "auditor") == []
