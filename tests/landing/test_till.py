"""The till of the page at `/`, in a real browser, with a whole system underneath."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser import needs_browser, page_of
from tests.config.running import Running
from tests.till import Till
from tests.web import web_server

pytestmark = needs_browser

COMMANDS = re.compile(r"/api/v1/commands$")
_OF_ANOTHER_DATABASE = """() => {
    const kept = JSON.parse(localStorage.getItem("orderly-till"));
    const [entry] = kept.entries;
    entry.state = "queued";
    entry.command.id = entry.body.order_id = crypto.randomUUID();
    localStorage.setItem("orderly-till", JSON.stringify(kept));
}"""


@pytest.fixture
def page(system: Running) -> Iterator[Page]:
    """The page of a system with workers, listening to its stream."""
    with page_of(f"http://127.0.0.1:{system.port}") as page:
        page.goto("/")
        expect(page.locator("#wire-state")).to_have_text("listening to the stream")
        yield page


def press(page: Page, *skus: str) -> None:
    for sku in skus:
        page.locator(f"[data-sku={sku}]").click()


def unplug(page: Page) -> None:
    page.get_by_role("switch", name="Network").click()
    expect(page.locator("#plug-state")).to_have_text("unplugged")


def plug_in(page: Page) -> None:
    page.get_by_role("switch", name="Network").click()
    expect(page.locator("#plug-state")).to_have_text("plugged in")


def entries(page: Page, state: str) -> Locator:
    """The journal's entries in a state, newest first."""
    return page.locator(f"#journal > li[data-state={state}]")


def newest(page: Page, type_: str) -> Locator:
    return page.locator(f'#journal > li[data-type="{type_}"]').first


def sent(entry: Locator) -> dict[str, str]:
    """Key and order of a journal's entry, as its JSON shows them."""
    if entry.locator("details[open]").count() == 0:
        entry.locator("summary").click()
    text = entry.locator("pre").first.inner_text()
    return dict(re.findall(r'"(Idempotency-Key|order_id)": "([^"]+)"', text))


def order(system: Running, page: Page) -> Any:
    """The order that was begun last, as the API has it."""
    order_id = sent(newest(page, "order.create"))["order_id"]
    return system.api.ask("GET", f"/api/v1/orders/{order_id}", key=system.keys["auditor"])[1]


def lines(shown: Any) -> dict[str, int]:
    return {item["sku"]: item["qty"] for item in shown["items"]}


def on_hand(system: Running, sku: str) -> int:
    [product] = system.api.ask("GET", f"/api/v1/products?sku={sku}", key=system.keys["auditor"])[1]["results"]
    return int(product["on_hand"])


def commands_of(system: Running, order_id: str) -> list[str]:
    path = f"/api/v1/commands?order_id={order_id}"
    found = system.api.ask("GET", path, key=system.keys["auditor"])[1]["results"]
    return [each["type"] for each in reversed(found)]


def test_sells_for_cash_and_gives_change(page: Page, system: Running) -> None:
    before = on_hand(system, "CROISSANT")
    press(page, "CARROTCAKE", "CROISSANT", "CROISSANT", "OAT-1L")
    page.get_by_role("button", name="One Oat drink, 1 l less").click()
    page.get_by_role("button", name="One Carrot cake, slice more").click()
    expect(page.locator("#total")).to_have_text("12.00 EUR")
    page.get_by_label("Cash handed over").fill("20")
    page.get_by_role("button", name="Pay 12.00 EUR").click()
    expect(page.locator("#receipt-heading")).to_have_text("Paid")
    expect(page.locator("#settled")).to_contain_text("12.00 EUR by cash, 8.00 EUR change")
    expect(entries(page, "succeeded")).to_have_count(7)
    for step in ("202 in", "final in"):
        expect(entries(page, "succeeded").first.locator(".times")).to_contain_text(step)
    shown = order(system, page)
    assert (shown["status"], shown["total"], shown["version"]) == ("paid", "12.00", 7)
    assert lines(shown) == {"CARROTCAKE": 2, "CROISSANT": 2}
    assert on_hand(system, "CROISSANT") == before - 2
    expect(page.locator("[data-sku=CROISSANT] .left")).to_have_text(f"{before - 2} left")


def test_cancels(page: Page, system: Running) -> None:
    before = on_hand(system, "MUG-WHITE")
    press(page, "MUG-WHITE")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#receipt-heading")).to_have_text("Cancelled")
    assert order(system, page)["status"] == "cancelled"
    assert on_hand(system, "MUG-WHITE") == before
    press(page, "OAT-1L")
    expect(page.locator("#receipt-heading")).to_have_text("Open order")
    assert lines(order(system, page)) == {"OAT-1L": 1}


def test_a_refusal_is_told_in_words_and_the_order_can_still_be_paid(page: Page, system: Running) -> None:
    press(page, "WATER-05")
    page.get_by_label("Cash handed over").fill("1")
    page.get_by_role("button", name="Pay 1.50 EUR").click()
    expect(page.locator("#failure")).to_contain_text("Too little cash was tendered.")
    expect(entries(page, "failed").locator(".why")).to_contain_text("1 tendered is less than the total 1.50")
    expect(page.locator("#receipt-heading")).to_have_text("Open order")
    page.get_by_label("Card").check()
    page.get_by_role("button", name="Pay 1.50 EUR").click()
    expect(page.locator("#settled")).to_contain_text("1.50 EUR by card.")
    expect(page.locator("#failure")).to_be_empty()
    assert order(system, page)["status"] == "paid"


def test_goes_on_selling_unplugged_and_everything_happens_once_it_is_plugged_in(page: Page, system: Running) -> None:
    before = on_hand(system, "TEA-EARLGREY")
    press(page, "TEA-EARLGREY")
    expect(entries(page, "succeeded")).to_have_count(1)
    asked: list[Request] = []
    unplug(page)
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - a built-in cannot be marked
    press(page, "TEA-EARLGREY", "FILTER-500")
    page.get_by_label("Card").check()
    page.get_by_role("button", name="Pay 19.40 EUR").click()
    page.get_by_role("button", name="New sale").click()
    press(page, "TEA-EARLGREY")
    expect(page.locator("#wire-state")).to_have_text("4 commands wait here")
    first_order = sent(newest(page, "order.pay"))["order_id"]
    assert (asked, commands_of(system, first_order)) == ([], ["order.create"])

    plug_in(page)
    expect(entries(page, "succeeded")).to_have_count(5)
    expect(page.locator("#wire-state")).to_have_text("stream resumed where it broke off")
    assert [each.url.rpartition("/")[2] for each in asked if each.method == "POST"] == ["batch"]
    [resumed] = [each for each in asked if each.url.endswith("/stream")]
    assert re.fullmatch(r"\d+-[0-9a-f]{32}", resumed.headers["last-event-id"])
    assert commands_of(system, first_order) == ["order.create", "order.add_items", "order.add_items", "order.pay"]
    assert on_hand(system, "TEA-EARLGREY") == before - 2
    assert (order(system, page)["status"], lines(order(system, page))) == ("draft", {"TEA-EARLGREY": 1})


def test_a_command_whose_answer_is_lost_is_sent_again_and_happens_once(page: Page, system: Running) -> None:
    page.get_by_role("button", name="Lose the next answer").click()
    press(page, "GIFTCARD-25")
    expect(newest(page, "order.create").locator(".replayed")).to_have_text("replayed")
    expect(entries(page, "succeeded")).to_have_count(1)
    shown = order(system, page)
    assert (lines(shown), shown["version"]) == ({"GIFTCARD-25": 1}, 1)
    assert commands_of(system, shown["id"]) == ["order.create"]


def test_a_plug_pulled_between_request_and_answer_makes_nothing_happen_twice(page: Page, system: Running) -> None:
    press(page, "GIFTCARD-25")
    expect(entries(page, "succeeded")).to_have_count(1)

    def pull_after(route: Route) -> None:
        route.fetch()
        unplug(page)
        route.abort()

    page.route(COMMANDS, pull_after, times=1)
    press(page, "GIFTCARD-25")
    expect(newest(page, "order.add_items").locator(".why")).to_have_text("The plug was pulled in the middle of it.")
    plug_in(page)
    expect(newest(page, "order.add_items").locator(".replayed")).to_have_text("replayed")
    expect(entries(page, "succeeded")).to_have_count(2)
    shown = order(system, page)
    assert (lines(shown), shown["version"]) == ({"GIFTCARD-25": 2}, 2)


def test_the_last_command_sent_again_is_a_replay(page: Page, system: Running) -> None:
    press(page, "ESPRESSO-250")
    expect(entries(page, "succeeded")).to_have_count(1)
    again = page.get_by_role("button", name="Send the last command again")
    with page.expect_response(COMMANDS) as answered:
        again.click()
    assert answered.value.headers["idempotent-replayed"] == "true"
    expect(newest(page, "order.create").locator(".replayed")).to_have_text("replayed")
    again.click()
    expect(newest(page, "order.create").locator(".replayed")).to_have_text("replayed 2 times")
    assert order(system, page)["version"] == 1


def test_what_waits_survives_a_reload(page: Page, system: Running) -> None:
    press(page, "ESPRESSO-250")
    expect(entries(page, "succeeded")).to_have_count(1)
    unplug(page)
    press(page, "ESPRESSO-250", "OAT-1L")
    key = sent(newest(page, "order.add_items"))["Idempotency-Key"]
    page.reload()
    expect(entries(page, "succeeded")).to_have_count(3)
    expect(page.locator("#total")).to_have_text("18.09 EUR")
    assert sent(newest(page, "order.add_items"))["Idempotency-Key"] == key
    assert lines(order(system, page)) == {"ESPRESSO-250": 2, "OAT-1L": 1}


def test_a_second_page_leaves_alone_what_waits_in_the_first(page: Page, system: Running) -> None:
    unplug(page)
    press(page, "OAT-1L")
    second = page.context.new_page()
    second.goto("/")
    press(second, "MUG-WHITE")
    expect(entries(second, "succeeded")).to_have_count(1)
    expect(second.locator("#journal > li")).to_have_count(1)
    expect(entries(page, "waiting")).to_have_count(1)
    plug_in(page)
    expect(entries(page, "succeeded")).to_have_count(1)
    assert lines(order(system, page)) == {"OAT-1L": 1}


def test_a_command_that_the_server_no_longer_knows_does_not_stay_open(system: Running) -> None:
    with page_of(f"http://127.0.0.1:{system.port}", problems_expected=("404",)) as page:
        page.goto("/")
        press(page, "OAT-1L")
        expect(entries(page, "succeeded")).to_have_count(1)
        page.evaluate(_OF_ANOTHER_DATABASE)
        page.reload()
        expect(entries(page, "refused").locator(".why")).to_contain_text("There is no such thing.")
        expect(page.locator("#receipt-heading")).to_have_text("New sale")
        press(page, "OAT-1L")
        expect(entries(page, "succeeded")).to_have_count(1)


def test_a_browser_without_network_is_a_plug_too(page: Page, system: Running) -> None:
    expect(page.locator("[data-sku=OAT-1L]")).to_be_visible()  # what is for sale has come by the network
    page.context.set_offline(True)
    expect(page.locator("#plug-state")).to_have_text("your browser is offline")
    press(page, "OAT-1L", "OAT-1L")
    expect(page.locator("#wire-state")).to_have_text("2 commands wait here")
    page.context.set_offline(False)
    expect(entries(page, "succeeded")).to_have_count(2)
    assert lines(order(system, page)) == {"OAT-1L": 2}


def test_a_token_that_is_no_longer_good_is_replaced_quietly(system: Running) -> None:
    with page_of(f"http://127.0.0.1:{system.port}", problems_expected=("401",)) as page:
        stale = {"access": "no.longer.good", "expires_in": 900}
        page.route("**/demo/token", lambda route: route.fulfill(json=stale), times=1)
        page.goto("/")
        press(page, "OAT-1L")
        expect(entries(page, "succeeded")).to_have_count(1)


def test_an_entry_opens_to_the_json_of_its_command(page: Page) -> None:
    press(page, "CROISSANT")
    expect(entries(page, "succeeded")).to_have_count(1)
    sent(newest(page, "order.create"))
    expect(newest(page, "order.create").locator("pre").last).to_contain_text('"client": "visitor"')
    expect(newest(page, "order.create").locator("pre").last).to_contain_text('"status": "succeeded"')


def test_shows_how_the_system_is(page: Page) -> None:
    expect(page.locator("#health-status")).to_have_text("ok")
    expect(page.locator("#health-workers")).to_have_text("1")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_fits_the_screen_and_obeys_the_keyboard(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    press(page, "GRINDER-HAND")
    expect(entries(page, "succeeded")).to_have_count(1)
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    page.keyboard.press("Tab")
    page.locator("#plug").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("switch", name="Network")).not_to_be_checked()
    page.get_by_role("button", name="One Hand grinder, steel burrs more").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="One Hand grinder, steel burrs more")).to_be_focused()
    expect(page.locator("#total")).to_have_text("178.00 EUR")


def test_asks_for_a_key_where_visitors_get_none(pos: Till, manager: Till, tmp_path: Path) -> None:
    manager.product("TEA", price="3.00", stock=5)
    with (
        web_server(tmp_path, DEMO="false") as (port, _pid),
        page_of(f"http://127.0.0.1:{port}", problems_expected=("401",)) as page,
    ):
        page.goto("/")
        field = page.get_by_label("API key")
        field.fill("nobody.knows")
        field.press("Enter")
        expect(page.locator("#key-reason")).to_have_text("The server does not know this key.")
        expect(page.locator("#shop")).to_have_attribute("inert", "")
        field.fill(f"Api-Key {pos.key}")
        field.press("Enter")
        press(page, "TEA")
        expect(entries(page, "queued")).to_have_count(1)
        assert page.evaluate("key => JSON.stringify({...localStorage}).includes(key)", pos.key) is False
        assert page.request.post("/demo/token").status == 404
