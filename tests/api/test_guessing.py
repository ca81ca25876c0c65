"""Who guesses passwords is stopped, to the API and to the admin's form; and keeps nobody else from being served."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.db import connection
from django.test import Client as Browser

from store import clients, passwords, redis
from store.models import AuditEntry, Client
from tests.away import redis_away
from tests.polling import until
from tests.till import Answer, Till

PASSWORD = "correct horse battery"
MAX = passwords.FAILURES_MAX


@pytest.fixture(autouse=True)
def _ana(database: None) -> None:
    """A manager, and nobody who has failed before."""
    clients.create_person("ana", "manager", PASSWORD)
    redis.ask(lambda client: [client.delete(name) for name in client.keys("*:logins:*")], None)


def login(till: Till, password: str = "wrong", username: str = "ana", address: str = "192.0.2.1") -> Answer:
    """A login from an address."""
    till.http.defaults["REMOTE_ADDR"] = address
    return till.post("/auth/token", {"username": username, "password": password}, Authorization=None)


def form(password: str) -> tuple[int, str | None]:
    """Status and `Retry-After` of the admin's login form."""
    answer = Browser(REMOTE_ADDR="192.0.2.1").post("/admin/login/", {"username": "ana", "password": password})
    return answer.status_code, answer.headers.get("Retry-After")


def test_after_ten_failures_not_even_the_right_password_is_listened_to(pos: Till) -> None:
    for _ in range(MAX):
        login(pos).problem(401, "unauthenticated")
    refused = login(pos, PASSWORD)
    refused.problem(429, "rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= passwords.FAILURES_SECONDS
    assert form(PASSWORD) == (429, refused.headers["retry-after"])


def test_others_and_other_addresses_are_listened_to(pos: Till) -> None:
    clients.create_person("bob", "pos", PASSWORD)
    for _ in range(MAX + 1):
        login(pos)
    assert login(pos, PASSWORD, "bob").status == 200
    assert login(pos, PASSWORD, address="192.0.2.2").status == 200


def test_a_login_that_succeeds_wipes_the_failures_out(pos: Till) -> None:
    for _ in range(2):
        for _ in range(MAX - 1):
            login(pos)
        assert login(pos, PASSWORD).status == 200


def test_the_admins_form_counts_and_is_bounded_alike(pos: Till) -> None:
    assert [form("wrong")[0] for _ in range(MAX)] == [200] * MAX, "the form again"
    assert form(PASSWORD)[0] == 429
    login(pos, PASSWORD).problem(429, "rate-limited")


def test_without_redis_everybody_is_listened_to(pos: Till) -> None:
    with redis_away():
        for _ in range(MAX + 1):
            login(pos)
        assert login(pos, PASSWORD).status == 200


def test_logins_are_in_the_audit_trail(pos: Till) -> None:
    login(pos, PASSWORD)
    login(pos)
    form(PASSWORD)
    login(pos, PASSWORD, "nobody-knows-me")
    entries = AuditEntry.objects.order_by("id").values_list("action", "actor", "via", "subject_id", "address")
    assert list(entries) == [
        ("login.succeeded", "ana", "api", "ana", "192.0.2.1"),
        ("login.failed", "ana", "api", "ana", "192.0.2.1"),
        ("login.succeeded", "ana", "admin", "ana", "192.0.2.1"),
        ("login.failed", "nobody", "api", "nobody", "192.0.2.1"),
    ]


def test_who_tries_names_without_end_fills_no_table(pos: Till) -> None:
    for number in range(2 * MAX):
        login(pos, username=f"guess-{number}")
    assert AuditEntry.objects.filter(action="login.failed").count() == MAX


def test_whoever_is_deactivated_logs_in_nowhere(pos: Till) -> None:
    browser = Browser()
    browser.post("/admin/login/", {"username": "ana", "password": PASSWORD})
    assert "_auth_user_id" in browser.session
    Client.objects.filter(name="ana").update(is_active=False)
    login(pos, PASSWORD).problem(401, "unauthenticated")
    assert form(PASSWORD)[0] == 200, "the form again"
    assert browser.get("/admin/").status_code == 302, "to the form"


def test_of_many_logins_at_once_two_are_tried_and_the_others_come_back_later(
    pos: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hashes, one waits for it; that leaves two of a web process's four threads for everybody else."""
    hashing, go_on = threading.Event(), threading.Event()
    verify = ScryptPasswordHasher.verify

    def verify_slowly(*args: str) -> bool:
        hashing.set()
        assert go_on.wait(timeout=20)
        return verify(*args)  # type: ignore[arg-type] # the hasher itself comes first

    monkeypatch.setattr(ScryptPasswordHasher, "verify", verify_slowly)

    def one() -> Answer:
        try:
            return login(Till(pos.name, pos.role, pos.key), PASSWORD)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(one) for _ in range(2)]
        try:
            assert hashing.wait(timeout=20)
            until(lambda: passwords._places._value == 0, "the second has come")  # to try would take its place
            busy = login(pos, PASSWORD)
            assert pos.get("/orders").status == 200
        finally:
            go_on.set()
        assert [each.result(timeout=20).status for each in both] == [200, 200]
    busy.problem(429, "rate-limited")
    assert busy.headers["retry-after"] == "1"
    assert login(pos, PASSWORD).status == 200
