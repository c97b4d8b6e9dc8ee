"""Measuring: `measure(name, portfolio, context, key)` for every metric of the registry.

What cannot be known is `Unknown`, with the reason. An equity or margin that positions depend on and that is
not above 0 is no unknown: it is as bad as can be, so leverage, ratios and losses are then `RUINED`, a
finite number above every limit, and distances are 0 or less. Rules fire there; they do not sleep.
"""

from collections.abc import Callable
from difflib import get_close_matches

from bot.errors import MisuseError
from bot.model import Number, Unknown
from bot.risk.context import MetricContext, UnitView
from bot.risk.definitions import METRICS, MetricDefinition, Scope, Unit
from bot.risk.joint import joint_distance
from bot.risk.margin import DISTANCE_BOUND, cross_maintenance
from bot.risk.options import exposure_of
from bot.risk.portfolio import Holding, Portfolio
from bot.risk.shock import scenario_loss

__all__ = [
    "METRICS",
    "RUINED",
    "MetricContext",
    "MetricDefinition",
    "MetricError",
    "Scope",
    "Unit",
    "UnitView",
    "measure",
]

RUINED = 1e9
"""Leverage, ratio or share of loss where nothing is left that could carry the positions."""


class MetricError(MisuseError):
    """A metric was asked for by a wrong name, or without the position that it is measured on."""


def measure(name: str, portfolio: Portfolio, context: MetricContext, key: str | None = None) -> Number:
    """Measure one metric.

    `key` is the position key (`Holding.key`, or a key of `Portfolio.missing`) for a metric of scope
    POSITION and is not read for one of scope ACCOUNT. Percentages come as fractions. A position that is
    missing or not there gives Unknown. Raises MetricError for an unknown name, and for a position metric
    without a key.
    """
    whole = _ACCOUNT.get(name)
    if whole is not None:
        return whole(portfolio, context)
    single = _POSITION.get(name)
    if single is None:
        near = get_close_matches(name, METRICS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MetricError(f"there is no metric '{name}'{hint}")
    if key is None:
        raise MetricError(f"{name} is measured on one position: give its key")
    holding = portfolio.holding(key)
    if holding is None:
        reason = portfolio.missing.get(key)
        return Unknown(reason or f"account {portfolio.account} has no position {key}")
    return single(holding, portfolio, context)


def _ratio(amount: float, base: float) -> float:
    """Divide by what carries the amount; `RUINED` where nothing does."""
    if amount == 0.0:
        return 0.0
    return amount / base if base > 0.0 else RUINED


def _share(amount: float, base: Number) -> Number:
    """Divide as `_ratio` does; nothing to carry is 0 whatever carries it."""
    if amount == 0.0:
        return 0.0
    return base if isinstance(base, Unknown) else _ratio(amount, base)


def _gap(portfolio: Portfolio) -> Unknown:
    return Unknown(portfolio.gaps[0])


def _gross(portfolio: Portfolio) -> float:
    total = 0.0
    for holding in portfolio.holdings:
        total += holding.notional
    return total


def _leverage(portfolio: Portfolio, _: MetricContext) -> Number:
    return _gap(portfolio) if portfolio.gaps else _share(_gross(portfolio), portfolio.equity)


def _net_leverage(portfolio: Portfolio, _: MetricContext) -> Number:
    hidden = portfolio.hidden
    if hidden is not None:
        return hidden
    net = 0.0
    for holding in portfolio.holdings:
        net += holding.sign * holding.beta * holding.value
    for coin in portfolio.coins:
        net += coin.beta * coin.worth
    for option in portfolio.options:
        net += option.beta * exposure_of(option)
    return _share(abs(net), portfolio.equity)


def _margin_ratio(portfolio: Portfolio, _: MetricContext) -> Number:
    if portfolio.gaps:
        return _gap(portfolio)
    worst, cross = 0.0, False
    for holding in portfolio.holdings:
        if holding.isolated_equity is None:
            cross = True
        else:
            worst = max(worst, _ratio(holding.maintenance, holding.isolated_equity))
    if not cross:
        return worst
    maintenance = cross_maintenance(portfolio.holdings, portfolio.maintenance_excess)
    ratio = _share(maintenance, portfolio.margin_balance)
    return ratio if isinstance(ratio, Unknown) else max(worst, ratio)


def _joint_distance(portfolio: Portfolio, _: MetricContext) -> Number:
    return joint_distance(portfolio)


def _drawdown(_: Portfolio, context: MetricContext) -> Number:
    return _fall(context.units.value, context.units.peak)


def _daily_loss(_: Portfolio, context: MetricContext) -> Number:
    return _fall(context.units.value, context.units.day_open)


def _fall(value: Number, start: Number) -> Number:
    """Return 1 - value / start; a start of 0 or less leaves nothing to fall from and is unknown."""
    if isinstance(value, Unknown):
        return value
    if isinstance(start, Unknown):
        return start
    if start <= 0.0:
        return Unknown(f"the unit value began at {start:g}, so its fall has no meaning")
    return 1.0 - value / start


def _worst_loss(portfolio: Portfolio, context: MetricContext) -> Number:
    """Return the largest loss over the scenarios in USD, at least 0."""
    if not context.scenarios:
        return Unknown("no scenario is given to measure the loss in")
    worst = 0.0
    for scenario in context.scenarios:
        loss = scenario_loss(portfolio, scenario)
        if isinstance(loss, Unknown):
            return loss
        worst = max(worst, loss)
    return worst


def _stress_loss(portfolio: Portfolio, context: MetricContext) -> Number:
    loss = _worst_loss(portfolio, context)
    if isinstance(loss, Unknown):
        return loss
    if not isinstance(portfolio.equity, Unknown) and portfolio.equity <= 0.0 and portfolio.holdings:
        return RUINED
    return _share(loss, portfolio.equity)


def _cushion(portfolio: Portfolio, context: MetricContext) -> Number:
    loss = _stress_loss(portfolio, context)
    if isinstance(loss, Unknown):
        return loss
    drawdown = _fall(context.units.value, context.units.peak)
    if isinstance(drawdown, Unknown):
        return drawdown
    if drawdown >= 1.0:
        return drawdown
    return 1.0 - (1.0 - drawdown) * (1.0 - loss)


def _equity(portfolio: Portfolio, _: MetricContext) -> Number:
    return portfolio.equity


def _available(portfolio: Portfolio, _: MetricContext) -> Number:
    return portfolio.available


def _hedge_funding(portfolio: Portfolio, context: MetricContext) -> Number:
    paid = context.funding
    return paid if isinstance(paid, Unknown) else _share(paid, portfolio.equity)


def _concentration(portfolio: Portfolio, _: MetricContext) -> Number:
    if portfolio.gaps:
        return _gap(portfolio)
    gross = _gross(portfolio)
    index = 0.0
    for holding in portfolio.holdings:
        index += _ratio(holding.notional, gross) ** 2
    return index


def _position_leverage(holding: Holding, portfolio: Portfolio, _: MetricContext) -> Number:
    isolated = holding.isolated_equity
    return _share(holding.notional, portfolio.equity if isolated is None else isolated)


def _distance(holding: Holding, _: Portfolio, __: MetricContext) -> Number:
    price, liquidation = holding.price, holding.liquidation_price
    if isinstance(liquidation, Unknown):
        return liquidation
    if price <= 0.0:
        return 0.0 if holding.sign > 0 else DISTANCE_BOUND
    return min(holding.sign * (price - liquidation) / price, DISTANCE_BOUND)


def _distance_atr(holding: Holding, portfolio: Portfolio, context: MetricContext) -> Number:
    return _per(
        _distance(holding, portfolio, context),
        context.stats.atr.get(holding.symbol),
        f"no ATR of {holding.symbol}",
    )


def _distance_sigma(holding: Holding, portfolio: Portfolio, context: MetricContext) -> Number:
    return _per(
        _distance(holding, portfolio, context),
        context.stats.daily_sigma.get(holding.symbol),
        f"no daily sigma of {holding.symbol}",
    )


def _per(distance: Number, step: float | None, reason: str) -> Number:
    if isinstance(distance, Unknown):
        return distance
    if step is None or step <= 0.0:
        return Unknown(f"{reason} is known yet: it needs candles")
    return distance / step


def _equity_share(holding: Holding, portfolio: Portfolio, _: MetricContext) -> Number:
    return _share(holding.notional, portfolio.equity)


def _gross_share(holding: Holding, portfolio: Portfolio, _: MetricContext) -> Number:
    return _gap(portfolio) if portfolio.gaps else _ratio(holding.notional, _gross(portfolio))


_ACCOUNT: dict[str, Callable[[Portfolio, MetricContext], Number]] = {
    "account.leverage": _leverage,
    "account.net_leverage": _net_leverage,
    "account.margin_ratio": _margin_ratio,
    "account.joint_distance": _joint_distance,
    "account.drawdown": _drawdown,
    "account.daily_loss": _daily_loss,
    "account.stress_loss": _stress_loss,
    "account.cushion": _cushion,
    "account.equity": _equity,
    "account.available": _available,
    "account.hedge_funding": _hedge_funding,
    "account.concentration": _concentration,
}

_POSITION: dict[str, Callable[[Holding, Portfolio, MetricContext], Number]] = {
    "position.leverage": _position_leverage,
    "position.liquidation_distance": _distance,
    "position.liquidation_distance_atr": _distance_atr,
    "position.liquidation_distance_sigma": _distance_sigma,
    "position.equity_share": _equity_share,
    "position.gross_share": _gross_share,
}
