"""The README of the client: its examples run, and it names what there is."""

import re
from pathlib import Path
from typing import Any

import pytest

import orderly_client
from config.processes import PROJECT
from orderly_client import Event, OrderlyError
from tests.client.conftest import Shop
from tests.client.test_webhooks import BODY, SECRET, signed

README = (PROJECT / "clients" / "python" / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_examples_run_from_top_to_bottom(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    skus = {"MUG-WHITE": shop.sku("12.00"), "CROISSANT": shop.sku("1.80"), "OAT-1L": shop.sku("2.29")}
    replaced = skus | {"http://127.0.0.1:8000": shop.url, "572ea60f.61yQ0vPq...": shop.pos}
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(re.sub("|".join(map(re.escape, replaced)), lambda found: replaced[found[0]], block), names)
    assert capsys.readouterr().out.splitlines() == [*("change: 4.40", "succeeded", "succeeded", "succeeded None")]
    assert (names["flushed"].accepted, names["failed"]) == (2, [])
    assert names["receive"](signed(SECRET), BODY) == 204
    assert names["receive"](signed(SECRET), "{}") == 400


def test_it_names_every_error() -> None:
    exported = {name: getattr(orderly_client, name) for name in orderly_client.__all__}
    errors = {name for name, kind in exported.items() if isinstance(kind, type) and issubclass(kind, OrderlyError)}
    assert errors == set(re.findall(r"\b[A-Z]\w+Error\b", README))
    assert Event.__name__ in exported


def test_it_names_every_call() -> None:
    public = {name for name in vars(orderly_client.Orderly) if not name.startswith("_")}
    assert [name for name in sorted(public - {"run", "pace", "close", "send"}) if name not in README] == []


def test_it_is_one_page() -> None:
    assert len(README.splitlines()) <= 125
