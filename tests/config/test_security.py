"""Defaults are safe: Django finds nothing to say about a deployment, and no server runs without its SECRET_KEY."""

import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as ours
from django.test import Client
from pytest_django.fixtures import Settings

from config import rsgi
from config.processes import PROJECT, commands, free_port
from store import audit
from store.audit import Actor
from store.models import AuditEntry
from tests.config.running import environment

KEY = secrets.token_urlsafe(48)


def run(argv: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process with no more variables than these, and what it said."""
    return subprocess.run(
        argv,
        cwd=PROJECT,
        env=environment(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="config.settings", **variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def setting(folder: Path, *names: str, **variables: str) -> list[str]:
    """Settings as a process with these variables has them."""
    code = f"from django.conf import settings as s; [print(repr(getattr(s, n))) for n in {names!r}]"
    done = run([sys.executable, "-c", code], folder, SECRET_KEY=KEY, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_django_finds_nothing_to_say_about_a_deployment(tmp_path: Path) -> None:
    checked = run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], tmp_path, SECRET_KEY=KEY
    )
    assert (checked.returncode, checked.stdout) == (0, "System check identified no issues (0 silenced).\n"), checked
    assert ours.SILENCED_SYSTEM_CHECKS == []


def test_the_check_bites_where_the_address_is_plain_http(tmp_path: Path) -> None:
    argv = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    checked = run(argv, tmp_path, SECRET_KEY=KEY, PUBLIC_URL="http://127.0.0.1:8000")
    assert checked.returncode == 1
    assert {code for code in ("W004", "W008", "W012", "W016") if code in checked.stderr} == {
        *("W004", "W008", "W012", "W016")
    }


@pytest.mark.parametrize("name", ["web", "worker", "sweeper", "courier", "payments", "beat", "flower"])
def test_no_server_starts_without_a_secret_key(tmp_path: Path, name: str) -> None:
    died = run(commands(free_port(), free_port(), tmp_path)[name], tmp_path)
    assert died.returncode != 0
    lines = [line for line in died.stderr.splitlines() if not line.startswith("{")]  # the web server's own
    assert lines == ["SECRET_KEY: not set; a server needs one of at least 32 random characters, the same for all"], (
        died.stderr
    )


def test_a_command_without_servers_has_a_key_that_nobody_knows(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECRET_KEY)"
    found = {run([sys.executable, "-c", code], tmp_path).stdout for _ in range(2)}
    assert len(found) == 2
    assert min(map(len, found)) > 50


COOKIES = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT")


@pytest.mark.parametrize(
    ("variables", "secure", "origins"),
    [
        ({}, "True", "[]"),
        ({"PUBLIC_URL": "https://orders.example.com/"}, "True", "['https://orders.example.com']"),
        ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "False", "['http://127.0.0.1:8000']"),
    ],
)
def test_whatever_is_not_said_to_be_plain_http_is_taken_for_https(
    tmp_path: Path, variables: dict[str, str], secure: str, origins: str
) -> None:
    assert setting(tmp_path, *COOKIES, "CSRF_TRUSTED_ORIGINS", **variables) == [secure] * 3 + [origins]


def test_pages_load_nothing_from_elsewhere_and_stand_in_no_frame() -> None:
    headers = Client().get("/health/live").headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_pages_redirect_to_https_and_what_is_asked_past_the_proxy_does_not(database: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    browser = Client()
    page = browser.get("/admin/login/")
    assert (page.status_code, page.headers["Location"]) == (301, "https://testserver/admin/login/")
    behind = browser.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert (behind.status_code, behind.headers["Strict-Transport-Security"]) == (200, "max-age=60")
    assert [browser.get(path).status_code for path in ("/health/", "/health/live", "/api/v1/orders")] == [200, 200, 401]


@pytest.mark.parametrize(
    ("client", "address"),
    [("192.0.2.7:51084", "192.0.2.7"), ("[::1]:51084", "::1"), ("[2001:db8::7]:1", "2001:db8::7")],
)
def test_the_address_of_a_client_is_one_that_the_audit_trail_can_keep(
    database: None, client: str, address: str
) -> None:
    audit.record(Actor(name="ana", via="api", address=rsgi._address(client)), "login.failed", "client", "ana")
    assert AuditEntry.objects.get().address == address
