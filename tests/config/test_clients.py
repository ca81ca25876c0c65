"""Clients, keys and people at the console, beside a running `make up`, each command a process of its own."""

import io
import re
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.config.running import Running, manage
from tests.polling import until
from tests.till import Till


@pytest.fixture
def name() -> str:
    """A name that nobody has yet."""
    return f"till-{uuid.uuid4().hex[:8]}"


def made(system: Running, *arguments: str, given: str = "") -> str:
    """The one line that a command prints when it has done what it should."""
    done = manage(system.data_dir, *arguments, given=given)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1), done
    return done.stdout.strip()


def status(system: Running, key: str) -> int:
    """What a client with this key gets to see."""
    return system.api.ask("GET", "/api/v1/products", key=key)[0]


def login(system: Running, name: str, password: str) -> int:
    """What somebody with this name and password gets."""
    return system.api.ask("POST", "/api/v1/auth/token", {"username": name, "password": password})[0]


def test_create_client_prints_one_line_whose_key_works(system: Running, name: str) -> None:
    scheme, key = made(system, "create_client", name, "--role", "pos").split()
    assert scheme == "Api-Key"
    assert status(system, key) == 200
    assert system.api.ask("POST", "/api/v1/products", {}, key=key)[0] == 403, "a till may not create products"


def test_a_key_is_rotated_without_a_moment_without_one(system: Running, name: str) -> None:
    old = made(system, "create_client", name, "--role", "pos").split()[1]
    new = made(system, "create_key", name).split()[1]
    assert (status(system, old), status(system, new)) == (200, 200)
    assert made(system, "revoke_key", old[:8]) == f"{old[:8]} is revoked."
    until_refused(system, old)
    assert status(system, new) == 200


def until_refused(system: Running, key: str) -> None:
    """A process may remember a key for a second."""
    until(lambda: status(system, key) == 401, "the key is refused")


def test_a_third_key_is_refused_in_one_line_that_names_the_other_two(system: Running, name: str) -> None:
    keys = [
        made(system, "create_client", name, "--role", "pos").split()[1],
        made(system, "create_key", name).split()[1],
    ]
    refused = manage(system.data_dir, "create_key", name)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert all(key[:8] in refused.stderr for key in keys)


def test_list_clients_shows_who_there_is_and_which_keys_they_use(system: Running, name: str) -> None:
    key = made(system, "create_client", name, "--role", "integration").split()[1]
    lines = manage(system.data_dir, "list_clients").stdout.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith(name)]
    assert lines[place].split() == [name, "integration", "machine", "active"]
    assert lines[place + 1].split()[:2] == [key[:8], "created"]
    assert "never used" in lines[place + 1]
    assert key[9:] not in "".join(lines)


def test_the_web_server_writes_down_when_a_key_was_used(system: Running, name: str) -> None:
    key = made(system, "create_client", name, "--role", "pos").split()[1]
    assert status(system, key) == 200

    def is_shown() -> bool:
        lines = manage(system.data_dir, "list_clients").stdout.splitlines()
        return any(key[:8] in line and "never" not in line for line in lines)

    until(is_shown, "the last use is written")


def test_a_person_logs_in_with_the_password_that_is_printed_once(system: Running, name: str) -> None:
    word, password = made(system, "create_person", name, "--role", "auditor").split()
    assert word == "Password"
    assert login(system, name, password) == 200
    assert made(system, "set_password", name, "--password-stdin", given="battery staple horse\n").startswith(name)
    assert login(system, name, password) == 401
    assert login(system, name, "battery staple horse") == 200


def test_whoever_is_deactivated_is_out_until_activated_again(system: Running, name: str) -> None:
    password = made(system, "create_person", name, "--role", "manager").split()[1]
    assert made(system, "deactivate_client", name) == f"{name} is inactive."
    assert login(system, name, password) == 401
    assert made(system, "activate_client", name) == f"{name} is active."
    assert login(system, name, password) == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create_client", "till-1", "--role", "pos"), "a client 'till-1' already"),
        (("create_client", "no spaces", "--role", "pos"), "the name 'no spaces' must"),
        (("create_client",), "the name '' must"),
        (("create_client", "till-99", "--role", "emperor"), "the role 'emperor' must be one of"),
        (("create_client", "till-99"), "the role '' must be one of"),
        (("create_key", "nobody"), "no client 'nobody'"),
        (("revoke_key", "00000000"), "no live key '00000000'"),
        (("create_person", "till-1", "--role", "pos"), "a client 'till-1' already"),
        (("create_person", "ana"), "the role '' must be one of"),
        (("create_person", "ana", "--role", "pos", "--password-stdin"), "the password is not good enough"),
        (("set_password", "till-1"), "'till-1' is a machine"),
        (("set_password", "nobody"), "no client 'nobody'"),
        (("deactivate_client", "nobody"), "no client 'nobody'"),
        (("activate_client",), "no client ''"),
    ],
)
def test_refuses_in_one_line(pos: Till, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ana\n"))
    with pytest.raises(CommandError, match=re.escape(says)) as refused:
        call_command(*arguments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("arguments", [("create_client", "till-99", "--role", "pos"), ("list_clients",)])
def test_without_any_server_one_line_says_what_to_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = manage(tmp_path, *arguments)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "run `make up` or set DATABASE_URL" in refused.stderr
