"""What `reef demo --hedged` and `--puts` play: rules that hedge before they sell, and the market for it."""

from enum import StrEnum

from msgspec import Struct

SCENARIO = "november-2025-puts"
SPEED = 100.0
"""Market time runs so many times as fast as a clock: a hedge takes many steps."""
KEEPS_AT_LEAST = 0.4
"""Share of its equity that a hedged account must have at the end: it keeps its leverage, and pays for it."""


class Hedging(StrEnum):
    """What hedges."""

    PUT = "put"
    PERPETUAL = "perpetual"


class Way(Struct, frozen=True):
    """How a hedge is written in a rule, and the position mode that it needs."""

    hedge: str
    position_mode: str


WAYS = {
    Hedging.PUT: Way("{with: [put], put: {protect_below: 20%, min_days: 14, max_premium: 10%}}", "one_way"),
    # a coin is hedged with itself: that takes two legs
    Hedging.PERPETUAL: Way("{with: [perp], max_share: 100%, max_slippage: 1%}", "hedge"),
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
