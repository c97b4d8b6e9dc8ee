"""What is asked of demands: which of them trade, in which order they are answered, and how one is refused."""

from collections.abc import Sequence

from msgspec.structs import replace

from bot.model import Action, Demand, Refusal, Sense, Severity
from bot.planning.nature import SURVIVAL
from bot.planning.request import Watch

_RANKS = {
    "account.stress_loss": 1,
    "account.cushion": 1,
    "account.leverage": 2,
    "position.leverage": 2,
}
_SEVERITIES = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_TRIM, _CLOSE, _CLOSE_ALL = Action.TRIM, Action.CLOSE, Action.CLOSE_ALL


def acting(demands: Sequence[Demand]) -> tuple[Demand, ...]:
    """Return the demands that permit trades: survival first, then stress, leverage, the rest."""
    return in_order([demand for demand in demands if is_trading(demand)])


def is_trading(demand: Demand) -> bool:
    """Whether a demand permits trades."""
    permits = demand.permits
    return _TRIM in permits or _CLOSE in permits or _CLOSE_ALL in permits


def in_order(demands: Sequence[Demand]) -> tuple[Demand, ...]:
    """Put demands into the order in which they are answered."""
    return tuple(sorted(demands, key=_order))


def that_permit(action: Action, demands: Sequence[Demand]) -> tuple[Demand, ...]:
    """Return the demands that permit something, in the order in which they are answered."""
    return in_order([demand for demand in demands if action in demand.permits])


def _order(demand: Demand) -> tuple[int, int, str, str]:
    rank = 0 if is_lifeline(demand) else _RANKS.get(demand.metric, 3)
    return rank, _SEVERITIES[demand.severity], demand.rule, demand.target.text


def is_lifeline(demand: Demand) -> bool:
    """Whether a demand stands between the account and liquidation, or orders a close."""
    return demand.metric in SURVIVAL or _TRIM not in demand.permits


def tightened(watch: Watch, share: float) -> Watch:
    """Move a goal to its safe side by a share of itself."""
    factor = 1.0 - share if watch.sense is Sense.MAX else 1.0 + share
    return replace(watch, goal=watch.goal * factor)


def refuse(demand: Demand, item: str, code: str, reason: str) -> Refusal:
    """Refuse something of a demand, loudly where a life depends on it."""
    loud = is_lifeline(demand) and code.startswith("cap_")
    return Refusal(
        rule=demand.rule, item=item, code=code, reason=f"LIFELINE BLOCKED: {reason}" if loud else reason
    )
