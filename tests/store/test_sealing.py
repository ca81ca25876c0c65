"""Secrets at rest: sealed differently each time, opened by the one SECRET_KEY alone."""

import pytest
from pytest_django import Settings

from store.sealing import Unreadable, seal, unseal

SECRET = bytes(range(32))


def test_what_was_sealed_before_a_rotation_is_read_until_the_old_key_is_dropped(settings: Settings) -> None:
    before = seal(b"secret")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    settings.SECRET_KEY_FALLBACKS = [old]
    after = seal(b"secret")
    assert (unseal(before), unseal(after)) == (b"secret", b"secret")
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(after) == b"secret"
    with pytest.raises(Unreadable):
        unseal(before)


def test_what_was_sealed_can_be_read_and_does_not_show_the_secret() -> None:
    sealed = seal(SECRET)
    assert unseal(sealed) == SECRET
    assert SECRET not in sealed
    assert seal(SECRET) != sealed


def test_a_column_read_by_the_orm_can_be_read() -> None:
    assert unseal(memoryview(seal(SECRET))) == SECRET  # type: ignore[arg-type]


def test_another_secret_key_reads_nothing(settings: Settings) -> None:
    sealed = seal(SECRET)
    settings.SECRET_KEY = "another" * 10
    with pytest.raises(Unreadable):
        unseal(sealed)


def test_what_has_been_changed_is_not_read() -> None:
    sealed = seal(SECRET)
    for place in (10, 40, -10):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(Unreadable):
            unseal(bytes(broken))
