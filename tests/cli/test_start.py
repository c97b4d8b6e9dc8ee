"""A command imports what it needs, and no more: people and scripts wait for it."""

import json
import subprocess
import sys

TELL = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
from bot.cli import main
main({arguments!r})
"""


def imported(*arguments: str) -> set[str]:
    """Modules that a command has imported when it ends."""
    command = [sys.executable, "-c", TELL.format(arguments=arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


def test_a_stress_of_the_demo_reads_no_journal_and_draws_no_picture() -> None:
    found = imported("stress", "--demo", "--json", "--only", "BTC -5 %")
    assert "ccxt.async_support.bybit" in found
    assert not found & {"sqlalchemy", "alembic", "apprise", "apscheduler", "cel", "matplotlib"}
    assert "ccxt.binance" not in found
    assert not found & {"bot.bootstrap", "bot.guard", "bot.execution", "bot.settings", "bot.cli.check"}


def test_a_version_needs_no_command() -> None:
    assert not imported("--version") & {"bot.cli.run", "bot.rules", "bot.journal", "ccxt"}
