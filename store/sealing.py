"""Secrets at rest: a copy of the tables, without SECRET_KEY, signs nothing.

Fernet (AES-128 in CBC mode, HMAC-SHA256) under a key that HKDF derives from SECRET_KEY for this use alone. What was
sealed under one of SECRET_KEY_FALLBACKS is still read.
"""

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_USE = b"orderly: secrets of webhook endpoints"


class Unreadable(Exception):  # noqa: N818 - says what is, like a refusal
    """It was sealed under another SECRET_KEY, or has been changed since."""


def seal(secret: bytes) -> bytes:
    """What may stand in a table; different each time."""
    return _fernets().encrypt(secret)


def unseal(sealed: bytes) -> bytes:
    """The secret; raises Unreadable."""
    try:
        return _fernets().decrypt(bytes(sealed))
    except InvalidToken:
        raise Unreadable("the secret was sealed under another SECRET_KEY") from None


def _fernets() -> MultiFernet:
    return MultiFernet([_fernet(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@functools.lru_cache(maxsize=4)
def _fernet(secret_key: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_USE).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(key))
