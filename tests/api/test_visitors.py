"""Visitors: a token for everybody where the deployment is a demonstration, and for nobody elsewhere."""

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from store import clients
from store.models import Client
from tests.till import Answer, Till


@pytest.fixture
def demo(settings: Settings) -> None:
    """The deployment is a demonstration."""
    settings.DEMO = True


def ask(till: Till, method: str = "POST") -> Answer:
    return till.request(method, "http://testserver/demo/token", Authorization=None)


def test_a_visitor_gets_the_token_of_a_till(demo: None, pos: Till) -> None:
    answer = ask(pos)
    assert (answer.status, answer.body["expires_in"]) == (200, 900)
    assert answer.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {answer.body['access']}"}
    created = pos.post("/commands", {"type": "order.create", "payload": {}}, Idempotency_Key="k", **bearer)
    assert (created.status, created.body["client"]) == (202, "visitor")
    received = pos.post("/commands", {"type": "stock.receive", "payload": {}}, Idempotency_Key="l", **bearer)
    received.problem(403, "forbidden")


def test_all_visitors_are_one_client_that_nobody_logs_in_as(demo: None, pos: Till) -> None:
    assert [ask(pos).status for _ in range(3)] == [200, 200, 200]
    assert Client.objects.filter(user__isnull=False).count() == 1
    visitor = User.objects.get()
    assert (visitor.username, visitor.is_staff, visitor.has_usable_password()) == ("visitor", False, False)
    login = {"username": "visitor", "password": visitor.password}
    pos.post("/auth/token", login, Authorization=None).problem(401, "unauthenticated")


def test_there_is_no_token_where_nobody_asked_for_a_demonstration(pos: Till) -> None:
    ask(pos).problem(404, "not-found")
    assert not User.objects.exists()


@pytest.mark.parametrize("role", ["pos", "manager"])
def test_somebody_of_the_same_name_is_not_lent_to_visitors(demo: None, pos: Till, role: str) -> None:
    clients.create_person("visitor", role, "correct horse battery")
    ask(pos).problem(404, "not-found")


def test_a_key_of_the_same_name_is_not_lent_to_visitors(demo: None, pos: Till) -> None:
    clients.create_client("visitor", "pos")
    ask(pos).problem(404, "not-found")


def test_a_user_of_the_same_name_is_not_lent_to_visitors(demo: None, pos: Till) -> None:
    User.objects.create_user("visitor", password="correct horse battery")
    ask(pos).problem(404, "not-found")
    assert not Client.objects.filter(name="visitor").exists()


def test_a_deactivated_visitor_gets_no_token_and_is_not_believed_any_longer(demo: None, pos: Till) -> None:
    bearer = {"Authorization": f"Bearer {ask(pos).body['access']}"}
    Client.objects.filter(name="visitor").update(is_active=False)
    clients.forget()
    pos.get("/products", **bearer).problem(401, "unauthenticated")
    ask(pos).problem(404, "not-found")


def test_a_token_is_asked_for_by_post_alone(demo: None, pos: Till) -> None:
    assert ask(pos, "GET").problem(405, "method-not-allowed")
