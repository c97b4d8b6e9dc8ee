"""The demo's account as a guard saw it at its first look, out of a file that ships.

`bot.demo.inside` wrote the file; a test looks again and holds it to what the sandbox shows. So nobody who
only wants to see the account waits for an exchange, its history of prices and a client that speaks to it.
"""

from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.documents import shipped_path
from bot.rules import RuleSet
from bot.rules.wanted import buys_options, hedging_symbols

ACCOUNT = "demo"
FILE = "demo-account.json"

T = TypeVar("T")


class Inside(Struct, frozen=True):
    """What one look saw."""

    given: DecisionInput
    listed: frozenset[str]
    """Symbols of the venue's markets."""
    reference: str
    """Symbol of the market that betas refer to."""


def first_look(rules: RuleSet, also: frozenset[str] = frozenset()) -> Inside:
    """Return what a guard with these rules sees at its first look, and markets of `also` too.

    Raises `DocumentError` where the file is missing.
    """
    whole = msgspec.json.decode(shipped_path(FILE).read_bytes(), type=Inside)
    snapshot, stats = whole.given.snapshot, whole.given.stats
    held = frozenset(one.symbol for one in snapshot.positions)
    shown = held | hedging_symbols(rules, whole.reference) | also
    measured = held | also
    given = replace(
        whole.given,
        snapshot=replace(
            snapshot,
            marks=_of(snapshot.marks, shown),
            markets=_of(snapshot.markets, shown),
            tiers=_of(snapshot.tiers, shown),
            options_read=buys_options(rules),
        ),
        stats=replace(
            stats,
            betas=_of(stats.betas, measured),
            atr=_of(stats.atr, measured),
            daily_sigma=_of(stats.daily_sigma, measured),
        ),
    )
    return replace(whole, given=given)


def _of(figures: dict[str, T], symbols: frozenset[str]) -> dict[str, T]:
    return {symbol: figure for symbol, figure in figures.items() if symbol in symbols}
