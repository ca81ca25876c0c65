"""`manage.py create_client`, beside a running `make up`, as a process of its own."""

import uuid
from pathlib import Path

import pytest

from tests.config.running import Running, manage


def test_prints_one_line_whose_key_works(system: Running) -> None:
    made = manage(system.data_dir, "create_client", f"till-{uuid.uuid4().hex[:8]}", "--role", "pos")
    assert (made.returncode, made.stderr, made.stdout.count("\n")) == (0, "", 1)
    scheme, key = made.stdout.split()
    assert scheme == "Api-Key"
    assert system.api.ask("GET", "/api/v1/products", key=key)[0] == 200
    assert system.api.ask("POST", "/api/v1/products", {}, key=key)[0] == 403, "a till may not create products"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("demo-pos", "--role", "pos"), "a client 'demo-pos' already"),
        (("no spaces", "--role", "pos"), "the name 'no spaces' must"),
        ((), "the name '' must"),
        (("till-99", "--role", "emperor"), "the role 'emperor' must be one of"),
        (("till-99",), "the role '' must be one of"),
    ],
)
def test_refuses_in_one_line(system: Running, arguments: tuple[str, ...], says: str) -> None:
    refused = manage(system.data_dir, "create_client", *arguments)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert says in refused.stderr


def test_without_any_server_one_line_says_what_to_do(tmp_path: Path) -> None:
    refused = manage(tmp_path, "create_client", "till-99", "--role", "pos")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "run `make up` or set DATABASE_URL" in refused.stderr
