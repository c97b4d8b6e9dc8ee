"""What can go wrong with a journal, in words that say what to do next."""

from pathlib import Path

from bot.errors import ReefError


class JournalError(ReefError):
    """Root of the journal's failures. `path` is the file that was tried."""

    def __init__(self, path: Path, came: str, hint: str) -> None:
        super().__init__(f"journal {path}: {came}. {hint}")
        self.path = path
        self.came = came
        self.hint = hint


class MissingJournalError(JournalError):
    """There is no file, and none was to be made."""


class NotAJournalError(JournalError):
    """The path holds something else; it was left as it is."""


class NewerJournalError(JournalError):
    """A newer version of the program wrote the file."""


class LockedJournalError(JournalError):
    """Another process held the file for longer than the time allowed for waiting."""


class FullDiskError(JournalError):
    """There is no room for the entry; nothing of it was written."""


class CorruptJournalError(JournalError):
    """The file is damaged."""


class UnwritableJournalError(JournalError):
    """The file or its directory cannot be written, or the journal was opened for reading."""


class SupersededError(JournalError):
    """A newer daemon took the journal over; nothing of the older one is written any more."""

    def __init__(self, path: Path, epoch: int, current: int) -> None:
        super().__init__(
            path,
            f"a newer daemon took it over (epoch {current}, this one had {epoch})",
            "This one writes and sends nothing more; protective stops stay where they are.",
        )


class DuplicateIntentError(JournalError):
    """An intent was to be prepared, or ended, a second time. Nothing was written."""
