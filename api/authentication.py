"""Who is calling, by API key or token, and which roles may call a view."""

from collections.abc import Callable

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from api import request_ids, tokens
from api.problems import Problem
from domain.access import may, roles_of
from store import clients
from store.audit import API, Actor
from store.clients import Caller

_SCHEMES: dict[str, Callable[[str], Caller | None]] = {"api-key": clients.authenticate, "bearer": tokens.holder}


class CallerAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <prefix>.<secret>`, or `Bearer <token>` for people."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """The caller; None without a header, AuthenticationFailed with a wrong one."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _space, credentials = header.partition(" ")
        find = _SCHEMES.get(scheme.lower())
        caller = find(credentials.strip()) if find else None
        if caller is None:
            raise AuthenticationFailed
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """The `WWW-Authenticate` of a 401."""
        return 'Api-Key realm="orderly", Bearer realm="orderly"'


class Authenticated(BasePermission):
    """Anybody with a valid key or token."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether a caller was found."""
        return isinstance(request.user, Caller)


def caller_of(request: Request) -> Caller:
    """The caller of a request that has passed `Authenticated`."""
    caller = request.user
    assert isinstance(caller, Caller), "the view lets nobody else in"
    return caller


def actor_of(request: Request) -> Actor:
    """Who acts by a request that has passed `Authenticated`, as the audit trail has it."""
    caller = caller_of(request)
    address = request.META.get("REMOTE_ADDR") or None
    return Actor(name=caller.name, via=API, caller=caller, request_id=request_ids.current(), address=address)


def demand(caller: Caller, right: str) -> None:
    """Raise 403 unless the caller's role has this right (domain/access.py)."""
    if not may(caller.role, right):
        takes = " or ".join(sorted(roles_of(right)))
        raise Problem(403, "forbidden", f"The role {caller.role} may not do this; it takes {takes}.")
