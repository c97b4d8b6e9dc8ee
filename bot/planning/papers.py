"""Options in the check: valued by the two exercise probabilities of the lognormal, not by the risk's formula.

A put is worth what a call is, less the forward, and the strike more; so one value serves both.
"""

from math import log
from statistics import NormalDist

from bot.planning.recomputation import Paper

DISCOUNT = 0.1
"""Share of a gain that is not counted on."""
_NORMAL = NormalDist()


def call_value(forward: float, strike: float, spread: float) -> float:
    """Return the worth of a call on one coin."""
    if forward <= 0.0:
        return 0.0
    if spread <= 0.0:
        return max(forward - strike, 0.0)
    middle = log(forward / strike) / spread
    return forward * _NORMAL.cdf(middle + spread / 2) - strike * _NORMAL.cdf(middle - spread / 2)


def paper_value(paper: Paper, move: float) -> float:
    """Return the worth of one coin of an option after a move of its base."""
    forward = paper.forward * (1.0 + move)
    call = call_value(forward, paper.strike, paper.spread)
    return call - forward + paper.strike if paper.put else call


def paper_gain(paper: Paper, move: float) -> float:
    """Return what is counted of its profit in USD by a move of its base."""
    gain = paper.coins * (paper_value(paper, move) - paper.worth)
    return gain - DISCOUNT * max(gain, 0.0)


def leaning(paper: Paper) -> float:
    """Return the USD of its base that it moves like: by a hundredth of a per cent either way."""
    nudge = 1e-4
    up, down = paper_value(paper, nudge), paper_value(paper, -nudge)
    return paper.coins * (up - down) / (2 * nudge)
