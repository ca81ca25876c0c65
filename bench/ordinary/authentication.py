"""API-key authentication of the ordinary design: one look-up by prefix, one constant-time comparison."""

import hashlib
import hmac
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from bench.ordinary.models import Client


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <prefix>.<secret>`."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """The client the key belongs to."""
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Api-Key":
            return None
        prefix, _dot, secret = key.partition(".")
        client = Client.objects.filter(prefix=prefix).first()
        # The secret is 32 random bytes, so one fast hash is enough: there is nothing to guess.
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if client is None or not hmac.compare_digest(client.secret_sha256, digest):
            raise AuthenticationFailed("unknown API key")
        return client, None

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme on a 401."""
        return "Api-Key"


class IsClient(BasePermission):
    """Anyone whose key is known."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether a client was found."""
        return isinstance(request.user, Client)
