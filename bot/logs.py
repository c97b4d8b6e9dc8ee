"""Structured logs, for people or as JSON, with known secrets blotted out."""

import logging
import sys
from collections.abc import Collection
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

BLOT = "[secret]"
SHORTEST_SECRET = 4
"""Shorter ones are no secrets, and blotting them would make words unreadable."""


class SecretBlotter:
    """Replaces every known secret in whatever is about to be logged."""

    def __init__(self, secrets: Collection[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Blot the values of one event."""
        for key, value in event.items():
            event[key] = self._clean(value)
        return event

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self._blot(value)
        if isinstance(value, int | float | bool) or value is None:
            return value
        text = str(value)
        blotted = self._blot(text)
        return value if blotted == text else blotted

    def _blot(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        return text


class StandardError(logging.StreamHandler[TextIO]):
    """Takes what libraries log."""


def configure_logs(*, as_json: bool, level: str, secrets: Collection[str] = ()) -> None:
    """Send structured logs to standard error; libraries' own loggers below warning stay silent.

    Everything passes the blotter last, libraries' lines and tracebacks too. With `as_json` each line is one
    object.
    """
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [structlog.processors.format_exc_info, SecretBlotter(secrets), renderer]
    structlog.configure(
        processors=[*before, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = StandardError(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for known in [one for one in root.handlers if isinstance(one, StandardError)]:
        root.removeHandler(known)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # A poll that outlasts its interval is no news, and a job that failed is told by the daemon.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
