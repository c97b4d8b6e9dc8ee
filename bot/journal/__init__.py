"""The journal: an append-only record, chained by hash, and what the guard must remember."""

from bot.journal.chain import GENESIS, Draft, Entry, Head
from bot.journal.errors import (
    CorruptJournalError,
    DuplicateIntentError,
    FullDiskError,
    JournalError,
    LockedJournalError,
    MissingJournalError,
    NewerJournalError,
    NotAJournalError,
    SupersededError,
    UnwritableJournalError,
)
from bot.journal.journal import Journal, blob_digest
from bot.journal.lease import LeaseRow
from bot.journal.opening import open_journal
from bot.journal.pruning import Pruning
from bot.journal.verify import Problem, VerifyReport, verify
from bot.journal.worker import JournalWorker

__all__ = [
    "GENESIS",
    "CorruptJournalError",
    "Draft",
    "DuplicateIntentError",
    "Entry",
    "FullDiskError",
    "Head",
    "Journal",
    "JournalError",
    "JournalWorker",
    "LeaseRow",
    "LockedJournalError",
    "MissingJournalError",
    "NewerJournalError",
    "NotAJournalError",
    "Problem",
    "Pruning",
    "SupersededError",
    "UnwritableJournalError",
    "VerifyReport",
    "blob_digest",
    "open_journal",
    "verify",
]
