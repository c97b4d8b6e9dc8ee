"""Fixtures for all tests."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bot.daemon import collector

# How fast a machine draws examples, while it does other things, says nothing about what is tested.
settings.register_profile("reef", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("reef")

gc.set_threshold(collector.THRESHOLD)  # as the daemon has it
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what processes of one host share (budgets, bans) from the user's own, and from earlier runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Market data and recorded payloads that live beside the repository."""
    path = Path(os.environ.get("REEF_SHARED_DIR", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"no market data and fixtures at {path}; set REEF_SHARED_DIR")
    return path
