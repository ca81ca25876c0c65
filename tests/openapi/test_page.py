"""The page at `/api/docs/` in a real browser, with nothing but this machine to ask."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import CHROMIUM, page_of
from tests.openapi.document import document, operations
from tests.till import Till
from tests.web import web_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def test_the_page_shows_every_operation_and_tries_one_out(manager: Till, tmp_path: Path) -> None:
    manager.product("OAT-1L")
    count = len(list(operations())) + len(document()["webhooks"])
    with web_server(tmp_path) as (port, _pid), page_of(f"http://127.0.0.1:{port}") as page:
        page.goto("/api/docs/")
        expect(page.locator(".opblock")).to_have_count(count)

        page.get_by_role("button", name="Authorize").first.click()
        dialog = page.locator(".dialog-ux")
        dialog.locator("input").first.fill(f"Api-Key {manager.key}")
        dialog.locator("button.authorize").first.click()
        dialog.locator("button.btn-done").first.click()

        reading = page.locator("#operations-products-list_products")
        reading.locator(".opblock-summary").click()
        reading.locator("button.execute").click()
        answered = reading.locator(".live-responses-table .response").first
        expect(answered.locator(".response-col_status")).to_contain_text("200")
        expect(answered).to_contain_text("OAT-1L")
