"""`python -m benchmarks.unpaced FILE ...` is `reef ...`, and writes into FILE when everything was imported.

With `UNPACED` in the environment nothing waits between requests: that pause is the venue's limit, and would
hide what is compared.
"""

import importlib
import os
import sys
import time
from pathlib import Path

from bot.cli import main
from bot.exchange.client import BybitClient

LATE = ("bot.bootstrap", "sqlalchemy.dialects.sqlite", "apscheduler.executors.asyncio", "encodings.utf_8_sig")
"""What the daemon imports only when it runs."""


async def at_once(_client: BybitClient, *_request: object) -> None:
    """Let a request go."""


if __name__ == "__main__":
    for name in LATE:
        importlib.import_module(name)
    if "UNPACED" in os.environ:
        BybitClient._take_turn = at_once  # type: ignore[method-assign, assignment]
    Path(sys.argv[1]).write_text(repr(time.time()))
    main(sys.argv[2:])
