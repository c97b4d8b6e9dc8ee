"""Scenarios that rules name: the moves of those that ship with Reef."""

from functools import lru_cache

from bot.documents import WordingError, nearest, shown
from bot.model import Scenario
from bot.scenarios.loading import load_stress, shipped_file

EXPECTED_SCENARIOS = "a list such as [{BTC: -20%}, {BTC: -20%, ETH: -28%}]"


@lru_cache(maxsize=1)
def _shipped() -> dict[str, dict[str, float]]:
    return {one.name: one.moves for one in load_stress(shipped_file())}


def named_scenarios() -> tuple[str, ...]:
    """Return the names that a rule may give: those that move prices, in the order of their file."""
    return tuple(name for name, moves in _shipped().items() if moves)


def named_scenario(name: str) -> Scenario:
    """Return a shipped scenario by its name, of which a rule takes the moves of prices alone.

    Raises WordingError with every name that is known.
    """
    moves = _shipped().get(name)
    known = named_scenarios()
    expected = f"moves such as {{BTC: -20%}}, or one of {', '.join(known)}"
    if moves is None:
        guess = nearest(name, known)
        hint = "" if guess is None else f"did you mean {guess!r}?"
        raise WordingError(f"{shown(name)} is no scenario that ships", expected, hint)
    if not moves:
        raise WordingError(f"{shown(name)} moves no price, and a rule measures nothing else", expected)
    return Scenario(name, moves)
