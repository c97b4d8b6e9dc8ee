"""Options beside trims in the programme: what a USD of premium does to each limit.

A coin of an option gains G in a scenario, and moves net exposure by its delta. Equity loses what it costs
above its worth, the wallet its whole premium: that is why it lowers what stands behind cross margin.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from bot.model import Demand
from bot.planning.nature import SURVIVAL
from bot.planning.offers import Desk
from bot.planning.options.offering import Case, Way, bounds_of
from bot.planning.options.ranking import Candidate, gain_of
from bot.planning.sizing import Face
from bot.risk import black76
from bot.risk.figures import as_float

_REVALUED = frozenset({"account.stress_loss", "account.cushion"})


class Bought(Struct, frozen=True, dict=True):
    """One contract that may be bought for one parent, by the USD of premium."""

    case: Case
    candidate: Candidate
    room: float
    """The most USD that may be paid for it."""
    premiums: float
    """The most USD that its rule may still pay for all its options."""
    moves: Mapping[int, tuple[float, ...]]
    """How its base moves in the scenarios of each demand, by its identity."""
    key: str
    """Identity: two rules may buy the same contract."""
    name: str
    """Its name in the proof of a plan."""
    chords: tuple[tuple[float, float], ...]
    """Width in USD, and what half the spread, the fee and time take of one."""

    def expected(self, usd: float) -> float:
        """Expected cost of so many USD of premium."""
        return usd * self.chords[0][1]

    def coins(self, usd: float) -> float:
        """Coins that so many USD of premium buy."""
        return usd / self.candidate.fit.premium

    @property
    def exposure(self) -> float:
        """USD of exposure that a USD of premium takes off its parent at the most, by beta."""
        fit = self.candidate.fit
        return self.case.holding.beta * fit.forward / fit.premium

    def effect(self, demand: Demand, number: int, face: Face) -> float:
        """What one USD adds to the left side of a demand's face, its cost included."""
        if face.alone:
            return 0.0
        fit = self.candidate.fit
        if demand.metric in SURVIVAL:
            return face.cost_weight
        effect = face.cost_weight * fit.cost
        if demand.metric in _REVALUED:
            effect -= gain_of(fit, self.moves[id(demand)][number])
        elif demand.metric == "account.net_leverage":
            effect += (1.0 if number == 0 else -1.0) * self._leaning
        return effect / fit.premium

    @cached_property
    def _leaning(self) -> float:
        """USD of the reference market that one coin of it moves like now."""
        fit, market = self.candidate.fit, self.candidate.fit.market
        delta = black76.delta(market.right, fit.forward, as_float(market.strike), fit.years, fit.vol)
        return self.case.holding.beta * fit.forward * delta


def bought_of(ways: Sequence[Way], desk: Desk) -> list[Bought]:
    """Return the candidates of all parents as columns; what may not be bought at all is none."""
    request = desk.request
    found: list[Bought] = []
    for way in ways:
        case, parent = way.case, way.case.parent.key
        moves = {
            id(demand): tuple(desk.moves(one)[parent] for one in demand.scenarios)
            for demand in request.demands
            if demand.metric in _REVALUED
        }
        for candidate in way.candidates:
            fit = candidate.fit
            bounds = bounds_of(case, fit, request)
            offered = float(fit.most) * fit.coins * fit.premium
            room = min(bounds.coins * fit.premium, bounds.premium, offered)
            if room > 0.0:
                premiums = max(bounds.premium, 0.0)
                name = f"option {fit.market.symbol} for {parent}"
                key = f"{case.demand.rule}: {name}"
                chords = ((room, candidate.carrying / fit.premium),)
                found.append(Bought(case, candidate, room, premiums, moves, key, name, chords))
    return found
