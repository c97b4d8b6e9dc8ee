"""What a process that runs one command need not do."""

import gc
import os

from bot.daemon.collector import THRESHOLD

UNUSED = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""The library below numpy starts a thread for each processor, for algebra that Reef never does. Pydantic
searches all that is installed for plugins, and none may have a say in what a rule means."""


def spare() -> None:
    """Call this before anything large is imported. What the owner set stays."""
    gc.set_threshold(THRESHOLD)
    for name, value in UNUSED.items():
        os.environ.setdefault(name, value)


def leave() -> None:
    """Call this last: everything goes with the process, and need not be looked through for garbage before."""
    gc.freeze()
