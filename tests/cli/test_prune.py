"""`reef journal prune`, and what the other commands say of what it took out."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli import prune
from bot.clock import SystemClock, VirtualClock
from bot.journal.records import Kind
from bot.sandbox.engine.types import Side
from tests.cli.support import reef, write_config
from tests.guard.support import bench

URL = "http://127.0.0.1:9"


@pytest.fixture
def much_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock() -> VirtualClock:
        return VirtualClock(SystemClock().now() + timedelta(days=100))

    monkeypatch.setattr(prune, "SystemClock", clock)


async def _watch(folder: Path) -> Path:
    async with bench(folder, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(3):
            assert (await it.guard.cycle()).error == ""
        assert it.of_kind(Kind.DECISION)
    return folder / "journal.sqlite"


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A journal of an account that was only watched."""
    return asyncio.run(_watch(tmp_path))


@pytest.mark.usefixtures("much_later")
def test_a_story_that_was_acted_on_is_told_as_before(recorded: Path) -> None:
    before = reef("explain", "last", "--journal", recorded)
    assert "the same plan, byte for byte" in before.out
    done = reef("journal", "prune", "--journal", recorded, "--older-than", "90d", "--json")
    assert done.code == 0
    after = reef("explain", "last", "--journal", recorded)
    assert (after.code, after.out) == (before.code, before.out)
    assert reef("journal", "verify", "--journal", recorded).code == 0


@pytest.mark.usefixtures("much_later")
def test_a_dry_run_says_it_and_changes_nothing(watched: Path) -> None:
    dry = reef("journal", "prune", "--journal", watched, "--older-than", "90d", "--dry-run")
    assert dry.code == 0
    assert "would be pruned" in dry.out
    counted = reef("journal", "prune", "--journal", watched, "--older-than", "90d", "--dry-run", "--json")
    real = reef("journal", "prune", "--journal", watched, "--older-than", "90d", "--json")
    assert counted.value["decisions"] == real.value["decisions"] > 0
    assert (counted.value["dry_run"], real.value["dry_run"]) == (True, False)
    again = reef("journal", "prune", "--journal", watched, "--older-than", "90d")
    assert "the inputs of 0 decisions" in again.out


@pytest.mark.usefixtures("much_later")
def test_what_was_pruned_is_called_so(watched: Path) -> None:
    assert reef("journal", "prune", "--journal", watched, "--older-than", "90d").code == 0
    told = reef("explain", "last", "--journal", watched)
    assert told.code == 0
    assert "its input was pruned" in told.out
    assert "nothing was sent from those" in told.out
    assert "what was seen can no longer be read" in told.out
    verified = reef("journal", "verify", "--journal", watched)
    assert verified.code == 0
    assert "were pruned, as the journal itself records" in verified.out
    assert "pruned the inputs of" in reef("journal", "--journal", watched, "--kind", "pruned").out


@pytest.mark.usefixtures("much_later")
def test_a_config_says_how_long(watched: Path) -> None:
    config = write_config(watched.parent, URL, more="retention: {decisions: 90d}\n")
    watched.rename(watched.with_name("reef.sqlite"))
    done = reef("journal", "prune", "--config", config)
    assert done.code == 0
    assert "older than 90d were pruned" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--older-than", "90"), "is not a duration"),
        (("--older-than", "2h"), "a day is the least"),
        ((), "write retention: {decisions: 90d}"),
    ],
)
def test_how_long_must_be_said(recorded: Path, options: tuple[str, ...], words: str) -> None:
    config = write_config(recorded.parent, URL)
    done = reef("journal", "prune", "--journal", recorded, "--config", config, *options)
    assert done.code == 2
    assert words in done.err


def test_sizes_are_written_in_the_unit_that_fits() -> None:
    size: Callable[[int], str] = prune._size
    assert (size(2_345_678), size(2_345)) == ("2.3 MB", "2.3 kB")
