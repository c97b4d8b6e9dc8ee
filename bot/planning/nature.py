"""What a limit is about, as far as it decides how boldly orders for it are priced."""

from enum import StrEnum

SURVIVAL = frozenset(
    {
        "account.margin_ratio",
        "account.joint_distance",
        "position.liquidation_distance",
        "position.liquidation_distance_atr",
        "position.liquidation_distance_sigma",
    }
)
"""Metrics of how far liquidation is."""

EASED_BY_SALES = SURVIVAL | {"account.leverage", "position.leverage", "position.equity_share"}
"""Metrics that sales at fair prices bring nearer, near liquidation too: what stands against them is slippage.

Stress, cushion and net leverage are none of them: there a sale may help by no more than its cost.
"""

EXPOSURE = frozenset(
    {
        "account.leverage",
        "account.net_leverage",
        "account.stress_loss",
        "account.cushion",
        "position.leverage",
        "position.equity_share",
    }
)
"""Metrics of how much is at stake. A wick can pass such a limit, and waiting one look is no danger."""

MOVES_ALL = frozenset(
    {"account.net_leverage", "account.joint_distance", "account.stress_loss", "account.cushion"}
)
"""Metrics for which all that moves with the market must be known."""


class Nature(StrEnum):
    """Kinds of limits."""

    SURVIVAL = "survival"
    EXPOSURE = "exposure"
    OTHER = "other"


def nature_of(metric: str) -> Nature:
    """Return what a metric is about."""
    if metric in SURVIVAL:
        return Nature.SURVIVAL
    return Nature.EXPOSURE if metric in EXPOSURE else Nature.OTHER
