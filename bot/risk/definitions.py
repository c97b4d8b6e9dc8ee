"""The registry of metrics: what each one means, in which unit, and which side of a limit is the bad one."""

from enum import StrEnum

from msgspec import Struct

from bot.model import Sense


class Scope(StrEnum):
    """What a metric is measured on."""

    ACCOUNT = "account"
    POSITION = "position"
    MARKET = "market"


class Unit(StrEnum):
    """How a metric's number is written."""

    PERCENT = "percent"
    """A fraction: 0.15 is written 15 %."""
    RATIO = "ratio"
    """A plain number, such as a leverage of 5."""
    MULTIPLE = "multiple"
    """A count of ATRs or daily sigmas."""
    USD = "usd"
    TRUTH = "truth"
    """1 for true, 0 for false."""


class MetricDefinition(Struct, frozen=True):
    """One metric. `sense` is the side on which its limits stand: MAX fires above, MIN fires below."""

    name: str
    scope: Scope
    sense: Sense
    unit: Unit
    description: str
    """Meaning and formula. s = +1 long, -1 short; N = notional at mark; E = equity; G = gross notional;
    M = margin balance with unrealised PnL; MM = maintenance margin with the fee to close."""
    source: str
    """Where the definition comes from."""
    parameters: tuple[str, ...] = ()
    """What a rule must give beside the limit: 'scenarios'."""
    alert_only: bool = False
    """Whether a rule on it may notify but not trade."""


_SCENARIOS = ("scenarios",)
_MARGIN = "the venues' help pages on maintenance margin and liquidation"
_USUAL = "common definition"
_NAV = "unit net asset value, as funds account for subscriptions and redemptions"


def _account(
    name: str, sense: Sense, unit: Unit, description: str, source: str, *more: str, alert_only: bool = False
) -> MetricDefinition:
    return MetricDefinition(
        f"account.{name}", Scope.ACCOUNT, sense, unit, description, source, more, alert_only
    )


def _position(
    name: str, sense: Sense, unit: Unit, description: str, source: str, *, alert_only: bool = False
) -> MetricDefinition:
    return MetricDefinition(
        f"position.{name}", Scope.POSITION, sense, unit, description, source, (), alert_only
    )


_DEFINITIONS = (
    _account(
        "leverage",
        Sense.MAX,
        Unit.RATIO,
        "Gross notional over equity: G / E. 0 without positions.",
        _USUAL,
    ),
    _account(
        "net_leverage",
        Sense.MAX,
        Unit.RATIO,
        "Net exposure to the reference market over equity: |sum s beta N| / E; coins of the wallet are long.",
        _USUAL,
    ),
    _account(
        "margin_ratio",
        Sense.MAX,
        Unit.PERCENT,
        "Maintenance margin over margin balance: MM / M; 100 % is liquidation. The largest of the cross "
        "block (its MM over its M) and of each isolated position (its MM over isolated margin plus "
        "unrealised PnL).",
        _MARGIN,
    ),
    _account(
        "joint_distance",
        Sense.MIN,
        Unit.PERCENT,
        "The smallest move m of the reference market, up or down, at which M(m) <= MM(m) when every "
        "position moves by beta m - s residual |m|, and the wallet's coins as long ones. The smallest of the "
        "cross block and of each isolated position; 100 % where no move up to 100 % liquidates anything.",
        "M - MM is concave in m for perpetuals",
    ),
    _account(
        "drawdown",
        Sense.MAX,
        Unit.PERCENT,
        "Fall of the unit value from its peak: 1 - value / peak; deposits and withdrawals taken out.",
        _NAV,
    ),
    _account(
        "daily_loss",
        Sense.MAX,
        Unit.PERCENT,
        "Fall of the unit value since 00:00 UTC: 1 - value / value at 00:00; negative for a gain.",
        _NAV,
    ),
    _account(
        "stress_loss",
        Sense.MAX,
        Unit.PERCENT,
        "The worst loss over the scenarios as a share of equity. A base that a scenario names moves as "
        "named; the others by beta m - s residual |m| where the reference is named (m its move), else "
        "not at all. An isolated position loses at most its isolated equity. 0 where every scenario gains.",
        "scenario analysis",
        *_SCENARIOS,
    ),
    _account(
        "cushion",
        Sense.MAX,
        Unit.PERCENT,
        "The drawdown that the worst scenario would leave: 1 - (value / peak) (1 - stress loss).",
        "drawdown as a budget, after constant-proportion insurance",
        *_SCENARIOS,
    ),
    _account("equity", Sense.MIN, Unit.USD, "Equity in USD as the venue states it: E.", _USUAL),
    _account(
        "available",
        Sense.MAX,
        Unit.USD,
        "Free margin in USD: what new orders may use, as the venue states it. In isolated margin mode the "
        "stablecoins of the wallet without what positions and orders hold.",
        _USUAL,
    ),
    _account(
        "hedge_funding",
        Sense.MAX,
        Unit.PERCENT,
        "What the guard's open hedges pay for funding in a day at the rates in force, those that earn aside, "
        "as a share of equity. 0 without hedges.",
        _USUAL,
        alert_only=True,
    ),
    _account(
        "concentration",
        Sense.MAX,
        Unit.PERCENT,
        "Herfindahl-Hirschman index of notionals: sum (N_i / G)^2. 0 without positions.",
        "Herfindahl-Hirschman index",
        alert_only=True,
    ),
    _position(
        "leverage",
        Sense.MAX,
        Unit.RATIO,
        "Notional over the equity that carries it: N / E in cross margin, N / (isolated margin + "
        "unrealised PnL) in isolated margin.",
        _USUAL,
    ),
    _position(
        "liquidation_distance",
        Sense.MIN,
        Unit.PERCENT,
        "Distance from mark to the liquidation price as a fraction of mark, only this symbol moving "
        "(and coins and positions on its side of the same base): (M - MM) / (N (1 - s r)), r of the bracket "
        "at the liquidation price. The worse of the recomputed and the venue's. Never above 100 % for a long "
        "and 1000 % for a short; 0 or less is liquidated.",
        _MARGIN,
    ),
    _position(
        "liquidation_distance_atr",
        Sense.MIN,
        Unit.MULTIPLE,
        "Liquidation distance over ATR(14) of hourly candles, both as fractions of price.",
        "Wilder's average true range",
    ),
    _position(
        "liquidation_distance_sigma",
        Sense.MIN,
        Unit.MULTIPLE,
        "Liquidation distance over the standard deviation of daily moves.",
        _USUAL,
    ),
    _position("equity_share", Sense.MAX, Unit.PERCENT, "Notional over account equity: N / E.", _USUAL),
    _position(
        "gross_share",
        Sense.MAX,
        Unit.PERCENT,
        "Notional over gross notional: N / G.",
        _USUAL,
        alert_only=True,
    ),
)

HEDGEABLE = (
    "account.net_leverage",
    "account.joint_distance",
    "account.stress_loss",
    "account.cushion",
)
"""Metrics that a perpetual against a position can bring back; it hurts gross leverage and the margin
ratio."""

OPTIONS_HELP = ("account.stress_loss", "account.cushion")
"""Metrics that a bought option can bring back: it gains in a scenario, and carries no margin before."""

METRICS: dict[str, MetricDefinition] = {definition.name: definition for definition in _DEFINITIONS}
"""Every metric by name."""

MARGIN_HELPS = (
    "account.margin_ratio",
    "account.joint_distance",
    "position.leverage",
    "position.liquidation_distance",
    "position.liquidation_distance_atr",
    "position.liquidation_distance_sigma",
)
"""Metrics that more margin behind an isolated position moves."""
