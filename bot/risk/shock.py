"""Portfolios after a move of prices, and what a scenario would cost.

A shock keeps sizes, collateral and statistics, and moves prices at once: nothing is traded or liquidated on
the way. Prices do not fall below 0. An isolated position loses at most its isolated equity (there it is
liquidated and the loss ends); a cross position's loss is not cut off.
Options are revalued at the volatility they have; what they gain counts with nine tenths.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from bot.model import Number, Scenario, Unknown
from bot.risk.margin import Margins, maintenance_of
from bot.risk.options import option_gain, worth_after
from bot.risk.portfolio import Coin, Holding, OptionHolding, Portfolio


def shocked(portfolio: Portfolio, moves: Mapping[str, float]) -> Portfolio:
    """Return the portfolio after prices moved.

    `moves` maps position keys or base currencies to fractions (-0.2 is a fall by a fifth); a key goes
    before its base, and what is named by neither does not move. Notional, equity, margin balance, isolated
    equity, maintenance margin (tiers and the venue's excess included) and liquidation prices are all
    recomputed.
    """
    return revalued(portfolio, moves, None)


def revalued(
    portfolio: Portfolio, moves: Mapping[str, float], liquidations: Collection[str] | None
) -> Portfolio:
    """Return `shocked`, with liquidation prices recomputed only for the position keys in `liquidations`.

    None is all. The liquidation prices of other holdings are left as they were and must not be read. Free
    margin moves by the profit of cross positions and of coins that are margin. A coin of the wallet moves by
    its own key, else by its base.
    """
    holdings: list[Holding] = []
    profit = cross_profit = 0.0
    for holding in portfolio.holdings:
        move = moves.get(holding.key)
        if move is None:
            move = moves.get(holding.base, 0.0)
        gain = gain_of(holding, move)
        profit += gain
        if holding.isolated_equity is None:
            cross_profit += gain
        holdings.append(_moved(holding, move, gain) if move else holding)
    coins: list[Coin] = []
    for coin in portfolio.coins:
        move = moves.get(coin.key)
        if move is None:
            move = moves.get(coin.base, 0.0)
        profit += coin.worth * max(move, -1.0)
        cross_profit += coin.margin * max(move, -1.0)
        coins.append(_moved_coin(coin, move) if move else coin)
    options: list[OptionHolding] = []
    for option in portfolio.options:
        move = moves.get(option.key)
        if move is None:
            move = moves.get(option.base, 0.0)
        profit += option_gain(option, move)
        options.append(_moved_option(option, move) if move else option)
    margin_balance = _plus(portfolio.margin_balance, cross_profit)
    if liquidations is None or liquidations:
        margins = Margins(
            holdings, margin_balance, portfolio.maintenance_excess, coins, portfolio.unpriced_coins
        )
        holdings = [
            replace(holding, liquidation_price=margins.liquidation_price(holding))
            if liquidations is None or holding.key in liquidations
            else holding
            for holding in holdings
        ]
    reference = portfolio.reference_price
    return Portfolio(
        account=portfolio.account,
        at=portfolio.at,
        holdings=tuple(holdings),
        equity=_plus(portfolio.equity, profit),
        margin_balance=margin_balance,
        available=_plus(portfolio.available, cross_profit),
        maintenance_excess=portfolio.maintenance_excess,
        reference=portfolio.reference,
        gaps=portfolio.gaps,
        missing=portfolio.missing,
        coins=tuple(coins),
        options=tuple(options),
        unpriced=portfolio.unpriced,
        unpriced_coins=portfolio.unpriced_coins,
        reference_price=None
        if reference is None
        else reference * (1.0 + max(moves.get(portfolio.reference, 0.0), -1.0)),
    )


def gain_of(holding: Holding, move: float) -> float:
    """Return the profit in USD of a position when its price moves by the fraction `move`."""
    gain = holding.sign * holding.value * max(move, -1.0)
    if holding.isolated_equity is None:
        return gain
    return max(gain, -max(holding.isolated_equity, 0.0))


def adverse_signs(holdings: Iterable[Holding], coins: Iterable[Coin] = ()) -> dict[str, int]:
    """Return for each base the sign of what is held of it: the side that a residual move hurts.

    Legs of a symbol, several contracts of a base and its coins share one price, so they share one residual;
    it is 0 where they cancel.
    """
    nets: dict[str, float] = {}
    for holding in holdings:
        value = holding.value if holding.inverse else holding.notional
        nets[holding.base] = nets.get(holding.base, 0.0) + holding.sign * value
    for coin in coins:
        nets[coin.base] = nets.get(coin.base, 0.0) + coin.worth
    return {base: (net > 0.0) - (net < 0.0) for base, net in nets.items()}


def market_moves(portfolio: Portfolio, m: float, adverse: bool = False) -> dict[str, float]:
    """Return the move of every position, coin and the reference, by key, when the reference moves by `m`.

    Each moves by beta m; with `adverse` by beta m - s residual |m|, s the side of what is held of its base.
    """
    moves = {portfolio.reference: m}
    signs = adverse_signs(portfolio.holdings, portfolio.coins) if adverse else {}
    for one in _movable(portfolio):
        residual = signs.get(one.base, 0) * one.residual * abs(m)
        moves[one.key] = max(one.beta * m - residual, -1.0)
    return moves


def _movable(portfolio: Portfolio) -> list[Holding | Coin | OptionHolding]:
    return [*portfolio.holdings, *portfolio.coins, *portfolio.options]


def scenario_moves(portfolio: Portfolio, scenario: Scenario) -> dict[str, float]:
    """Return the move of every position and coin, by key, in a scenario.

    A base that the scenario names moves exactly as named. Another moves by beta m - s residual |m| where the
    scenario names the reference market (m its move), else not at all.
    """
    shocks, signs = scenario.shocks, adverse_signs(portfolio.holdings, portfolio.coins)
    m = shocks.get(portfolio.reference, 0.0)
    size = abs(m)
    moves = {portfolio.reference: m}
    for one in _movable(portfolio):
        move = shocks.get(one.base)
        if move is None:
            move = one.beta * m - signs.get(one.base, 0) * one.residual * size
        moves[one.key] = -1.0 if move < -1.0 else move
    return moves


def scenario_loss(portfolio: Portfolio, scenario: Scenario) -> Number:
    """Return the loss of equity in USD in a scenario, negative for a gain; unknown where there is a gap."""
    hidden = portfolio.hidden
    if hidden is not None:
        return hidden
    moves = scenario_moves(portfolio, scenario)
    loss = 0.0
    for holding in portfolio.holdings:
        loss -= gain_of(holding, moves[holding.key])
    for coin in portfolio.coins:
        loss -= coin.worth * moves[coin.key]
    for option in portfolio.options:
        loss -= option_gain(option, moves[option.key])
    return loss


def _plus(number: Number, amount: float) -> Number:
    return number if isinstance(number, Unknown) else number + amount


def _moved(holding: Holding, move: float, gain: float) -> Holding:
    price = holding.price * (1.0 + max(move, -1.0))
    value = holding.size * price
    isolated = holding.isolated_equity
    return replace(
        holding,
        price=price,
        notional=holding.notional if holding.inverse else value,
        isolated_equity=None if isolated is None else isolated + gain,
        maintenance=maintenance_of(holding.brackets, value) + holding.maintenance_excess,
    )


def _moved_coin(coin: Coin, move: float) -> Coin:
    factor = 1.0 + max(move, -1.0)
    return replace(coin, worth=coin.worth * factor, margin=coin.margin * factor)


def _moved_option(option: OptionHolding, move: float) -> OptionHolding:
    forward = option.forward * (1.0 + max(move, -1.0))
    return replace(option, forward=forward, worth=worth_after(option, move))
