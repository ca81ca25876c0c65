"""What holds for every command: expiry, role, the order and its version; a decision changes neither world nor order."""

import copy
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from domain import registry
from domain.registry import AUDITOR, INTEGRATION, MANAGER, POS
from domain.result import RETRYABLE, TITLES, of_refused
from tests.domain.scene import NOW, UNKNOWN_ID, Scene, order, product

ROLES = {
    "order.create": {POS, INTEGRATION, MANAGER},
    "order.add_items": {POS, INTEGRATION, MANAGER},
    "order.remove_item": {POS, INTEGRATION, MANAGER},
    "order.pay": {POS, MANAGER},
    "order.cancel_draft": {POS, MANAGER},
    "order.cancel": {MANAGER},
    "order.refund": {MANAGER},
    "order.change_status": {INTEGRATION, MANAGER},
    "order.archive": {MANAGER},
    "stock.receive": {MANAGER, INTEGRATION},
    "stock.adjust": {MANAGER},
}
ON_AN_ORDER = [name for name in ROLES if name.startswith("order.") and name != "order.create"]
PAYLOADS: dict[str, dict[str, Any]] = {
    "order.add_items": {"items": [{"sku": "TEA", "qty": 1}]},
    "order.remove_item": {"sku": "TEA"},
    "order.pay": {"method": "cash"},
    "order.refund": {"reason": "x"},
    "order.change_status": {"to": "confirmed"},
    "stock.receive": {"sku": "TEA", "qty": 1},
    "stock.adjust": {"sku": "TEA", "delta": 1, "reason": "found"},
}


def scene(name: str) -> Scene:
    kind = registry.find(name)
    assert kind is not None
    draft = order() if kind.has_order and not kind.is_creation else None
    return Scene(type=name, payload=PAYLOADS.get(name, {}), order=draft, products=(product("TEA"),))


def test_the_command_types_and_who_may_submit_them() -> None:
    known = {name: set(kind.roles) for name in registry.names() if (kind := registry.find(name))}
    assert known == ROLES
    assert not any(AUDITOR in roles for roles in known.values())


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("role", [POS, INTEGRATION, MANAGER, AUDITOR, None])
def test_a_client_that_has_lost_its_role_is_refused(name: str, role: str | None) -> None:
    outcome = scene(name).but(role=role).decide()
    refused_for_the_role = getattr(outcome, "code", None) == "forbidden"
    assert refused_for_the_role == (role not in ROLES[name])


@pytest.mark.parametrize("name", ROLES)
def test_a_command_expires_at_its_time_and_not_before(name: str) -> None:
    assert getattr(scene(name).but(expires_at=NOW).decide(), "code", None) == "expired"
    in_time = scene(name).but(expires_at=NOW + timedelta(microseconds=1)).decide()
    assert getattr(in_time, "code", None) != "expired"


@pytest.mark.parametrize("name", ON_AN_ORDER)
def test_an_order_that_does_not_exist_cannot_be_acted_on(name: str) -> None:
    assert scene(name).but(order=None).refused().code == "order-not-found"


@pytest.mark.parametrize("name", ON_AN_ORDER)
def test_a_version_conflict_names_the_version_that_there_is(name: str) -> None:
    for expected in (2, 4):
        refused = scene(name).but(expected_version=expected).refused()
        assert (refused.code, refused.extra) == ("version-conflict", {"version": 3})


@pytest.mark.parametrize("name", ON_AN_ORDER)
def test_an_archived_order_is_frozen_for_everything(name: str) -> None:
    assert scene(name).with_order(archived=True).refused().code == "order-frozen"


@pytest.mark.parametrize("name", ON_AN_ORDER)
@pytest.mark.parametrize("status", ["draft", "paid"])
def test_an_order_that_waits_for_the_provider_is_frozen_for_everything(name: str, status: str) -> None:
    asked = scene(name).with_order(asked_by=UNKNOWN_ID, status=status)
    refused = asked.refused()
    assert (refused.code, "provider is being asked" in refused.detail) == ("order-frozen", True)
    assert asked.but(role=None).refused().code == "forbidden"
    assert asked.but(expected_version=9).refused().code == "version-conflict"


def test_the_answer_alone_finds_it_open() -> None:
    waiting = scene("order.pay").with_order(asked_by=UNKNOWN_ID)
    answer = waiting.but(type="payment.settle", payload={"command_id": str(UNKNOWN_ID), "is_yes": True}, role=None)
    assert answer.refused().code == "invalid-transition", "the command that it is about is not known"


def test_no_client_may_answer_for_the_provider() -> None:
    assert registry.find_public("payment.settle") is None
    assert "payment.settle" not in registry.names()
    assert "payment.settle" in registry.names(internal=True)


def test_a_yes_changes_the_world_only_when_it_is_applied() -> None:
    paid = scene("stock.receive")
    world = paid.world()
    before = copy.deepcopy(world)
    applied = paid.applied()
    assert world == before
    world.apply(applied)
    assert world.products[applied.products[0].id].on_hand == 11


def test_the_same_decision_twice_has_the_same_outcome() -> None:
    for name in ROLES:
        assert scene(name).decide() == scene(name).decide()


@pytest.mark.parametrize("code", sorted(TITLES))
def test_a_refusal_is_shown_as_a_problem_without_status(code: str) -> None:
    refused = dataclasses.replace(scene("order.pay").but(order=None).refused(), code=code)
    shown = of_refused(refused)
    assert shown == {
        "type": f"/problems/{code}",
        "title": TITLES[code],
        "detail": refused.detail,
        "code": code,
        "retryable": code in {"poisoned", "internal-error"},
    }


def test_only_what_failed_by_no_fault_of_its_own_can_be_retried() -> None:
    assert sorted(RETRYABLE) == ["internal-error", "poisoned"]
