"""Who is calling: `Authorization: Api-Key <prefix>.<secret>`, and what anybody else gets."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from store import clients
from store.models import ApiKey, Client
from tests.till import Till, run_drain

PATHS = (
    *(
        ("GET", path)
        for path in ("/commands", "/orders", "/products", "/commands/01970000-0000-7000-8000-000000000001")
    ),
    *(("POST", path) for path in ("/commands", "/commands/batch", "/products")),
    ("POST", "/commands/01970000-0000-7000-8000-000000000001/cancel"),
    ("POST", "/commands/01970000-0000-7000-8000-000000000001/retry"),
    ("PUT", "/commands"),
)

WRONG: dict[str, Callable[[str], str | None]] = {
    "missing": lambda _key: None,
    "empty": lambda _key: "",
    "blank": lambda _key: " ",
    "scheme alone": lambda _key: "Api-Key",
    "scheme and space": lambda _key: "Api-Key ",
    "key alone": lambda key: key,
    "other scheme": lambda key: f"Bearer {key}",
    "basic": lambda key: f"Basic {key}",
    "token": lambda key: f"Token {key}",
    "no secret": lambda key: f"Api-Key {key.partition('.')[0]}",
    "empty secret": lambda key: f"Api-Key {key.partition('.')[0]}.",
    "wrong secret": lambda key: f"Api-Key {key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
    "longer secret": lambda key: f"Api-Key {key}x",
    "unknown prefix": lambda key: f"Api-Key 00000000.{key.partition('.')[2]}",
    "long prefix": lambda key: f"Api-Key {'0' * 5000}.{key}",
    "no dot": lambda key: f"Api-Key {key.replace('.', '')}",
    "two keys": lambda key: f"Api-Key {key}, Api-Key {key}",
    "not ASCII": lambda _key: "Api-Key caf\xe9caf\xe9.\xff",
    "NUL": lambda key: f"Api-Key {key[:8]}\0.x",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_missing_malformed_or_wrong_key_is_not_authenticated(pos: Till, wrong: Callable[[str], str | None]) -> None:
    answer = pos.get("/commands", Authorization=wrong(pos.key))
    answer.problem(401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Api-Key realm="orderly", Bearer realm="orderly"'
    assert pos.key.encode() not in answer.raw


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_route_of_the_api_asks_who_is_calling(pos: Till, method: str, path: str) -> None:
    answer = pos.request(method, path, Authorization=None)
    answer.problem(401, "unauthenticated")
    assert answer.headers["www-authenticate"]


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "API-KEY"])
def test_the_scheme_is_written_in_either_case(pos: Till, scheme: str) -> None:
    assert pos.get("/commands", Authorization=f"{scheme} {pos.key}").status == 200


def test_a_revoked_key_is_refused_and_the_other_key_of_the_client_is_not(pos: Till) -> None:
    other = Till.register("till-2", "pos")
    ApiKey.objects.filter(prefix=other.key[:8]).update(client=Client.objects.get(name="till-1"))
    ApiKey.objects.filter(prefix=pos.key[:8]).update(revoked_at=timezone.now())
    clients.forget()
    pos.get("/commands").problem(401, "unauthenticated")
    assert other.submit("order.create").body["client"] == "till-1"


def test_a_key_of_an_inactive_client_is_refused_until_it_is_active_again(pos: Till) -> None:
    for active, status in ((False, 401), (True, 200)):
        Client.objects.filter(name="till-1").update(is_active=active)
        clients.forget()
        assert pos.get("/commands").status == status


def test_commands_of_a_client_made_inactive_are_refused_when_their_turn_comes(pos: Till, manager: Till) -> None:
    command = pos.submit("order.create").body
    Client.objects.filter(name="till-1").update(is_active=False)
    run_drain()
    ended = manager.get(command["links"]["self"]).body
    assert (ended["status"], ended["error"]["code"]) == ("failed", "forbidden")


def test_the_secret_is_kept_as_a_hash_alone(pos: Till) -> None:
    prefix, secret = pos.key.split(".")
    row = ApiKey.objects.get(prefix=prefix)
    assert len(bytes(row.secret_hash)) == 32
    assert secret.encode() not in bytes(row.secret_hash)


@pytest.mark.parametrize(
    ("name", "role"),
    [("", "pos"), ("a b", "pos"), ("x" * 65, "pos"), ("till\n", "pos"), ("till", "boss"), ("till", "")],
)
def test_a_client_needs_a_plain_name_and_a_known_role(database: None, name: str, role: str) -> None:
    with pytest.raises(ValueError, match=r"name|role"):
        clients.create_client(name, role)
    assert not Client.objects.exists()


def test_a_name_is_given_once(pos: Till) -> None:
    with pytest.raises(clients.ClientNameTaken):
        clients.create_client("till-1", "manager")
    assert Client.objects.get().role == "pos"
