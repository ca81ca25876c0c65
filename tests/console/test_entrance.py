"""Who comes in, and what a page may take."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Http

from api.console import site
from store import clients
from store.models import Client
from tests.console.desk import PASSWORD, Desk, said, trail


def login(name: str, password: str) -> Http:
    http = Http()
    http.post("/admin/login/?next=/admin/", {"username": name, "password": password})
    return http


DOORS = [("manager", True), ("auditor", True), ("pos", False), ("integration", False)]


@pytest.mark.parametrize(("role", "enters"), DOORS)
def test_the_role_opens_the_door(database: None, role: str, enters: bool) -> None:
    clients.create_person("eva", role, PASSWORD)
    assert login("eva", PASSWORD).get("/admin/").status_code == (200 if enters else 302)


def test_a_wrong_password_opens_nothing(boss: Desk) -> None:
    assert login("ana", "wrong").get("/admin/").status_code == 302


def test_whoever_is_deactivated_is_out_at_once(boss: Desk) -> None:
    assert boss.get("").status_code == 200
    Client.objects.filter(name="ana").update(is_active=False)
    assert boss.get("").status_code == 302
    assert login("ana", PASSWORD).get("/admin/").status_code == 302


def test_staff_without_a_client_stays_outside(database: None) -> None:
    user = User.objects.create_user("ghost", password=PASSWORD, is_staff=True)
    assert Desk(user).get("").status_code == 302


def test_a_superuser_without_a_client_reads_and_is_told_why_not_to_act(database: None) -> None:
    desk = Desk(User.objects.create_superuser("root", password=PASSWORD))
    assert "New client" not in desk.text("store/client/")
    answer = desk.confirm("store/client/new/", name="till", role="pos")
    assert answer.status_code == 403
    assert "No client stands for root" in said(answer)
    assert not Client.objects.exists()


def test_every_login_is_recorded_also_a_wrong_one(boss: Desk) -> None:
    login("ana", "wrong")
    login("ana", PASSWORD)
    login("nobody", PASSWORD)
    assert trail() == [
        ("ana", "admin", "login.failed", "ana"),
        ("ana", "admin", "login.succeeded", "ana"),
        ("nobody", "admin", "login.failed", "nobody"),
    ]


def test_a_change_of_password_is_recorded(boss: Desk) -> None:
    new = "another horse battery"
    assert (
        boss.confirm("password_change/", old_password="wrong", new_password1=new, new_password2=new).status_code == 200
    )
    sent = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert boss.confirm("password_change/", **sent).status_code == 302
    assert trail() == [("ana", "admin", "client.password_set", "ana")]
    assert login("ana", new).get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "path", ["store/", "jsi18n/", "autocomplete/?term=x", "r/1/2/", "nothing/", "password_change/", "search/", "auth/"]
)
def test_what_django_brings_along_breaks_nothing(boss: Desk, path: str) -> None:
    assert boss.get(path).status_code in {200, 302, 403, 404}


@pytest.mark.parametrize("name", ["", "%00", "x" * 5_000, "%ED%A0%80", "%F0%9F%92%A9"])
def test_any_name_is_answered(database: None, name: str) -> None:
    form = "application/x-www-form-urlencoded"
    answer = Http(raise_request_exception=False).post("/admin/login/", f"username={name}&password=x", content_type=form)
    assert answer.status_code == 200


def test_pages_leave_threads_to_tills(boss: Desk) -> None:
    with site._room, site._room:
        answer = boss.get("store/command/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert boss.get("store/command/").status_code == 200


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def test_a_page_that_takes_too_long_says_so_and_the_limit_is_its_own(
    boss: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = limit()
    monkeypatch.setattr(site, "READ_SECONDS_MAX", 0.05)
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE command IN ACCESS EXCLUSIVE MODE")
    answer = boss.get("store/command/")
    other.close()
    assert answer.status_code == 503
    assert "narrow the list" in said(answer)
    assert limit() == before
    monkeypatch.undo()
    assert boss.get("store/command/").status_code == 200


def test_a_lost_connection_is_replaced(boss: Desk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [mine] = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [mine])
    other.close()
    assert boss.get("store/command/").status_code == 200
