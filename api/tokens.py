"""Tokens of people: JSON Web Tokens (RFC 7519), signed with a key of their own, valid for 15 minutes.

`POST /auth/token` gives one for a name and a password. The token says who; what they may do is looked up anew, so that
a person who was deactivated or has another role is not believed for another 15 minutes.
"""

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils.crypto import salted_hmac

from store import clients
from store.clients import Caller

LIFETIME = timedelta(minutes=15)
_ALGORITHM, _ISSUER = "HS256", "orderly"


def issued(caller: Caller) -> dict[str, Any]:
    """A new token for this person, as the API shows it."""
    now = datetime.now(UTC)
    claims = {"iss": _ISSUER, "sub": str(caller.id), "role": caller.role, "iat": now, "exp": now + LIFETIME}
    access = jwt.encode(claims, _key(settings.SECRET_KEY), _ALGORITHM)
    return {"access": access, "expires_in": int(LIFETIME.total_seconds())}


def holder(token: str) -> Caller | None:
    """The active person whose valid token this is, if any, with the role they have now."""
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            claims = jwt.decode(
                token, _key(secret_key), [_ALGORITHM], issuer=_ISSUER, options={"require": ["sub", "exp", "iat", "iss"]}
            )
            return clients.person(int(claims["sub"]))
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError):
            return None
    return None


@functools.lru_cache(maxsize=4)
def _key(secret_key: str) -> bytes:
    return salted_hmac("orderly.tokens", b"", secret=secret_key, algorithm="sha256").digest()
