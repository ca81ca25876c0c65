"""People: a name and a password for a token, and a token for the role they have."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from api import tokens
from store import clients
from store.models import Client
from tests.till import Till


@pytest.fixture
def ana(database: None) -> str:
    """A manager's password; her name is ana."""
    clients.create_person("ana", "manager", "correct horse battery")
    return "correct horse battery"


def token(till: Till, username: str, password: str) -> str:
    answer = till.post("/auth/token", {"username": username, "password": password}, Authorization=None)
    assert answer.status == 200, answer
    assert answer.body["expires_in"] == 900
    assert answer.headers["cache-control"] == "no-store"
    found: str = answer.body["access"]
    return found


def test_a_token_is_the_person(pos: Till, ana: str) -> None:
    bearer = f"Bearer {token(pos, 'ana', ana)}"
    answer = pos.request("POST", "/products", {"sku": "TEA", "name": "Tea", "price": "1.00"}, Authorization=bearer)
    assert answer.status == 201, answer
    created = pos.post("/commands", {"type": "order.create", "payload": {}}, Idempotency_Key="k", Authorization=bearer)
    assert (created.status, created.body["client"]) == (202, "ana")


@pytest.mark.parametrize(("username", "password"), [("ana", "wrong"), ("bob", "correct horse battery"), ("ana", "")])
def test_a_wrong_name_or_password_gets_no_token(pos: Till, ana: str, username: str, password: str) -> None:
    answer = pos.post("/auth/token", {"username": username, "password": password}, Authorization=None)
    answer.problem(401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="orderly"'


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"username": "ana"}, "/password"),
        ({"password": "x"}, "/username"),
        ([], ""),
        ({"username": 1, "password": "x"}, "/username"),
    ],
)
def test_what_is_missing_is_named(pos: Till, body: object, pointer: str) -> None:
    answer = pos.post("/auth/token", body, Authorization=None)
    assert pointer in [place for place, _code in answer.errors()]


def test_a_user_without_a_role_gets_no_token(pos: Till) -> None:
    User.objects.create_user("ghost", password="correct horse battery")
    pos.post("/auth/token", {"username": "ghost", "password": "correct horse battery"}, Authorization=None).problem(
        401, "unauthenticated"
    )


def test_whoever_is_deactivated_is_not_believed_any_longer(pos: Till, ana: str) -> None:
    bearer = f"Bearer {token(pos, 'ana', ana)}"
    assert pos.get("/orders", Authorization=bearer).status == 200
    Client.objects.filter(name="ana").update(is_active=False)
    clients.forget()
    pos.get("/orders", Authorization=bearer).problem(401, "unauthenticated")


def test_the_role_is_the_one_that_the_person_has_now(pos: Till, ana: str) -> None:
    bearer = f"Bearer {token(pos, 'ana', ana)}"
    Client.objects.filter(name="ana").update(role="auditor")
    clients.forget()
    pos.post("/products", {"sku": "TEA", "name": "Tea", "price": "1.00"}, Authorization=bearer).problem(
        403, "forbidden"
    )


def our_key() -> bytes:
    """What tokens are signed with."""
    return tokens._key(settings.SECRET_KEY)


def _claims(**changed: object) -> dict[str, object]:
    now = datetime.now(UTC)
    claims = {"iss": "orderly", "sub": str(Client.objects.get(name="ana").id), "iat": now, "exp": now + timedelta(60)}
    return {name: claim for name, claim in (claims | changed).items() if claim is not None}


def test_a_good_token_made_by_hand_is_the_control(pos: Till, ana: str) -> None:
    made = jwt.encode(_claims(), our_key(), "HS256")
    assert pos.get("/orders", Authorization=f"Bearer {made}").status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"exp": None},
        {"iss": "somebody"},
        {"sub": None},
        {"sub": "0"},
        {"sub": "x"},
        {"sub": str(2**70)},
        {"iat": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_token_of_another_time_issuer_or_subject_is_refused(pos: Till, ana: str, changed: dict[str, object]) -> None:
    made = jwt.encode(_claims(**changed), our_key(), "HS256")
    pos.get("/orders", Authorization=f"Bearer {made}").problem(401, "unauthenticated")


def test_a_token_of_another_key_or_of_none_is_refused(pos: Till, ana: str) -> None:
    forged = jwt.encode(_claims(), b"0" * 32, "HS256")
    unsigned = jwt.encode(_claims(), "", "none")
    for made in (forged, unsigned, "", "a.b.c", "é"):
        pos.get("/orders", Authorization=f"Bearer {made}").problem(401, "unauthenticated")


def test_a_token_of_a_machine_is_nobodys(pos: Till, ana: str) -> None:
    made = jwt.encode(_claims(sub=str(Client.objects.get(name=pos.name).id)), our_key(), "HS256")
    pos.get("/orders", Authorization=f"Bearer {made}").problem(401, "unauthenticated")


def test_a_token_of_the_key_before_is_good_until_that_is_dropped(pos: Till, ana: str, settings: Settings) -> None:
    bearer = f"Bearer {token(pos, 'ana', ana)}"
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    settings.SECRET_KEY_FALLBACKS = [old]
    assert pos.get("/orders", Authorization=bearer).status == 200
    assert pos.get("/orders", Authorization=f"Bearer {token(pos, 'ana', ana)}").status == 200
    settings.SECRET_KEY_FALLBACKS = []
    pos.get("/orders", Authorization=bearer).problem(401, "unauthenticated")
