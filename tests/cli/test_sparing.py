"""The process of a command is spared what it does not need; one that only lends itself is left alone."""

import gc
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from bot.cli.sparing import UNUSED, leave, spare
from bot.daemon.collector import THRESHOLD
from tests.cli.support import reef

TELL = """
import atexit, gc, json, os, sys
from bot.cli import main
from bot.cli.sparing import UNUSED

def tell():
    threads = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 1
    found = {"threshold": gc.get_threshold()[0], "frozen": gc.get_freeze_count(), "threads": threads}
    sys.stderr.write(json.dumps({**found, "environ": {name: os.environ.get(name) for name in UNUSED}}))

atexit.register(tell)
main()
"""


def left_by(*arguments: str) -> Any:
    """What stands when a command has ended, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in UNUSED}
    command = [sys.executable, "-c", TELL, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=kept)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr)


def test_the_process_of_a_command_is_spared() -> None:
    left = left_by("stress", "--demo", "--only", "BTC -60 %")
    assert left["threshold"] == THRESHOLD
    assert left["frozen"] > 0
    assert left["threads"] == 1
    assert left["environ"] == UNUSED


def test_what_the_owner_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")  # given back with the test
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    before = gc.get_threshold()
    try:
        spare()
        leave()
        assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
        assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_process_that_lends_itself_is_left_alone() -> None:
    before = gc.get_freeze_count(), gc.get_threshold(), dict(os.environ)
    assert reef("--version").code == 0
    assert (gc.get_freeze_count(), gc.get_threshold(), dict(os.environ)) == before
