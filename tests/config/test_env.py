"""Environment variables: what each reader takes, and that a bad value ends the start with a line that names it."""

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from config import env

NAME = "ORDERLY_TESTED"


def integer() -> int:
    return env.integer(NAME, 7, minimum=1, maximum=10)


def url() -> str:
    return env.url(NAME, "redis://default", schemes=("redis", "rediss"))


def path() -> Path:
    return env.path(NAME, Path("/default"))


def boolean() -> bool:
    return env.boolean(NAME, default=True)


def choice() -> str:
    return env.choice(NAME, "INFO", ("INFO", "ERROR"))


def networks() -> tuple[env.IPNetwork, ...]:
    return env.networks(NAME)


def key() -> str:
    return env.key(NAME, ("sk_", "rk_"), needed_by="")


def names() -> tuple[str, ...]:
    return env.names(NAME, ("*",))


def secret() -> str:
    return env.secret(NAME, "default")


def secrets() -> tuple[str, ...]:
    return env.secrets(NAME)


DEFAULTS: list[tuple[Callable[[], object], object]] = [
    (integer, 7), (url, "redis://default"), (path, Path("/default")), (boolean, True), (choice, "INFO"),
    (networks, ()), (names, ("*",)), (secret, "default"), (secrets, ()), (key, ""),
]  # fmt: skip


@pytest.mark.parametrize(("read", "default"), DEFAULTS)
@pytest.mark.parametrize("text", [None, ""])
def test_absent_and_empty_are_the_default(
    read: Callable[[], object], default: object, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if text is not None:
        monkeypatch.setenv(NAME, text)
    assert read() == default


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (integer, "1", 1), (integer, " 10 ", 10), (url, "rediss://host/1", "rediss://host/1"),
        (boolean, "No", False), (boolean, "on", True), (choice, "error", "ERROR"),
        (key, " rk_live_1 ", "rk_live_1"),
        (networks, "127.0.0.1/32, ::1/128", (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))),
        (names, "a, b,", ("a", "b")), (secret, "x" * 32, "x" * 32),
        (secrets, f"{'x' * 32}, {'y' * 32}", ("x" * 32, "y" * 32)),
    ],
)  # fmt: skip
def test_good_values(read: Callable[[], object], text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    assert read() == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (integer, "0"), (integer, "11"), (integer, "many"), (integer, "1.5"), (url, "mysql://host"), (url, "redis"),
        (path, __file__), (boolean, "perhaps"), (choice, "LOUD"), (networks, "127.0.0.1/33"), (networks, "10.0.0.1/8"),
        (secret, "short"), (secrets, f"{'x' * 32},short"),
        (key, "pk_live_1"), (key, "sk_live_1\nsk_live_2"),
    ],
)  # fmt: skip
def test_a_bad_value_ends_the_start_with_one_line_that_names_it(
    read: Callable[[], object], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(env.EnvError) as raised:
        read()
    assert isinstance(raised.value, SystemExit)
    line = str(raised.value.code)
    assert line.startswith(f"{NAME}: ")
    assert "\n" not in line


def test_a_key_that_something_needs_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(env.EnvError, match=f"{NAME}: not set, and A=b needs it"):
        env.key(NAME, ("sk_",), needed_by="A=b")


@pytest.mark.parametrize("read", [secret, key])
def test_a_bad_secret_is_not_shown(read: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "hunter2")
    with pytest.raises(env.EnvError) as raised:
        read()
    assert "hunter2" not in str(raised.value.code)


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(NAME, "data")
    assert path() == (tmp_path / "data").resolve()


def test_running_servers_are_found_in_their_folder(tmp_path: Path) -> None:
    assert env.running_servers(tmp_path) == {}
    (tmp_path / "servers.json").write_text(json.dumps({"DATABASE_URL": "postgresql://host/db"}))
    assert env.running_servers(tmp_path) == {"DATABASE_URL": "postgresql://host/db"}
