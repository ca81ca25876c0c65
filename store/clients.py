"""Clients, their API keys and passwords: administered by few, looked up for every request, secrets kept as hashes.

Whatever is changed here on behalf of somebody is written into the audit trail, in the same transaction.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from domain.access import OWN, VISITOR, may
from domain.registry import ROLES
from store import audit, db, key_use
from store.audit import Actor
from store.models import ApiKey, Client

LIVE_KEYS_MAX = 2
"""The key in use, and the one that takes its place."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)
_REMEMBERED_SECONDS = 1.0
"""How long a revoked key may still work in a process that has just seen it."""
_REMEMBERED_AT_NEED_SECONDS = 60.0
"""How long a key still works while PostgreSQL cannot be asked: replays and finished commands are answered meanwhile."""
_REMEMBERED_MAX = 10_000
_VISITOR = "visitor"
_OWN = "orderly"


class ClientNameTaken(Exception):  # noqa: N818 - an expected no
    """There is a client of this name."""


class UnknownClient(Exception):  # noqa: N818 - an expected no
    """There is no client of this name, or none of the kind that is asked for."""


class TooManyKeys(Exception):  # noqa: N818 - an expected no
    """The client has `LIVE_KEYS_MAX` live keys already."""


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


def create_client(name: str, role: str, actor: Actor | None = None) -> str:
    """Create a client with one key: `prefix.secret`, to be shown once. Raises ClientNameTaken, ValueError."""
    with transaction.atomic():
        client = _create(name, role)
        _record(actor, "client.created", client, audit.created({"role": role}))
        return _new_key(client, actor)


def create_person(name: str, role: str, password: str | None, actor: Actor | None = None) -> None:
    """Create a client who is a person and logs in with a password, also into the admin if the role may read it.

    With None as password there is none that would do.

    Raises ClientNameTaken, ValueError.
    """
    with transaction.atomic():
        client = _create(name, role)
        if password is not None:
            _demand_good(password, User(username=name))
        client.user = User.objects.create_user(name, password=password, is_staff=may(role, "admin.read"))
        client.save(update_fields=["user"])
        _record(actor, "client.created", client, audit.created({"role": role, "person": True}))


def issue_key(name: str, actor: Actor | None = None) -> str:
    """One more key for the client: `prefix.secret`, to be shown once. Raises UnknownClient, TooManyKeys."""
    with transaction.atomic():
        client = _locked(name)
        if client.user_id is not None:
            raise UnknownClient(f"{name!r} is a person, who logs in with a password; keys are for machines")
        live = list(client.keys.filter(revoked_at=None).order_by("created_at").values_list("prefix", flat=True))
        if len(live) >= LIVE_KEYS_MAX:
            raise TooManyKeys(f"{name!r} has {len(live)} live keys, {' and '.join(live)}; revoke one first")
        return _new_key(client, actor)


def revoke_key(prefix: str, actor: Actor | None = None) -> bool:
    """Let the key work no more, within a second in every process; whether it was live."""
    with transaction.atomic():
        if not ApiKey.objects.filter(prefix=prefix, revoked_at=None).update(revoked_at=Now()):
            return False
        client = Client.objects.get(keys__prefix=prefix)
        _record(actor, "key.revoked", client, {"key": [prefix, None]})
    _remembered.pop(prefix, None)
    return True


def set_active(name: str, active: bool, actor: Actor | None = None) -> bool:  # noqa: FBT001 - it is what is set
    """Let the client in, or no longer; whether that is a change. Raises UnknownClient."""
    with transaction.atomic():
        client = _locked(name)
        if client.is_active == active:
            return False
        Client.objects.filter(id=client.id).update(is_active=active)
        User.objects.filter(client=client).update(is_active=active)
        action = "client.activated" if active else "client.deactivated"
        _record(actor, action, client, {"is_active": [not active, active]})
    forget()
    return True


def set_password(name: str, password: str, actor: Actor | None = None) -> None:
    """Give the person a new password; sessions in the admin end with the old one. Raises UnknownClient, ValueError."""
    with transaction.atomic():
        client = _locked(name)
        if client.user is None:
            raise UnknownClient(f"{name!r} is a machine, which has keys; only people have a password")
        _demand_good(password, client.user)
        client.user.set_password(password)
        client.user.save(update_fields=["password"])
        _record(actor, "client.password_set", client, {})


def knows_password(name: str, password: str) -> bool:
    """Whether it is this active person's password."""
    user = User.objects.filter(username=name, is_active=True).first()
    return user is not None and user.check_password(password)


def _create(name: str, role: str) -> Client:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} must have 1 to 64 characters of A-Z, a-z, 0-9, dot, dash, underscore")
    if name == _OWN:
        raise ClientNameTaken(f"{name!r} is Orderly's own client")
    if role not in ROLES:
        raise ValueError(f"the role {role!r} must be one of {', '.join(ROLES)}")
    try:
        with transaction.atomic():
            return Client.objects.create(name=name, role=role)
    except IntegrityError:
        raise ClientNameTaken(f"there is a client {name!r} already") from None


def _locked(name: str) -> Client:
    """The client, whose keys and state nobody else changes meanwhile; machines may be authenticated all the same."""
    client = Client.objects.select_for_update(no_key=True).filter(name=name).first()
    if client is None:
        raise UnknownClient(f"there is no client {name!r}; `manage.py list_clients` lists them")
    return client


def _new_key(client: Client, actor: Actor | None) -> str:
    prefix, secret = uuid.uuid4().hex[:8], secrets.token_urlsafe(32)
    ApiKey.objects.create(prefix=prefix, secret_hash=_hash(secret), client=client)
    _record(actor, "key.issued", client, {"key": [None, prefix]})
    return f"{prefix}.{secret}"


def _demand_good(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValueError(f"the password is not good enough: {' '.join(error.messages)}") from None


def _record(actor: Actor | None, action: str, client: Client, changes: dict[str, object]) -> None:
    """Into the audit trail; nothing when nobody in particular acts, as in a test."""
    if actor is not None:
        audit.record(actor, action, "client", client.name, changes)


def authenticate(key: str) -> Caller | None:
    """The active client whose live key `prefix.secret` this is, if any."""
    prefix, _dot, secret = key.partition(".")
    if not _PREFIX.fullmatch(prefix):
        return None
    found = _remember(prefix)
    if found is None or not hmac.compare_digest(_hash(secret), found.secret_hash):
        return None
    key_use.note(prefix)
    return Caller(found.id, found.name, found.role)


def person(client_id: int) -> Caller | None:
    """The active person with this id, and the role they have now."""
    return _remembering(_remembered_people, client_id, _find_person)


def visitor() -> Caller | None:
    """The till that all visitors of a demonstration share, made when the first one comes: a person without a password.

    None when it was deactivated, or when its name is somebody else's.
    """
    if not Client.objects.filter(name=_VISITOR).exists():
        with contextlib.suppress(ClientNameTaken, IntegrityError):
            create_person(_VISITOR, VISITOR, None)
    client = Client.objects.select_related("user").filter(name=_VISITOR, role=VISITOR, is_active=True).first()
    if client is None or client.user is None or client.user.has_usable_password():
        return None
    return Caller(client.id, client.name, client.role)


def own_id() -> int:
    """Orderly's own client, whose commands are those that nobody submits: made at need, without a key."""
    client, _is_new = Client.objects.get_or_create(name=_OWN, defaults={"role": OWN})
    return client.id


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
