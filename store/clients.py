"""Clients and their API keys: created once, looked up for every request, the secret kept as a hash alone."""

import contextlib
import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth import authenticate as authenticate_user
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from domain.registry import AUDITOR, MANAGER, POS, ROLES
from store import db
from store.models import ApiKey, Client

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)
_REMEMBERED_SECONDS = 1.0
"""How long a revoked key may still work in a process that has just seen it."""
_REMEMBERED_AT_NEED_SECONDS = 60.0
"""How long a key still works while PostgreSQL cannot be asked: replays and finished commands are answered meanwhile."""
_REMEMBERED_MAX = 10_000
_VISITOR = "visitor"


class ClientNameTaken(Exception):  # noqa: N818 - an expected no
    """There is a client of this name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that a request comes from."""

    id: int
    name: str
    role: str

    @property
    def is_authenticated(self) -> bool:
        """Always; what Django REST framework asks of a user."""
        return True


@dataclass(frozen=True, slots=True)
class _Key:
    secret_hash: bytes
    id: int
    name: str
    role: str


_FIND = """
SELECT api_key.secret_hash, client.id, client.name, client.role
FROM api_key JOIN client ON client.id = api_key.client_id
WHERE api_key.prefix = %s AND api_key.revoked_at IS NULL AND client.is_active
"""
_FIND_PERSON = """
SELECT client.id, client.name, client.role
FROM client JOIN auth_user ON auth_user.id = client.user_id
WHERE client.id = %s AND client.is_active AND auth_user.is_active
"""
_remembered: dict[str, tuple[float, _Key | None]] = {}
_remembered_people: dict[int, tuple[float, Caller | None]] = {}
_names: dict[int, str] = {}


def create_client(name: str, role: str) -> str:
    """Create a client with one key: `prefix.secret`, to be shown once. Raises ClientNameTaken, ValueError."""
    prefix, secret = uuid.uuid4().hex[:8], secrets.token_urlsafe(32)
    with transaction.atomic():
        client = _create(name, role)
        ApiKey.objects.create(prefix=prefix, secret_hash=_hash(secret), client=client)
    return f"{prefix}.{secret}"


def create_person(name: str, role: str, password: str | None) -> None:
    """Create a client who is a person and logs in with a password; managers and auditors also into the admin.
    With None as password there is none that would do.

    Raises ClientNameTaken, ValueError.
    """
    with transaction.atomic():
        client = _create(name, role)
        client.user = User.objects.create_user(name, password=password, is_staff=role in {MANAGER, AUDITOR})
        client.save(update_fields=["user"])


def _create(name: str, role: str) -> Client:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} must have 1 to 64 characters of A-Z, a-z, 0-9, dot, dash, underscore")
    if role not in ROLES:
        raise ValueError(f"the role {role!r} must be one of {', '.join(ROLES)}")
    try:
        with transaction.atomic():
            return Client.objects.create(name=name, role=role)
    except IntegrityError:
        raise ClientNameTaken(f"there is a client {name!r} already") from None


def authenticate(key: str) -> Caller | None:
    """The active client whose live key `prefix.secret` this is, if any."""
    prefix, _dot, secret = key.partition(".")
    if not _PREFIX.fullmatch(prefix):
        return None
    found = _remember(prefix)
    if found is None or not hmac.compare_digest(_hash(secret), found.secret_hash):
        return None
    return Caller(found.id, found.name, found.role)


def authenticate_person(name: str, password: str) -> Caller | None:
    """The active person whose name and password these are, if any; a wrong name takes as long as a wrong password."""
    user = authenticate_user(username=name, password=password)
    client = Client.objects.filter(user_id=user.pk, is_active=True).first() if user is not None else None
    return Caller(client.id, client.name, client.role) if client is not None else None


def person(client_id: int) -> Caller | None:
    """The active person with this id, and the role they have now."""
    return _remembering(_remembered_people, client_id, _find_person)


def visitor() -> Caller | None:
    """The till that all visitors of a demonstration share, made when the first one comes: a person without a password.

    None when it was deactivated, or when its name is somebody else's.
    """
    if not Client.objects.filter(name=_VISITOR).exists():
        with contextlib.suppress(ClientNameTaken, IntegrityError):
            create_person(_VISITOR, POS, None)
    client = Client.objects.select_related("user").filter(name=_VISITOR, role=POS, is_active=True).first()
    if client is None or client.user is None or client.user.has_usable_password():
        return None
    return Caller(client.id, client.name, client.role)


def name_of(client_id: int) -> str:
    """The client's name, which never changes."""
    if client_id not in _names:
        _names[client_id] = Client.objects.values_list("name", flat=True).get(id=client_id)
    return _names[client_id]


def forget() -> None:
    """Forget what has been looked up: the tables were exchanged underneath."""
    _remembered.clear()
    _remembered_people.clear()
    _names.clear()


def _remember(prefix: str) -> _Key | None:
    key = _remembering(_remembered, prefix, _find)
    if key is not None:
        _names[key.id] = key.name
    return key


def _remembering[K, V](memory: dict[K, tuple[float, V | None]], key: K, find: Callable[[K], V | None]) -> V | None:
    """What has just been found, or what `find` finds now; at need what was found a while ago."""
    now = time.monotonic()
    found_at, found = memory.get(key, (float("-inf"), None))
    if now < found_at + _REMEMBERED_SECONDS:
        return found
    try:
        found = find(key)
    except db.TRANSIENT:
        if found is None or now > found_at + _REMEMBERED_AT_NEED_SECONDS:
            raise
        return found
    if len(memory) >= _REMEMBERED_MAX:
        memory.clear()
    memory[key] = (now, found)
    return found


@db.reconnecting
def _find(prefix: str) -> _Key | None:
    return next(iter(db.rows(_Key, _FIND, [prefix])), None)


@db.reconnecting
def _find_person(client_id: int) -> Caller | None:
    return next(iter(db.rows(Caller, _FIND_PERSON, [client_id])), None)


def _hash(secret: str) -> bytes:
    # The secret is 256 random bits, so one round of SHA-256 is as good as a slow hash and costs a microsecond.
    return hashlib.sha256(secret.encode()).digest()
