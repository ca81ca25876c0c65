"""Who is at the console: the person's client gives the role, and the role gives the rights (domain/access.py)."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from domain.access import may, roles_of
from store.audit import ADMIN, Actor
from store.clients import Caller
from store.models import Client


def caller_of(user: AbstractBaseUser | AnonymousUser) -> Caller | None:
    """The active client that stands for the person; None when there is none."""
    client: Client | None = getattr(user, "client", None)
    if client is None or not client.is_active or not user.is_active:
        return None
    return Caller(client.id, client.name, client.role)


def may_enter(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the person may read here: by role, or as a superuser for whom no client stands."""
    caller = caller_of(user)
    if caller is not None:
        return may(caller.role, "admin.read")
    return user.is_active and bool(getattr(user, "is_superuser", False)) and not hasattr(user, "client")


def may_do(request: HttpRequest, right: str) -> bool:
    """Whether the person's role has this right."""
    caller = caller_of(request.user)
    return caller is not None and may(caller.role, right)


def why_not(request: HttpRequest, right: str) -> str:
    """Why the person may not do this, and who may."""
    caller = caller_of(request.user)
    takes = " or ".join(sorted(roles_of(right)))
    if caller is None:
        return f"No client stands for {request.user.get_username()}, so there is no role to act in; it takes {takes}."
    return f"Your role, {caller.role}, may read this and not do it; it takes {takes}."


def actor_of(request: HttpRequest) -> Actor:
    """The person, as the audit trail names them."""
    caller = caller_of(request.user)
    name = caller.name if caller else request.user.get_username()
    return Actor(name=name, via=ADMIN, caller=caller, address=request.META.get("REMOTE_ADDR") or None)
