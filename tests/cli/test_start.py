"""A command imports what it needs, and no more: people and scripts wait for it."""

import json
import subprocess
import sys

TELL = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
"""
UNBUILT = """
import bot.rules, bot.scenarios.loading
from bot.documents import Shape
built = {one.__name__ for one in Shape.__subclasses__() if one.__pydantic_complete__}
assert not built & {"FileShape", "RuleShape", "TrimShape", "HedgeShape", "ScenarioShape"}, built
"""
COMMAND = "from bot.cli import main\nmain({arguments!r})\n"


def imported(*arguments: str) -> set[str]:
    """Modules that a command has imported when it ends."""
    return imported_by(COMMAND.format(arguments=arguments))


def imported_by(code: str) -> set[str]:
    """Modules that a process has imported when it ends."""
    command = [sys.executable, "-c", TELL + code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


def test_a_stress_of_the_demo_speaks_to_no_venue_reads_no_journal_and_draws_no_picture() -> None:
    found = imported("stress", "--demo", "--json", "--only", "BTC -5 %")
    assert "bot.demo.recorded" in found
    assert not found & {"sqlalchemy", "alembic", "apprise", "apscheduler", "cel", "matplotlib", "structlog"}
    assert not found & {"ccxt", "aiohttp", "asyncio", "bot.exchange", "bot.sandbox", "bot.demo.inside"}
    assert not found & {"bot.bootstrap", "bot.guard", "bot.execution", "bot.settings", "bot.cli.check"}


def test_a_client_is_of_one_venue() -> None:
    found = imported_by("import bot.exchange.factory\n")
    assert "ccxt.async_support.bybit" in found
    assert "ccxt.binance" not in found


def test_checking_rules_looks_at_no_account() -> None:
    found = imported("rules", "check", "balanced")
    assert "bot.rules.loading" in found
    assert not found & {"aiohttp", "asyncio", "ccxt", "numpy", "sqlalchemy", "bot.decision", "bot.settings"}


def test_a_version_needs_no_command() -> None:
    found = imported("--version")
    assert not found & {"bot.cli.run", "bot.documents", "bot.rules", "bot.journal", "ccxt", "numpy", "ruamel"}


def test_nothing_large_is_imported_before_the_process_is_spared() -> None:
    assert not imported_by("import bot.cli\n") & {"bot.documents", "numpy", "pydantic", "ruamel"}


def test_a_validator_waits_until_something_is_validated() -> None:
    imported_by(UNBUILT)
