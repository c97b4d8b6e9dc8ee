"""Structured logs, for people or as JSON, with known secrets blotted out."""

import logging
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import TextIO, cast

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


class Undisturbed:
    """A stream whose lines are dropped where they cannot be written: a full disk must not stop the guard."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with suppress(OSError):
            self._stream.flush()


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
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Undisturbed(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = StandardError(cast("TextIO", Undisturbed(sys.stderr)))
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
