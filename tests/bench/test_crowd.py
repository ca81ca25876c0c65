"""The crowd against a real web server: who waits is counted, asks again, and hears of the end."""

from pathlib import Path

import pytest

from bench import crowd
from bench.crowd import Count, Plan
from bench.design import COMMANDS_PATH
from tests.polling import until
from tests.till import Till, run_drain
from tests.web import web_server

CLIENTS = 40


def plan(port: int, pos: Till, commands: int, *, path: str = COMMANDS_PATH) -> Plan:
    """Half of the clients wait for a command each, half for what becomes of an order; everybody for a second."""
    ids = [pos.submit("order.create").body["id"] for _ in range(commands)]
    return Plan(
        port=port,
        authorization=f"Api-Key {pos.key}",
        commands=[f"{path}/{command_id}" for command_id in ids],
        streams=[f"{path}/stream?order_id={command_id}" for command_id in ids],
        wait_seconds=1,
    )


def test_everybody_waits_until_the_end_and_asks_again_meanwhile(pos: Till, tmp_path: Path) -> None:
    with web_server(tmp_path) as (port, _pid), crowd.gathered(plan(port, pos, CLIENTS // 2), {}) as count:
        assert (
            until(lambda: (seen := count()).renewed >= CLIENTS and seen, "each asks a second time").waiting == CLIENTS
        )
        assert count().early_seconds < 0.1
        run_drain()
        ended = until(lambda: (seen := count()).ended == CLIENTS // 2 and seen, "half of them know the end")
    assert (ended.waiting, ended.broken) == (CLIENTS // 2, 0)
    assert ended.last_end_at > 0


def test_who_is_refused_does_not_wait(pos: Till, tmp_path: Path) -> None:
    with web_server(tmp_path) as (port, _pid), crowd.gathered(plan(port, pos, 3, path="/nowhere"), {}) as count:
        seen: Count = until(lambda: (seen := count()).broken == 6 and seen, "all are refused")
    assert seen.waiting == 0
    assert "404" in seen.why


def test_a_crowd_that_needs_more_files_than_are_allowed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.crowd.resource.getrlimit", lambda _which: (100, 1_000))
    with pytest.raises(SystemExit, match="5100 open files are needed and 1000 allowed"):
        crowd._allow_files(5_100)
