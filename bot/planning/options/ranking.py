"""Which contract protects most for what it costs.

    (half spread + fee + theta over the hold) / (0.9 (V(scenario) - V(now)))

Nine tenths of the gain are counted on: where everybody wants to sell, an option is sold below its worth.
"""

from collections.abc import Iterable

from msgspec import Struct

from bot.planning.options.screening import Fit

COUNTED = 0.9
"""Share of an option's gain that is counted on."""
MOST = 10
"""Candidates that are kept."""


class Candidate(Struct, frozen=True):
    """A contract and what one coin of it costs and brings, in the settle currency."""

    fit: Fit
    gain: float
    """What of the gain in the scenario is counted on."""
    carrying: float
    """Half spread, fee and what time takes over the hold."""

    @property
    def score(self) -> float:
        """Cost of one USD of protection."""
        return self.carrying / self.gain


def gain_of(fit: Fit, move: float) -> float:
    """Return what one coin gains by a move of its base: nine tenths of it, a loss in full."""
    known = fit.gains.get(move)
    if known is None:
        change = fit.value(move) - fit.worth
        known = fit.gains[move] = COUNTED * change if change > 0.0 else change
    return known


def ranked(fits: Iterable[Fit], move: float, hold_days: float, most: int = MOST) -> tuple[Candidate, ...]:
    """Return the cheapest candidates for a move of the base, best first; what costs more than it brings is
    none."""
    found: list[Candidate] = []
    for fit in fits:
        gain = gain_of(fit, move)
        if gain > fit.cost:
            carrying = fit.half_spread + fit.fee + fit.decay(hold_days)
            found.append(Candidate(fit, gain, carrying))
    return tuple(sorted(found, key=lambda one: (one.score, one.fit.market.symbol))[:most])
