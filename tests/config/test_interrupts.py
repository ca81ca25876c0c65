"""Being asked to stop through make: a script that signals make alone must not wait for ever."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.processes import PROJECT

WAITS = """
from config.interrupts import Interrupted, Interrupts
interrupts = Interrupts()
print("waits", flush=True)
try:
    while True:
        interrupts.pause()
except Interrupted:
    print("stops", flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists() or not shutil.which("make"), reason="reads make's /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_make_alone_stops_what_it_runs(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "Makefile").write_text(f"up:\n\t@PYTHONPATH={PROJECT} exec {sys.executable} waits.py\n")
    with subprocess.Popen(["make", "up"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == "waits\n"
        make.send_signal(number)
        assert make.stdout.readline() == "stops\n"
        make.wait(10)
