"""`order.archive`: its table of refusals, its yes cases, its payload."""

import pytest

from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, line, order, pairs, rows

GOOD = Scene(type="order.archive", payload={}, order=order(line("TEA", 2), status="cancelled"))

REFUSALS = (*OF_ANY_ORDER, Refusal("invalid-transition", lambda scene: scene.with_order(status="paid")))


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("role", ["pos", "integration", "auditor", None])
def test_takes_a_manager(role: str | None) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"


@pytest.mark.parametrize(("workflow", "status"), [("counter", "cancelled"), ("fulfilment", "delivered")])
def test_archiving_raises_the_version_and_leaves_the_status(workflow: str, status: str) -> None:
    applied = GOOD.with_order(workflow=workflow, status=status).applied()
    assert applied.order == order(line("TEA", 2), workflow=workflow, status=status, version=4, archived=True)
    assert (applied.event, applied.status_change, applied.movements) == ("order.archived", None, ())


@pytest.mark.parametrize(
    ("workflow", "status", "allowed"),
    [
        ("counter", "draft", ["paid", "cancelled"]),
        ("counter", "paid", ["cancelled"]),
        ("fulfilment", "pending", ["confirmed", "cancelled"]),
        ("fulfilment", "shipped", ["delivered"]),
    ],
)
def test_an_order_that_is_not_over_names_what_it_can_become(workflow: str, status: str, allowed: list[str]) -> None:
    refused = GOOD.with_order(workflow=workflow, status=status).refused()
    assert (refused.code, refused.extra) == ("invalid-transition", {"allowed": allowed})


def test_takes_an_empty_payload() -> None:
    assert GOOD.but(payload={"note": "x"}).breaches() == [("/payload/note", "unknown-field")]
