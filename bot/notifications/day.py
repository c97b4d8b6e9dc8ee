"""The day of an account, from its tally and the journal; and how it is told."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

import msgspec

from bot.journal import Journal
from bot.journal.records import FindingChanged, Kind, Outcome
from bot.journal.told import AccountDay, WorstSeen
from bot.model import Number, Sense, State, Unknown
from bot.notifications.figures import Gauge, money, span
from bot.notifications.silence import silences
from bot.notifications.tally import Tally

NAME = "tally"
"""Under which an account's running day is remembered."""
MOST = 100_000
MOST_WORST = 5

Halted = Callable[[Journal, str], str]
"""Says why an account is halted, '' where it is not."""


def remembered_tally(journal: Journal, account: str) -> Tally | None:
    """Read the running day of an account, None where there is none."""
    body = journal.load_memory(account, NAME)
    return msgspec.json.decode(body, type=Tally) if body else None


def day_of(journal: Journal, account: str, tally: Tally, now: datetime, halted: Halted) -> AccountDay:
    """Sum up the running day of an account; raises `JournalError`."""
    traded = [
        one
        for entry in journal.entries(kind=Kind.OUTCOME, account=account, after=tally.entry, limit=MOST)
        if isinstance(one := entry.record, Outcome) and one.filled
    ]
    begun, acting = _episodes(journal, account, tally)
    names = [one for one in silences(journal, now) if one.account in ("", account)]
    return AccountDay(
        account=account,
        since=tally.since,
        until=now,
        equity=tally.equity,
        equity_before=tally.equity_before,
        unit_change=_change(tally.unit_before, tally.unit),
        worst=tuple(sorted(tally.worst, key=lambda one: -one.strain)),
        episodes=begun,
        acting=acting,
        orders=len(traded),
        notional=sum((one.notional for one in traded), Decimal(0)),
        fees=sum((one.fee for one in traded), Decimal(0)),
        loss=sum((one.loss for one in traded), Decimal(0)),
        positions=tally.positions,
        protected=tally.positions - tally.bare,
        unknown=tally.unknown,
        unseen=tally.unseen,
        halted=halted(journal, account),
        silences=tuple(f"{one.what} until {one.until:%Y-%m-%d %H:%M} UTC: {one.why}" for one in names),
    )


def _episodes(journal: Journal, account: str, tally: Tally) -> tuple[int, tuple[str, ...]]:
    """How many episodes began, and the rules of those that go on."""
    begun: dict[str, str] = {}
    for entry in journal.entries(kind=Kind.FINDING, account=account, after=tally.entry, limit=MOST):
        record = entry.record
        if isinstance(record, FindingChanged):
            one = record.finding
            if one.state is State.FIRING and one.episode:
                begun[one.episode] = one.rule
            elif one.state in {State.INACTIVE, State.COOLING} and entry.episode in begun:
                begun[entry.episode] = ""
    return len(begun), tuple(dict.fromkeys(rule for rule in begun.values() if rule))


def _change(before: Number, after: Number) -> Number:
    for one in (before, after):
        if isinstance(one, Unknown):
            return one
    assert not isinstance(before, Unknown)
    assert not isinstance(after, Unknown)
    return after / before - 1.0 if before > 0 else Unknown(f"the unit value began at {before:g}")


def day_lines(day: AccountDay, gauge: Gauge) -> Iterator[str]:
    """Tell a day, a line at a time."""
    yield f"{day.account}, since {day.since:%Y-%m-%d %H:%M} UTC"
    before = f" (was {money(day.equity_before)})"
    yield f"equity {money(day.equity)} USD{before}, unit value {_signed(day.unit_change)}"
    traded = (
        f": {money(day.notional, 0)} USD traded, fees {money(day.fees)}, "
        f"realised loss and cost {money(day.loss)}"
    )
    orders = f"{_count(day.orders, 'order')} filled" + (traded if day.orders else "")
    yield f"{_count(day.episodes, 'episode')}, {orders}"
    if day.acting:
        yield f"still acting: {', '.join(day.acting)}"
    yield f"stops rest for {day.protected} of {_count(day.positions, 'position')}"
    for one in day.worst[:MOST_WORST]:
        yield _worst(one, gauge)
    yield from (f"{rule} could not be known for {span(seconds)}" for rule, seconds in day.unknown.items())
    if day.unseen:
        yield f"not seen for {span(day.unseen)}"
    if day.halted:
        yield f"HALTED: {day.halted}"
    yield from (f"silent: {one}" for one in day.silences)


def _worst(one: WorstSeen, gauge: Gauge) -> str:
    sign = ">" if one.sense is Sense.MAX else "<"
    value, limit = gauge.value(one.metric, one.value), gauge.limit(one.metric, one.limit)
    past = " PAST" if one.strain > 1 else ""
    return f"{one.rule}: at worst {value} (fires {sign} {limit}){past}, {one.where}, {one.at:%H:%M} UTC"


def _signed(value: Number) -> str:
    return "unknown" if isinstance(value, Unknown) else f"{value * 100:+.2f} %"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
