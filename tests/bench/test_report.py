"""What the benchmark prints: the keys of its last line, the verdicts of its table."""

import json
from pathlib import Path

import pytest

from bench import __main__ as program
from bench import report
from bench.suite import MEASURES, Measured

# Written out, not taken from the code: others read the last line by these names.
KEYS = {
    "worker",
    "pgbench",
    "ordinary_worker",
    "accept",
    "accept_p99_ms",
    "ordinary_accept",
    "whole",
    "ordinary_whole",
    "idle_p50_ms",
    "idle_p99_ms",
    "hot",
    "batch",
    "polls",
    "polls_p99_ms",
    "polls_transactions",
    "polls_without_redis",
    "polls_without_redis_p99_ms",
    "polls_without_redis_transactions",
    "replays",
    "replays_p99_ms",
    "replays_transactions",
    "replays_without_redis",
    "replays_without_redis_p99_ms",
    "replays_without_redis_transactions",
    "accept_alone",
    "accept_while_waited",
    "accept_alone_p99_ms",
    "accept_while_waited_p99_ms",
    "waiting_clients",
    "waiting_threads",
    "waiting_connections",
    "waiting_told_ms",
    "webhooks",
    "webhooks_p50_ms",
    "webhooks_p99_ms",
    "empty_worker",
    "grown_worker",
    "empty_accept",
    "grown_accept",
    "empty_accept_p99_ms",
    "grown_accept_p99_ms",
    "empty_idle_p50_ms",
    "grown_idle_p50_ms",
    "empty_idle_p99_ms",
    "grown_idle_p99_ms",
}
JUST_ENOUGH = {
    "worker": 3_000.0,
    "pgbench": 2_000.0,
    "ordinary_worker": 100.0,
    "accept": 1_000.0,
    "accept_p99_ms": 50.0,
    "ordinary_accept": 250.0,
    "whole": 500.0,
    "ordinary_whole": 50.0,
    "idle_p50_ms": 15.0,
    "idle_p99_ms": 60.0,
    "hot": 1_800.0,
    "batch": 4_000.0,
    "accept_alone": 1_000.0,
    "accept_while_waited": 900.0,
    "waiting_clients": 5_000.0,
    "waiting_threads": 20.0,
    "waiting_connections": 8.0,
    "webhooks_p99_ms": 500.0,
    "empty_worker": 5_000.0,
    "grown_worker": 4_250.0,
    "empty_accept": 1_000.0,
    "grown_accept": 850.0,
    "empty_accept_p99_ms": 20.0,
    "grown_accept_p99_ms": 23.0,
    "empty_idle_p50_ms": 10.0,
    "grown_idle_p50_ms": 11.5,
    "empty_idle_p99_ms": 40.0,
    "grown_idle_p99_ms": 46.0,
}
DIVISORS = {
    "pgbench",
    "ordinary_worker",
    "ordinary_accept",
    "ordinary_whole",
    "accept_alone",
    "empty_worker",
    "empty_accept",
}
COSTS = {"waiting_threads", "waiting_connections"}


@pytest.mark.parametrize("figures", [{}, JUST_ENOUGH, JUST_ENOUGH | {"surplus": 1.0}])
def test_the_last_line_is_one_object_with_exactly_the_keys(
    figures: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "RESULTS", tmp_path / "results.json")

    program.publish(Measured(figures=figures), ["one: failed"], {"cores": 2})

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(last) == KEYS
    assert last == {key: figures.get(key) for key in KEYS}
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["figures"], results["machine"], results["failures"]) == (last, {"cores": 2}, ["one: failed"])


def test_figures_that_just_reach_every_bar_pass() -> None:
    reached = [bar.reached(JUST_ENOUGH) for bar in report.BARS]

    assert [each and each[1] for each in reached] == [True] * 19


@pytest.mark.parametrize("key", sorted(JUST_ENOUGH))
def test_a_figure_a_tenth_worse_falls_short(key: str) -> None:
    divides_latency = key.startswith("empty_") and key.endswith("_ms")
    worse = 1.1 if (key.endswith("_ms") and not divides_latency) or key in DIVISORS | COSTS else 0.9
    table = report.table(JUST_ENOUGH | {key: JUST_ENOUGH[key] * worse}, {})

    assert "SHORT" in table
    assert "SHORT" not in report.table(JUST_ENOUGH, {})


def test_what_was_not_measured_neither_passes_nor_falls_short() -> None:
    table = report.table({}, {})

    assert table.count("not measured") == len(report.BARS)
    assert "pass" not in table
    assert "SHORT" not in table


@pytest.mark.parametrize("names", ["", " , ", "worker,wroker", "WORKER"])
def test_an_unknown_measurement_stops_the_start_and_is_named(
    names: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", names])

    with pytest.raises(SystemExit) as stopped:
        program.main()

    assert stopped.value.code == 2
    assert "is not among pgbench, worker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], [name for name in MEASURES if name != "grown"]),
        (["--grown"], list(MEASURES)),
        (["--only", "polls,worker"], ["polls", "worker"]),
        (["--only", "grown"], ["grown"]),
        (["--only", "worker", "--grown"], ["worker", "grown"]),
        (["--only", "grown", "--grown"], ["grown"]),
    ],
)
def test_growth_is_measured_only_when_it_is_asked_for(
    arguments: list[str], wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", *arguments])

    assert program._wanted(program._options()) == wanted
