"""People log in with a name and a password, to the API and to the admin: Django's own way, bounded.

Who guesses is stopped after a few failures; the count stands in Redis and fails open without it. A slow hash would let
one attacker keep every thread of a web process busy, so two threads at most are busy with logins: one hashes, the other
waits for it. Logins are in the audit trail, failed ones too.
"""

import functools
import hashlib
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from redis import Redis
from redis.commands.core import Script

from store import audit, db, redis
from store.audit import ADMIN, API, Actor
from store.clients import Caller
from store.models import Client

FAILURES_MAX = 10
"""How often a name may fail from one address before it is not listened to for a while."""
FAILURES_SECONDS = 15 * 60
THREADS_MAX = 2

_places = threading.BoundedSemaphore(THREADS_MAX)
_hashing = threading.Lock()


class TooManyLogins(Exception):  # noqa: N818 - an expected no
    """This login is not even tried; `seconds` until the next one may be."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"{reason}; try again in {seconds} s.")
        self.seconds = seconds


class Passwords(ModelBackend):
    """The authentication backend of the settings."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        via: str = ADMIN,
        **_others: Any,
    ) -> User | None:
        """The active user whose name and password these are, if any. Raises TooManyLogins."""
        if username is None or password is None:
            return None
        address = (request.META.get("REMOTE_ADDR") or None) if request is not None else None
        guesses = f"{unicodedata.normalize('NFKC', username)} {address}"
        with _place():
            _demand_few(guesses)
            user = super().authenticate(request, username, password)
        client = _client_of(username)
        if user is None or (via == API and client is None):
            _record_failure(client, via, address)
            return None
        redis.ask(lambda connection: connection.delete(_counter(guesses)), None)
        audit.record(_actor(client, user.username, via, address), "login.succeeded", "client", user.username)
        return user

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether both the user and the client who stands for them are active; asked for each request to a page."""
        return super().user_can_authenticate(user) and not Client.objects.filter(user=user, is_active=False).exists()


def person_of(request: HttpRequest, name: str, password: str) -> Caller | None:
    """The active person whose name and password these are, if any. Raises TooManyLogins.

    A wrong name takes as long as a wrong password.
    """
    user = authenticate(request, username=name, password=password, via=API)
    return None if user is None else _caller_of(_client_of(user.get_username()))


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise TooManyLogins("Others log in right now", 1)
    try:
        with _hashing:
            yield
    finally:
        _places.release()


def _demand_few(guesses: str) -> None:
    """Count the attempt before it is made, so that a hundred at once are a hundred."""
    attempts, seconds = _counted(guesses)
    if attempts > FAILURES_MAX:
        raise TooManyLogins("Too many logins have failed", max(1, seconds))


def _record_failure(client: Client | None, via: str, address: str | None) -> None:
    """A name that is nobody's is not written down, for it may be a password in the wrong field; nor are such attempts
    any longer when one address makes them without end."""
    if client is None and _counted(f"nobody {address}")[0] > FAILURES_MAX:
        return
    name = client.name if client is not None else "nobody"
    audit.record(_actor(client, name, via, address), "login.failed", "client", name)


def _client_of(username: str) -> Client | None:
    return Client.objects.filter(user__username=username).first()


def _caller_of(client: Client | None) -> Caller | None:
    return None if client is None else Caller(client.id, client.name, client.role)


def _actor(client: Client | None, name: str, via: str, address: str | None) -> Actor:
    return Actor(name=name, via=via, caller=_caller_of(client), address=address)


def _counted(what: str) -> tuple[int, int]:
    """How often this has been counted in the last while, now included, and when it is forgotten; fails open."""
    found = redis.ask(lambda client: _count(client)(keys=[_counter(what)], args=[FAILURES_SECONDS]), None)
    return cast("tuple[int, int]", tuple(found)) if found is not None else (1, FAILURES_SECONDS)


@functools.cache
def _count(client: Redis) -> Script:
    return client.register_script("""
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
        return {count, redis.call('TTL', KEYS[1])}
    """)


def _counter(what: str) -> str:
    return f"orderly:{db.identity()}:logins:{hashlib.sha256(what.encode()).hexdigest()[:32]}"
