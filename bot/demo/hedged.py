"""What `reef demo --hedged` and `--puts` play: rules that hedge before they sell, and the market for it."""

from enum import StrEnum

from msgspec import Struct

SCENARIO = "november-2025-puts"
KEEPS_AT_LEAST = 0.4
"""Share of its equity that a hedged account must have at the end: it keeps its leverage, and pays for it."""


class Hedging(StrEnum):
    """What hedges."""

    PUT = "put"
    PERPETUAL = "perpetual"


class Way(Struct, frozen=True):
    """How a hedge is written in a rule, the position mode that it needs, and how fast the market runs."""

    hedge: str
    position_mode: str
    speed: float
    """Market time over a clock's: a hedge takes many steps, and a put is gone soon after it was quoted."""


WAYS = {
    Hedging.PUT: Way(
        "{with: [put], put: {protect_below: 20%, min_days: 14, max_premium: 10%}}", "one_way", 60.0
    ),
    # a coin is hedged with itself: that takes two legs
    Hedging.PERPETUAL: Way("{with: [perp], max_share: 100%, max_slippage: 1%}", "hedge", 100.0),
}
RULES = """\
version: 1
defaults: {{for: 0s, cooldown: 0s, severity: critical}}
rules:
  # A bad day may cost 85 % of the equity; where it would cost more, the account is hedged. What is to be kept
  # is sold only where no hedge can be had, or none is enough.
  - name: survive a bad day
    metric: account.stress_loss
    scenarios: [{{BTC: -20%, ETH: -26%, SOL: -30%}}]
    max: 85%
    restore: 80%
    do: [hedge, trim]
    hedge: {hedge}
    trim: {{keep: ["*"], max_slippage: 1%}}
  # A put is no margin: what stands between the account and liquidation is sold for.
  - name: room for a market move
    metric: account.joint_distance
    min: 10%
    restore: 12%
    do: [cancel_orders, trim]
    trim: {{keep: ["*"], max_slippage: 2%}}
"""
SETTINGS = """\
# A stop must hold with the daemon dead, so it counts on no hedge, and would sell what the hedges protect.
protection: {enabled: false}
"""


def rules_of(hedging: Hedging) -> str:
    """The rules as they would stand in a file."""
    return RULES.format(hedge=WAYS[hedging].hedge)
