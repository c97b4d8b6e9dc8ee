"""The journal's new entries turned into notices."""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bot.journal import Entry, Journal
from bot.journal import controls as c
from bot.journal import records as r
from bot.journal.told import Silenced, Summary
from bot.model import NoticeKind, Severity
from bot.notifications import account_words, control_words, order_words, rule_words
from bot.notifications.figures import Gauge
from bot.notifications.notice import Notice
from bot.notifications.sources import Source, Standing, standing_after

BATCH = 500
EPISODES_KEPT = 200

Words = Callable[[Source, Any], Iterator[Notice]]

WORDS: dict[type[Any], Words] = {
    r.Started: account_words.started,
    r.Stopped: account_words.stopped,
    r.FindingChanged: rule_words.finding_changed,
    r.BlindRule: rule_words.blind_rule,
    r.Decision: rule_words.decision,
    r.Outcome: order_words.outcome,
    r.Progress: order_words.progress,
    r.Verification: order_words.verification,
    r.Protection: account_words.protection,
    r.Blindness: account_words.blindness,
    r.Outside: account_words.outside,
    r.DifferencesSeen: account_words.differences,
    r.Adopted: account_words.adopted,
    r.Recovered: account_words.recovered,
    r.Failure: account_words.failure,
    r.Word: account_words.word,
    Silenced: account_words.silenced,
    Summary: account_words.summary,
    r.HedgeChanged: control_words.hedge_changed,
    c.Preview: control_words.preview,
    c.Proposed: control_words.proposed,
    c.Answered: control_words.answered,
    c.Reloaded: control_words.reloaded,
    c.EpisodeEnded: control_words.episode_ended,
    c.Churned: control_words.churned,
}
"""What is not here is not told: what is about to be sent, since what becomes of it is, and the telling."""


class News(Struct, frozen=True):
    """What a look into the journal found."""

    notices: tuple[Notice, ...]
    cursor: int
    standing: Standing
    more: bool
    """Whether there are entries behind these."""


def read_news(journal: Journal, cursor: int, standing: Standing, gauge: Gauge) -> News:
    """Read the entries behind `cursor` and word them; raises `JournalError`."""
    entries = journal.entries(after=cursor, limit=BATCH)
    notices: list[Notice] = []
    for entry in entries:
        source = Source(entry, journal, gauge, standing)
        try:
            body = entry.record
        except ValueError as error:  # of a kind or shape that this version does not know
            notices.append(_unreadable(source, error))
            continue
        notices += notices_of(source, body)
        standing = _after(standing, entry, body)
    end = max(map(attrgetter("seq"), entries), default=cursor)
    return News(tuple(notices), end, standing, len(entries) == BATCH)


def notices_of(source: Source, body: object) -> tuple[Notice, ...]:
    """Word one entry; nothing for kinds that are not told."""
    words = WORDS.get(type(body))
    return () if words is None else tuple(words(source, body))


def _unreadable(source: Source, error: ValueError) -> Notice:
    return source.notice(
        NoticeKind.FAILURE,
        Severity.WARNING,
        "unreadable",
        f"entry {source.entry.seq} of the journal cannot be read",
        f"{error}\n`reef journal verify` says whether it is as it was written.",
    )


def _after(standing: Standing, entry: Entry, body: object) -> Standing:
    standing = standing_after(standing, body)
    if isinstance(body, r.Blindness):
        blind = standing.blind | {entry.account} if body.ended is None else standing.blind - {entry.account}
        standing = replace(standing, blind=blind)
    told = rule_words.planned(body)
    if told:
        known = dict.fromkeys((*standing.planned, *told))
        standing = replace(standing, planned=tuple(known)[-EPISODES_KEPT:])
    return standing
