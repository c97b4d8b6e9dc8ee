"""`reef abandon`: the operator's word on an intent that the venue does not settle."""

import asyncio
import shutil
from pathlib import Path

import pytest

from bot.cli import control
from bot.journal import open_journal
from bot.journal.records import Command, IntentState, Kind, Outcome, Word
from bot.sandbox.engine.types import Side
from tests.cli.support import reef
from tests.guard.support import bench


async def _unknown(folder: Path) -> Path:
    async with bench(folder) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        it.fault("drop", path="/v5/order/create")
        assert (await it.guard.cycle()).error == ""
        assert await it.guard.executor.blocked_symbols()
    return folder / "journal.sqlite"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(_unknown(tmp_path_factory.mktemp("unknown")))


@pytest.fixture
def unknown(_made: Path, tmp_path: Path) -> Path:
    """A journal with one order of which nobody knows what became."""
    return Path(shutil.copy(_made, tmp_path / "unknown.sqlite"))


def open_names(path: Path) -> list[str]:
    """Names of the orders that are open in a journal."""
    with open_journal(path, read_only=True) as journal:
        return [entries[0].intent for entries in journal.open_intents("main")]


def test_an_intent_is_abandoned_for_the_record(unknown: Path) -> None:
    before = open_names(unknown)
    name = before[0]
    done = reef("abandon", name, "--why", "it never arrived", "--journal", unknown)
    assert done.code == 0
    assert "takes orders again" in done.out
    assert open_names(unknown) == before[1:]
    with open_journal(unknown, read_only=True) as journal:
        (word,) = journal.entries(kind=Kind.WORD)
        assert word.record == Word(Command.ABANDON, control.operator(), "it never arrived")
        outcome = journal.entries(intent=name)[-1].record
    assert isinstance(outcome, Outcome)
    assert outcome.state is IntentState.ABANDONED


def test_what_is_not_open_is_told_with_what_is(unknown: Path) -> None:
    names = open_names(unknown)
    wrong = reef("abandon", names[0][:-1], "--why", "x", "--journal", unknown)
    assert wrong.code == 2
    assert f"did you mean {names[0]!r}?" in wrong.err
    for name in names:
        assert reef("abandon", name, "--why", "x", "--journal", unknown, "--json").value["abandoned"] == name
    again = reef("abandon", names[0], "--why", "x", "--journal", unknown)
    assert again.code == 2
    assert "No intent is open" in again.err


def test_a_reason_is_needed(unknown: Path) -> None:
    done = reef("abandon", open_names(unknown)[0], "--why", " ", "--journal", unknown)
    assert done.code == 2
    assert open_names(unknown)
