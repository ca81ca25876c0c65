"""The console as an operator has it before their eyes: a real browser, a real web server, no other host asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from store import clients, presence
from tests import online
from tests.browser import needs_browser, page_of
from tests.console.desk import PASSWORD, trail
from tests.console.rows import dead_letter, queued, status_of
from tests.store.shop import Shop
from tests.till import run_drain
from tests.web import web_server
from tests.webhooks import deliver, endpoint, statuses

pytestmark = needs_browser


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the console is, and what there is to do in it."""

    url: str
    dead: str
    queued: str
    endpoint: str
    waiting: Any


@pytest.fixture
def scene(shop: Shop, tmp_path: Path) -> Iterator[Scene]:
    """A system at work with a dead letter, a queued command and an endpoint, and people who look after it."""
    clients.create_person("ana", "manager", PASSWORD)
    clients.create_person("bob", "auditor", PASSWORD)
    where = endpoint()
    waiting = deliver(where, 1)
    dead, waits = dead_letter(shop.pos), queued(shop.pos)
    presence.seen("commands@here")
    with web_server(tmp_path) as (port, _pid):
        yield Scene(f"http://127.0.0.1:{port}", dead, waits, str(where.id), waiting)


def log_in(page: Page, name: str) -> None:
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Now and the last hour")).to_be_visible()


def act(page: Page, label: str) -> None:
    """Press the button, and again on the page that asks."""
    page.locator(".acts").get_by_role("link", name=label, exact=True).click()
    page.locator("form").get_by_role("button", name=label, exact=True).click()


def test_an_operator_logs_in_looks_and_acts(scene: Scene) -> None:
    with page_of(scene.url) as page:
        log_in(page, "ana")
        expect(page.locator("#dashboard canvas")).to_have_count(3)
        assert page.evaluate("['throughput', 'latency', 'failures'].map((id) => !!Chart.getChart(id))") == [True] * 3
        dead = page.locator('[data-tile="Dead letters"]')
        expect(dead.locator("strong")).to_have_text("1")
        dead.click()
        page.get_by_title(scene.dead).click()
        act(page, "Retry")
        expect(page.get_by_text("Queued again, behind all others of its order.")).to_be_visible()

        page.goto(f"/admin/store/command/{scene.queued}/change/")
        act(page, "Cancel command")
        expect(page.locator(".head .state")).to_have_text("cancelled")

        page.goto(f"/admin/store/endpoint/{scene.endpoint}/change/")
        act(page, "Disable")
        expect(page.locator(".head .state")).to_have_text("disabled")
    assert (status_of(scene.dead), status_of(scene.queued), statuses(scene.waiting)) == (
        "queued", "cancelled", ["cancelled"],
    )  # fmt: skip
    assert [action for _actor, _via, action, _subject in trail()] == [
        "login.succeeded", "command.retried", "command.cancelled", "endpoint.updated",
    ]  # fmt: skip


def test_a_manager_has_the_provider_asked_about_an_order_that_waits(
    scene: Scene, shop: Shop, settings: LazySettings
) -> None:
    settings.PAYMENT_PROVIDER = "simulator"
    order_id = shop.draft()
    command_id = online.uncertain(shop.pos, order_id)
    with page_of(scene.url) as page:
        log_in(page, "ana")
        expect(page.locator('[data-tile="Payments uncertain"]')).to_have_class("tile care")
        page.goto(f"/admin/store/order/{order_id}/change/")
        expect(page.get_by_role("heading", name="Waits for the payment provider")).to_be_visible()
        page.locator(".alert").get_by_role("link", name="order.pay").click()
        act(page, "Ask the provider now")
        expect(page.get_by_text("The provider is asked now")).to_be_visible()
    assert online.ask() == 1
    run_drain()
    assert status_of(command_id) == "succeeded"


def test_the_dashboard_renews_itself_and_says_when_it_cannot(scene: Scene) -> None:
    with page_of(scene.url) as page:
        log_in(page, "ana")
        with page.expect_response("**/admin/figures/") as renewed:
            page.evaluate("renew()")
        assert renewed.value.status == 200
        expect(page.locator("#fresh")).not_to_have_class("stale")
        page.route("**/admin/figures/", lambda route: route.fulfill(status=200, body="no json"))
        page.evaluate("renew()")
        expect(page.locator("#fresh")).to_contain_text("not renewed")
        expect(page.locator("#dashboard canvas")).to_have_count(3)


def test_anything_is_found_from_any_page(scene: Scene) -> None:
    with page_of(scene.url) as page:
        log_in(page, "bob")
        page.keyboard.press("Control+k")
        page.locator("#search-input-command").press_sequentially(scene.queued)
        page.locator("#command-results-list a").first.click()
        expect(page.locator(".head .state")).to_have_text("queued")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_auditor_reads_every_page_and_finds_no_button_in_light_and_dark(scene: Scene, scheme: str) -> None:
    with page_of(scene.url) as page:
        log_in(page, "bob")
        page.evaluate("(scheme) => localStorage.setItem('adminTheme', JSON.stringify(scheme))", scheme)
        paths = [f"command/{scene.dead}/change/", f"command/{scene.queued}/change/"]
        paths += [f"endpoint/{scene.endpoint}/change/", "client/", "command/?dead=yes", "order/", "product/"]
        for path in paths:
            page.goto(f"/admin/store/{path}")
            expect(page.locator(".console").first).to_be_visible()
            expect(page.locator(".acts a, a.push, .grave")).to_have_count(0)
        assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")
