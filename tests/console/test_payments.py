"""Online payments at the console: what waits for a provider and since when, and how somebody has it asked at once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from store.models import AuditEntry, Command, ProviderRequest
from tests.console.desk import Desk, said, trail
from tests.console.rows import status_of
from tests.guards import guards_asleep
from tests.online import APPROVE, DECLINE, ask, paid, pay, uncertain
from tests.store.shop import Shop
from tests.till import run_drain


@pytest.fixture(autouse=True)
def simulated(settings: LazySettings) -> None:
    """A deployment with the simulator."""
    settings.PAYMENT_PROVIDER = "simulator"


def test_an_order_says_that_it_waits_for_the_provider_and_what_for(shop: Shop, reader: Desk) -> None:
    order_id = shop.draft()
    command = pay(shop.pos, order_id, APPROVE)
    page = reader.get(f"store/order/{order_id}/change/")
    told = said(page)
    assert "Waits for the payment provider" in told
    assert "The provider, simulator, is asked for a charge of 24.48 EUR, by order.pay , since" in told
    assert "It has not been asked yet" in told
    assert "its stock stays reserved" in told
    assert f"/admin/store/command/{command['id']}/change/" in page.content.decode()
    assert "reserve TEA" in told, "the stock that it has set aside is among its movements"

    ask()
    assert "It has said yes, which is being settled" in reader.text(f"store/order/{order_id}/change/")
    run_drain()
    assert "Waits for the payment provider" not in reader.text(f"store/order/{order_id}/change/")


def test_an_uncertain_payment_says_how_often_it_was_asked_and_when_it_will_be_next(shop: Shop, reader: Desk) -> None:
    order_id = shop.draft()
    command_id = uncertain(shop.pos, order_id)
    assert "It has been asked once; the next time is in" in reader.text(f"store/order/{order_id}/change/")
    told = reader.text(f"store/command/{command_id}/change/")
    words = ["Asked so far once", "Next time in", "Answer none yet", "time_out", "a charge of 24.48 EUR", "Uncertain 2"]
    assert [word for word in words if word not in told] == []
    assert command_id in reader.get("store/command/?status=uncertain").content.decode()
    assert command_id not in reader.get("store/command/?status=running").content.decode()


def test_payments_and_refunds_name_the_provider_and_what_it_calls_them(shop: Shop, reader: Desk) -> None:
    order_id = shop.draft()
    declined = pay(shop.pos, order_id, DECLINE)["id"]
    ask()
    run_drain()
    charged = paid(shop.pos, order_id)
    refunded = shop.manager.run("order.refund", {"amount": "5.00", "reason": "late"}, order_id=order_id)["id"]
    told = reader.text(f"store/order/{order_id}/change/")
    assert "simulator, is asked for 5.00 EUR back, by order.refund" in told
    assert "its stock stays reserved" not in told
    ask()
    run_drain()
    page = reader.get(f"store/order/{order_id}/change/").content.decode()
    assert f'title="simulated_{charged}"' in page
    assert f'title="simulated_{refunded}"' in page
    told = reader.text(f"store/order/{order_id}/change/")
    assert "online declined 24.48 EUR" in told
    assert "release TEA" in told, "what a payment had set aside is among the movements though it was declined"
    assert "online captured 24.48 EUR" in told
    assert "Answer no: The simulator declined" in reader.text(f"store/command/{declined}/change/")
    told = reader.text(f"store/command/{refunded}/change/")
    assert f"Of its payment simulated_{charged}" in told
    assert "What the payment provider said" in told


def test_a_command_that_needs_no_provider_says_nothing_of_one(shop: Shop, boss: Desk) -> None:
    command_id = Command.objects.get(type="order.pay", order_id=shop.paid()).id
    page = boss.get(f"store/command/{command_id}/change/").content.decode()
    assert "payment provider" not in page
    assert "../hasten/" not in page


def test_a_manager_has_the_provider_asked_now(shop: Shop, boss: Desk) -> None:
    command_id = uncertain(shop.pos, shop.draft())
    assert ask() == 0, "its turn has not come"
    path = f"store/command/{command_id}/hasten/"
    assert "That charges nobody twice" in boss.text(path)
    assert "The provider is asked now" in boss.done(path)
    assert "Next time now" in boss.text(f"store/command/{command_id}/change/")
    assert ask() == 1
    run_drain()
    assert status_of(command_id) == "succeeded"
    assert trail() == [("ana", "admin", "command.hastened", command_id)]
    before, after = AuditEntry.objects.get(action="command.hastened").changes["next_attempt_at"]
    assert datetime.fromisoformat(after) < datetime.fromisoformat(before)


def test_hastening_twice_is_hastening_once(shop: Shop, boss: Desk) -> None:
    path = f"store/command/{uncertain(shop.pos, shop.draft())}/hasten/"
    boss.done(path)
    due = ProviderRequest.objects.get().next_attempt_at
    boss.done(path)
    assert ProviderRequest.objects.get().next_attempt_at == due
    assert len(trail()) == 1


def test_nothing_is_hastened_where_nothing_is_open(shop: Shop, boss: Desk) -> None:
    ended, in_cash = paid(shop.pos, shop.draft()), Command.objects.get(type="order.pay", order_id=shop.paid()).id
    for command_id in (ended, in_cash):
        answer = boss.confirm(f"store/command/{command_id}/hasten/")
        assert (answer.status_code, "waits for no answer" in said(answer)) == (409, True)
    assert boss.http.post(f"/admin/store/command/{uuid.uuid4()}/hasten/").status_code == 302
    assert trail() == []
    assert ProviderRequest.objects.filter(next_attempt_at=None, settled_at__lte=datetime.now(UTC)).count() == 1


def test_an_auditor_hastens_nothing(shop: Shop, reader: Desk) -> None:
    command_id = uncertain(shop.pos, shop.draft())
    before = ProviderRequest.objects.get().next_attempt_at
    assert "../hasten/" not in reader.get(f"store/command/{command_id}/change/").content.decode()
    assert reader.confirm(f"store/command/{command_id}/hasten/").status_code == 403
    assert ProviderRequest.objects.get().next_attempt_at == before


def test_an_answer_that_waits_to_be_settled_is_nobodys_to_cancel(shop: Shop, boss: Desk) -> None:
    """Cancelled, it would leave the order waiting for ever."""
    command_id = pay(shop.pos, shop.draft(), APPROVE)["id"]
    ask()
    settling = str(Command.objects.get(type="payment.settle", status="queued").id)
    assert "../cancel/" not in boss.get(f"store/command/{settling}/change/").content.decode()
    assert boss.confirm(f"store/command/{settling}/cancel/").status_code == 409
    shop.manager.post(f"/commands/{settling}/cancel").problem(409, "not-cancellable")
    run_drain()
    assert (status_of(settling), status_of(command_id)) == ("succeeded", "succeeded")
    assert trail() == []


def test_the_dashboard_counts_payments_of_which_nobody_knows(shop: Shop, reader: Desk) -> None:
    uncertain(shop.pos, shop.draft())
    pay(shop.pos, shop.draft(), APPROVE)
    shown = tiles(reader)
    assert (shown["Payments uncertain"]["value"], shown["Payments uncertain"]["care"]) == ("1", True)
    assert "status=uncertain" in shown["Payments uncertain"]["link"]
    assert (shown["Payments asked"]["value"], shown["Payments asked"]["care"]) == ("2", False)
    assert "oldest" in shown["Payments asked"]["says"]


def test_the_dashboard_minds_a_payment_that_nobody_asks_for(shop: Shop, reader: Desk) -> None:
    """With the payments process down nothing is uncertain: it is not even asked."""
    pay(shop.pos, shop.draft(), APPROVE)
    with guards_asleep():
        ProviderRequest.objects.update(asked_at=datetime.now(UTC) - timedelta(minutes=2))
    shown = tiles(reader)
    assert (shown["Payments uncertain"]["care"], shown["Payments asked"]["care"]) == (False, True)
    assert "oldest 2 min" in shown["Payments asked"]["says"]


def test_an_orders_list_shows_which_wait(shop: Shop, reader: Desk) -> None:
    shop.draft()
    assert "draft waiting" not in reader.text("store/order/")
    pay(shop.pos, shop.draft(), APPROVE)
    assert "draft waiting" in reader.text("store/order/")


def tiles(desk: Desk) -> dict[str, Any]:
    """By name."""
    return {each["name"]: each for each in desk.get("figures/").json()["tiles"]}
