"""The page at `/` as a plain GET has it."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.fixtures import Settings


def test_leads_to_everything_there_is() -> None:
    text = Client().get("/").content.decode()
    for address in ("/api/docs/", "/api/schema/", "/admin/", "/health/", "/metrics"):
        assert f'href="{address}"' in text
    assert "docs/contract.md" in text


def test_is_made_of_its_own_files_alone() -> None:
    answer = Client().get("/")
    text = answer.content.decode()
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert len(named) >= 3
    assert [name for name in named if finders.find(name.removeprefix("/static/")) is None] == []
    assert re.findall(r'<style|style="|<script(?! type="module" src="/static/)|\son\w+=', text) == []
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("demo", "word"), [(True, "on"), (False, "off")])
def test_says_whether_visitors_need_a_key(settings: Settings, demo: bool, word: str) -> None:
    settings.DEMO = demo
    text = Client().get("/").content.decode()
    assert f'data-demo="{word}"' in text
    assert ("<code>visitor</code>" in text) is demo


def test_takes_nothing() -> None:
    answer = Client().post("/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD"
