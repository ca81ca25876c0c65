"""The stage: what it counts and what it takes away, on real servers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bench.design import Site
from bench.processes import ProcessError
from bench.stage import Stage
from config import embedded
from config.embedded import Servers

_NAME = "bench_counted"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The run's PostgreSQL, and a Valkey of the test's own: others need theirs while this one is away."""
    url, pid = embedded.start_valkey(tmp_path)
    servers = Servers(
        database_url=os.environ["DATABASE_URL"],
        redis_url=f"{url}/0",
        broker_url=f"{url}/1",
        secret_key="",
        postgres_pid=0,
        valkey_pid=pid,
    )
    yield Stage(servers, tmp_path, embedded.postgres_binaries(), tmp_path / "logs")
    embedded.stop_valkey(tmp_path)


@pytest.fixture
def site(stage: Stage) -> Iterator[Site]:
    """An empty database."""
    stage._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", _NAME)
    stage._administer("CREATE DATABASE {}", _NAME)
    yield stage._site(_NAME)
    stage._administer("DROP DATABASE {} WITH (FORCE)", _NAME)


def test_it_counts_the_transactions_of_clients_that_have_left(stage: Stage, site: Site) -> None:
    before = stage.transactions(site)
    with site.connect() as one, site.connect() as other:
        for _ in range(500):
            one.execute("SELECT 1")
            other.execute("SELECT 1")

    # Autovacuum may have looked in.
    assert 1_000 <= stage.transactions(site) - before < 1_050


def test_it_does_not_count_while_somebody_may_still_be_counted(
    stage: Stage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.stage._LEAVE_SECONDS_MAX", 0.1)

    with site.connect(), pytest.raises(ProcessError, match="still in use"):
        stage.transactions(site)


def test_redis_is_away_for_a_block_and_comes_back_with_its_data(stage: Stage, site: Site) -> None:
    with redis.Redis.from_url(site.env["REDIS_URL"], retry=None) as client:
        client.set("kept", "1")

        with stage.redis_away(), pytest.raises(redis.ConnectionError):
            client.get("kept")

        assert client.get("kept") == b"1"
        stage.clear_redis()
        assert client.get("kept") is None
