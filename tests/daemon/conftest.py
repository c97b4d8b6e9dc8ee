"""Fixtures of the daemon's tests."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _fresh_logs() -> Iterator[None]:
    """Give logging back as it was: commands point it at a stream that ends with the test."""
    before = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before
