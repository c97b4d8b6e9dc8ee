"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Market data and recorded payloads that live beside the repository."""
    path = Path(os.environ.get("REEF_SHARED_DIR", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"no market data and fixtures at {path}; set REEF_SHARED_DIR")
    return path
