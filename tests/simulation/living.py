"""One seed in a process of its own."""

import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

import structlog

from tests.simulation.day import Outcome, failed, simulate
from tests.simulation.virtual import run

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: a journal there costs no wait for a disk."""


def _drop(_logger: Any, _method: str, _event: Any) -> NoReturn:
    raise structlog.DropEvent


def live(seed: int) -> Outcome:
    """Live through one seed in this process. What nobody foresaw is told as a violation, with its place."""
    structlog.configure(processors=[_drop])
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        try:
            return run(simulate(seed, Path(folder)))
        except Exception:  # noqa: BLE001 - an error of the guard, or of this harness: the seed has failed
            return failed(seed, traceback.format_exc())
