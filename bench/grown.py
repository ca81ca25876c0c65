"""Growth: the same measurements with a past of a million commands in the tables and with none, turn by turn.

The machine's speed swings by a third from minute to minute, more than what is looked for here. So both databases lie
on one server, short rounds on the one and on the other alternate, and the medians of both are compared. Only the
processes of the side whose turn it is are alive.
"""

from collections import defaultdict
from dataclasses import dataclass

from bench import measures, past
from bench.design import Site
from bench.figures import median
from bench.orderly import Orderly
from bench.report import say
from bench.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How many orders the past has, how many rounds each side gets, and how many commands a round of each measure."""

    orders: int
    rounds: int
    worker: int
    accept: int
    idle: int


def compare(stage: Stage, turns: Turns) -> dict[str, float]:
    """The median figures of both sides, under names that begin with `empty_` and `grown_`."""
    with stage.site(Orderly()) as empty, stage.site(Orderly()) as grown:
        since = past.fill(grown, turns.orders, say)
        sides = {"empty": (empty, Orderly()), "grown": (grown, Orderly(since=since))}
        found: dict[str, list[float]] = defaultdict(list)
        # What is accepted while no worker runs stays queued for ever, so nothing may be executed after it.
        for measure in (_worker, _idle, _accept):
            for number in range(1, turns.rounds + 1):
                for side, (site, design) in sides.items():
                    # The sides share one Redis: a bell that is left over would wake the other side's worker.
                    stage.clear_redis()
                    figures = measure(site, design, turns)
                    for name, value in figures.items():
                        found[f"{side}_{name}"].append(value)
                    shown = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
                    say(f"    round {number} of {turns.rounds}, {side}: {shown}")
    return {name: median(values) for name, values in found.items()}


def _worker(site: Site, design: Orderly, turns: Turns) -> dict[str, float]:
    return {"worker": measures.worker_rate_at(site, design, commands=turns.worker, rounds=1)}


def _idle(site: Site, design: Orderly, turns: Turns) -> dict[str, float]:
    outcome = measures.idle_at(site, design, commands=turns.idle, rounds=1)
    return {"idle_p50_ms": outcome.p50_ms, "idle_p99_ms": outcome.p99_ms}


def _accept(site: Site, design: Orderly, turns: Turns) -> dict[str, float]:
    outcome = measures.accept_at(site, design, commands=turns.accept, rounds=1)
    return {"accept": outcome.rate, "accept_p99_ms": outcome.p99_ms}
