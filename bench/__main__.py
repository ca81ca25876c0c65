"""`python -m bench`: measure Orderly beside pgbench and the ordinary design, in one run on servers of its own.

Progress goes to standard error; a table and, as the last line, one JSON object go to standard output. The exit status
says whether everything could be measured and did what it should, not whether a bar was reached.
"""

import argparse
import datetime
import fcntl
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench import report
from bench.measures import WrongError
from bench.processes import ProcessError
from bench.report import say
from bench.stage import Stage
from bench.suite import GROWN, MEASURES, QUICK, Measured, Sizes
from config import embedded
from config.processes import PROJECT

FOLDER = PROJECT / ".data" / "bench"
SERVERS = FOLDER / "servers"
RESULTS = PROJECT / "bench-results.json"


def main() -> int:
    """Measure what was asked for; 0 when all of it was measured."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    began = time.monotonic()
    with _servers() as servers:
        stage = Stage(servers, SERVERS, embedded.postgres_binaries(), FOLDER / "logs")
        facts = report.machine(stage.server_version())
        measured, failures = _measure(stage, _wanted(options), QUICK if options.quick else Sizes())
    facts["seconds"] = round(time.monotonic() - began)
    publish(measured, failures, facts | {"quick": options.quick})
    return 1 if failures else 0


@contextmanager
def _servers() -> Iterator[embedded.Servers]:
    """Servers on an empty folder of their own, gone again afterwards; what a killed run left behind goes first."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another benchmark is running; two would measure each other")
        if SERVERS.exists():
            embedded.remove(SERVERS)
        try:
            yield embedded.start(SERVERS)
        except embedded.EmbeddedError as error:
            sys.exit(str(error))
        finally:
            embedded.remove(SERVERS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Orderly beside other designs.")
    parser.add_argument("--quick", action="store_true", help="one short round of each, for a first impression")
    parser.add_argument("--only", type=_names, default=None, help=f"some of {','.join(MEASURES)}")
    parser.add_argument("--grown", action="store_true", help=f"also {GROWN}: beside a past of a million commands")
    return parser.parse_args()


def _wanted(options: argparse.Namespace) -> list[str]:
    """The measures asked for; growth, which takes minutes, only when it is named."""
    names = options.only or [name for name in MEASURES if name != GROWN]
    return [*names, GROWN] if options.grown and GROWN not in names else names


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not among {', '.join(MEASURES)}")
    return names


def _measure(stage: Stage, names: Sequence[str], sizes: Sizes) -> tuple[Measured, list[str]]:
    measured = Measured(figures={})
    failures = []
    for number, name in enumerate(names, start=1):
        began = time.monotonic()
        say(f"[{number}/{len(names)}] {name} ...")
        try:
            found = MEASURES[name](stage, sizes)
        except (WrongError, ProcessError) as error:
            failures.append(f"{name}: {error}")
            say(f"    failed: {error}")
            continue
        measured.figures.update(found.figures)
        measured.extra.update(found.extra)
        shown = ", ".join(f"{key} {value:,.1f}" for key, value in found.figures.items())
        say(f"    {shown}  ({time.monotonic() - began:.0f} s)")
    return measured, failures


def publish(measured: Measured, failures: Sequence[str], facts: dict[str, object]) -> None:
    """Print the table, then the object, and write both down."""
    figures = report.keyed(measured.figures)
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    results = {"measured_at": at, "machine": facts, "figures": figures, "extra": measured.extra, "failures": failures}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(report.table(measured.figures, measured.extra))
    for failure in failures:
        print(f"FAILED {failure}")
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
