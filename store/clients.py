"""Clients and their API keys: created once, looked up for every request, the secret kept as a hash alone."""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from domain.registry import ROLES
from store import db
from store.models import ApiKey, Client

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)
_REMEMBERED_SECONDS = 1.0
"""How long a revoked key may still work in a process that has just seen it."""
_REMEMBERED_AT_NEED_SECONDS = 60.0
"""How long a key still works while PostgreSQL cannot be asked: replays and finished commands are answered meanwhile."""
_REMEMBERED_MAX = 10_000


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
_remembered: dict[str, tuple[float, _Key | None]] = {}
_names: dict[int, str] = {}


def create_client(name: str, role: str) -> str:
    """Create a client with one key: `prefix.secret`, to be shown once. Raises ClientNameTaken, ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} must have 1 to 64 characters of A-Z, a-z, 0-9, dot, dash, underscore")
    if role not in ROLES:
        raise ValueError(f"the role {role!r} must be one of {', '.join(ROLES)}")
    prefix, secret = uuid.uuid4().hex[:8], secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            client = Client.objects.create(name=name, role=role)
            ApiKey.objects.create(prefix=prefix, secret_hash=_hash(secret), client=client)
    except IntegrityError:
        raise ClientNameTaken(f"there is a client {name!r} already") from None
    return f"{prefix}.{secret}"


def authenticate(key: str) -> Caller | None:
    """The active client whose live key `prefix.secret` this is, if any."""
    prefix, _dot, secret = key.partition(".")
    if not _PREFIX.fullmatch(prefix):
        return None
    found = _remember(prefix)
    if found is None or not hmac.compare_digest(_hash(secret), found.secret_hash):
        return None
    return Caller(found.id, found.name, found.role)


def name_of(client_id: int) -> str:
    """The client's name, which never changes."""
    if client_id not in _names:
        _names[client_id] = Client.objects.values_list("name", flat=True).get(id=client_id)
    return _names[client_id]


def forget() -> None:
    """Forget what has been looked up: the tables were exchanged underneath."""
    _remembered.clear()
    _names.clear()


def _remember(prefix: str) -> _Key | None:
    now = time.monotonic()
    found_at, key = _remembered.get(prefix, (float("-inf"), None))
    if now < found_at + _REMEMBERED_SECONDS:
        return key
    try:
        key = _find(prefix)
    except db.TRANSIENT:
        if key is None or now > found_at + _REMEMBERED_AT_NEED_SECONDS:
            raise
        return key
    if len(_remembered) >= _REMEMBERED_MAX:
        _remembered.clear()
    _remembered[prefix] = (now, key)
    if key is not None:
        _names[key.id] = key.name
    return key


@db.reconnecting
def _find(prefix: str) -> _Key | None:
    return next(iter(db.rows(_Key, _FIND, [prefix])), None)


def _hash(secret: str) -> bytes:
    # The secret is 256 random bits, so one round of SHA-256 is as good as a slow hash and costs a microsecond.
    return hashlib.sha256(secret.encode()).digest()
