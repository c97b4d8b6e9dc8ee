"""What is left when a fall is over: what must be as without a kill, and what must hold in any case."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.journal import Journal, open_journal, verify
from bot.journal.records import FindingChanged, Kind, Outcome
from bot.record import RULES, remembered_rules
from bot.sandbox.host import Sandbox


class Aftermath(msgspec.Struct):
    """The end of one run."""

    positions: dict[str, Decimal]
    """Contracts held, by the venue's symbols."""
    stops: dict[str, Decimal]
    """Triggers of the stops that rest."""
    standings: list[tuple[str, str, str]]
    """Rule, target and state."""
    episodes: dict[str, int]
    """How many episodes of each rule and target began and ended."""
    wrong: list[str]
    """What must never be, in words."""
    starts: int
    unused: int
    """Kills whose moment never came."""
    orders: int


def aftermath(sandbox: Sandbox, path: Path, account: str, *, starts: int, unused: int) -> Aftermath:
    """Read it from venue and journal."""
    held = {one.symbol: one for one in sandbox.engine.positions(account) if one.size}
    with open_journal(path, create=False, read_only=True) as journal:
        standings = remembered_rules(journal.load_memory(account, RULES)).standings
        return Aftermath(
            positions={symbol: one.size for symbol, one in held.items()},
            stops={symbol: one.stop_loss or Decimal(0) for symbol, one in held.items()},
            standings=sorted((one.rule, one.target.text, one.state.value) for one in standings),
            episodes=_episodes(journal),
            wrong=_wrong(sandbox, journal, account),
            starts=starts,
            unused=unused,
            orders=len(_orders(sandbox)),
        )


def _episodes(journal: Journal) -> dict[str, int]:
    names: dict[str, set[str]] = {}
    for entry in journal.entries(kind=Kind.FINDING, limit=100_000):
        if entry.episode and isinstance(body := entry.record, FindingChanged):
            names.setdefault(f"{body.finding.rule} {body.finding.target.text}", set()).add(entry.episode)
    return {key: len(found) for key, found in sorted(names.items())}


def _orders(sandbox: Sandbox) -> list[str]:
    return [
        one.client_id
        for one in sandbox.log.listing()
        if one.path == "/v5/order/create" and one.executed and one.code == 0
    ]


def _wrong(sandbox: Sandbox, journal: Journal, account: str) -> list[str]:
    """Whatever breaks an invariant."""
    found = []
    prepared = {entry.intent for entry in journal.entries(kind=Kind.PREPARED, limit=100_000)}
    ended = {entry.intent: entry.record for entry in journal.entries(kind=Kind.OUTCOME, limit=100_000)}
    for name, count in Counter(_orders(sandbox)).items():
        if name not in prepared:
            found.append(f"order {name} has no intent")
        if count != 1:
            found.append(f"order {name} was accepted {count} times")
        outcome = ended.get(name)
        if not isinstance(outcome, Outcome) or not outcome.filled:
            found.append(f"order {name} was accepted, and the journal says {outcome}")
    found += [f"intent {entries[0].intent} is open" for entries in journal.open_intents(account)]
    if sandbox.engine.liquidations(account):
        found.append("the account was liquidated")
    found += [problem.what for problem in verify(journal.path).problems]
    lease = journal.lease()
    found += [] if lease is not None and lease.epoch else ["nobody took the lease"]
    return found
