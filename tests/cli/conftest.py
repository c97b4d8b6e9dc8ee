"""Fixtures of the command line's tests: a sandbox, and a journal that tells of a trim."""

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.cli.output import console
from bot.journal.records import Kind
from bot.sandbox.engine.types import Side
from tests.cli.support import Venue, sandbox
from tests.guard.support import bench


@pytest.fixture(autouse=True)
def _fresh_logs() -> Iterator[None]:
    """Give logging back as it was: commands point it at a stream that ends with the test."""
    before = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 120)


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Serve a sandbox for the session."""
    with sandbox(tmp_path_factory.mktemp("venue")) as serving:
        yield serving


async def _record(folder: Path) -> Path:
    async with bench(folder) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        it.open("ETHUSDT", Side.BUY, "60")
        for _ in range(3):
            assert (await it.guard.cycle()).error == ""
        assert it.of_kind(Kind.OUTCOME)
    return folder / "journal.sqlite"


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(_record(tmp_path_factory.mktemp("recorded")))


@pytest.fixture
def recorded(_recorded: Path, tmp_path: Path) -> Path:
    """A journal of one account whose leverage was trimmed, to do with as a test likes."""
    return Path(shutil.copy(_recorded, tmp_path / "recorded.sqlite"))
