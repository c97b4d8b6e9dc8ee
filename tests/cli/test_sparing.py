"""The process of a command is spared what it does not need; one that only lends itself is left alone."""

import gc
import json
import os
import subprocess
import sys
from typing import Any

from bot.cli.sparing import UNUSED
from bot.daemon.collector import THRESHOLD
from tests.cli.support import reef

TELL = """
import atexit, gc, json, os, sys
from bot.cli import main

def tell():
    threads = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 1
    found = {"threshold": gc.get_threshold()[0], "frozen": gc.get_freeze_count(), "threads": threads}
    sys.stderr.write(json.dumps({**found, "environ": dict(os.environ)}))

atexit.register(tell)
main()
"""


def left_by(*arguments: str, **environ: str) -> Any:
    """What stands when a command has ended, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in UNUSED}
    command = [sys.executable, "-c", TELL, *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=kept | environ
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr)


def test_the_process_of_a_command_is_spared() -> None:
    left = left_by("stress", "--demo", "--only", "BTC -60 %")
    assert left["threshold"] == THRESHOLD
    assert left["frozen"] > 0
    assert left["threads"] == 1
    assert UNUSED.items() <= left["environ"].items()


def test_what_the_owner_set_stays() -> None:
    left = left_by("--version", OPENBLAS_NUM_THREADS="3")
    assert left["environ"]["OPENBLAS_NUM_THREADS"] == "3"


def test_a_process_that_lends_itself_is_left_alone() -> None:
    before = gc.get_freeze_count(), gc.get_threshold(), dict(os.environ)
    assert reef("--version").code == 0
    assert (gc.get_freeze_count(), gc.get_threshold(), dict(os.environ)) == before
