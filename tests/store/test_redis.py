"""Redis is asked for what may be lost: when it is silent, nobody waits long, and few wait at all."""

import socket
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from redis import Redis

from store import redis


@pytest.fixture
def silent(settings: LazySettings) -> Iterator[None]:
    """A Redis that takes connections and says nothing, as one that is frozen does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        redis.forget()
        yield
    redis.forget()


@pytest.fixture
def asked() -> list[str]:
    """Each time that Redis was asked."""
    return []


def ask(asked: list[str]) -> str:
    def question(client: Redis) -> str:
        asked.append("asked")
        return str(client.ping())

    return redis.ask(question, "otherwise")


def test_an_answer_is_the_answer(asked: list[str]) -> None:
    assert [ask(asked), ask(asked)] == ["True", "True"]
    assert len(asked) == 2


def test_a_silent_one_is_not_waited_for_and_not_asked_again_for_a_while(silent: None, asked: list[str]) -> None:
    """Without a limit this test would never end."""
    assert [ask(asked) for _ in range(20)] == ["otherwise"] * 20
    assert len(asked) == 1


def test_after_a_while_it_is_asked_again(silent: None, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "AWAY_SECONDS", 0.0)
    assert [ask(asked), ask(asked)] == ["otherwise"] * 2
    assert len(asked) == 2
