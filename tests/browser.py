"""A real browser for tests: headless Chromium that keeps to this machine and complains of nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, Response, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PATIENCE_MILLISECONDS = 30_000
_ENDED_BY_THE_PAGE = "net::ERR_ABORTED"


@contextmanager
def page_of(base_url: str, *, problems_expected: tuple[str, ...] = ()) -> Iterator[Page]:
    """An empty page whose relative addresses are below `base_url`.

    Fails at the end of the block if the page wrote an error to its console, raised one, asked another host, asked in
    vain or got an answer of 500 or above. Problems that hold one of the texts expected are none, and each must come.
    """
    problems: list[str] = []
    home = urlsplit(base_url).hostname

    def asked(request: Request) -> None:
        if urlsplit(request.url).hostname != home:
            problems.append(f"asks {request.url}")

    def failed(request: Request) -> None:
        if request.failure != _ENDED_BY_THE_PAGE:
            problems.append(f"{request.method} {request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 500:
            problems.append(f"{response.url}: {response.status}")

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(f"{message.text} ({message.location['url']})")

    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(base_url=base_url)
        context.on("request", asked)
        context.on("requestfailed", failed)
        context.on("response", answered)
        context.on("console", said)
        context.on("weberror", lambda raised: problems.append(str(raised.error)))
        try:
            yield context.new_page()
        finally:
            browser.close()
    unexpected = [each for each in problems if not any(text in each for text in problems_expected)]
    missing = [text for text in problems_expected if not any(text in each for each in problems)]
    assert not unexpected, unexpected
    assert not missing, f"these problems did not come: {missing}"
