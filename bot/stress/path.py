"""The way of one scenario: every price in a straight line from where it is to where it ends.

`t` is how far the shock has come, from 0 to 1. Funding is paid and haircuts grow in the same measure.
"""

from bot.model import MarketStats
from bot.risk.betas import fallback_beta
from bot.risk.coins import STEADY
from bot.risk.portfolio import Portfolio
from bot.risk.shock import adverse_signs
from bot.scenarios.values import StressScenario
from bot.stress.account import TINY, Account, Leg
from bot.stress.liquidation import CROSS

BISECTIONS = 14
"""Halvings by which the moment of a liquidation is found inside one step."""
LOWEST = 1e-4
"""Share of its price at which a market stands after a fall by 100 %: nothing trades at 0."""


class Path:
    """A scenario on an account."""

    def __init__(
        self,
        scenario: StressScenario,
        portfolio: Portfolio,
        stats: MarketStats,
        wallet: dict[str, float],
        isolated: dict[str, float],
    ) -> None:
        """Take what stands at the start; `wallet` are its steady coins, `isolated` margins set apart."""
        self.scenario = scenario
        self.reference = scenario.moves.get(portfolio.reference, 0.0)
        self._stats = stats
        self._signs = adverse_signs(portfolio.holdings, portfolio.coins)
        self._coins = {one.base: self._coin_move(one.base, one.beta, one.residual) for one in portfolio.coins}
        self._moves: dict[str, float] = {}
        self.cuts = cuts = {coin: cut for coin, cut in scenario.haircuts.items() if coin in STEADY}
        self._cut = sum(max(worth, 0.0) * cuts.get(coin, 0.0) for coin, worth in wallet.items())
        self._cuts = {key: worth * cuts.get(_settle(key), 0.0) for key, worth in isolated.items()}
        self._cut -= sum(self._cuts.values())

    def move(self, symbol: str, base: str) -> float:
        """How far a market has moved at the end."""
        known = self._moves.get(symbol)
        if known is None:
            known = self._moves[symbol] = self._market_move(symbol, base)
        return known

    def factor(self, symbol: str, base: str, t: float) -> float:
        """How many times as high a market's price is on the way as at the start."""
        return max(1.0 + t * self.move(symbol, base), LOWEST)

    def wilder(self, t: float) -> float:
        """How many times as high the volatility of options is on the way as at the start."""
        return 1.0 + t * (self.scenario.volatility - 1.0)

    def _market_move(self, symbol: str, base: str) -> float:
        moves = self.scenario.moves
        named = moves.get(symbol, moves.get(base))
        if named is not None:
            return named
        beta = self._stats.betas.get(symbol) or fallback_beta(base, self._stats.reference)
        return self._by_beta(base, beta.beta, beta.residual)

    def _coin_move(self, base: str, beta: float, residual: float) -> float:
        named = self.scenario.moves.get(base)
        moved = self._by_beta(base, beta, residual) if named is None else named
        return (1.0 + moved) * (1.0 - self.scenario.haircuts.get(base, 0.0)) - 1.0

    def _by_beta(self, base: str, beta: float, residual: float) -> float:
        if not self.scenario.others:
            return 0.0
        m = self.reference
        adverse = self._signs.get(base, 0) * residual * self.scenario.residual * abs(m)
        return max(beta * m - adverse, -1.0)

    def coin_factor(self, coin: str, t: float) -> float:
        """How many times as much a coin is worth on the way as at the start."""
        return 1.0 + t * self._coins.get(coin, 0.0)

    def funding(self, leg: Leg, before: float, t: float, price: float) -> float:
        """What a position pays in funding on a part of the way, in USD."""
        terms = self.scenario.funding
        return 0.0 if terms is None else (t - before) * terms.share * leg.sign * leg.value(price)

    def haircut(self, before: float, t: float, key: str = CROSS) -> float:
        """What the collateral of the cross block, or of an isolated position, loses on a part of the way."""
        return (t - before) * (self._cut if key == CROSS else self._cuts.get(key, 0.0))


class Walk:
    """An account on a path, at `t`."""

    def __init__(self, path: Path, account: Account, starts: dict[str, float]) -> None:
        """Take the prices at which each symbol started; others start where their leg stands."""
        self.path = path
        self.account = account
        self.t = 0.0
        self._starts = starts

    def price(self, leg: Leg, t: float) -> float:
        """Return the mark price of a position's market at `t`."""
        symbol = leg.position.symbol
        return self._starts[symbol] * self.path.factor(symbol, leg.market.base, t)

    def failing(self, t: float) -> list[str]:
        """Return the units that would be liquidated at `t` if nothing happened before."""
        account, path = self.account, self.path
        found = []
        cross = [(leg, self.price(leg, t)) for leg in account.cross]
        if cross:
            balance = account.margin - path.haircut(self.t, t)
            into: dict[str, float] = {}
            open_profit: dict[str, float] = {}
            for leg, price in cross:
                gain = leg.gain(price) - path.funding(leg, self.t, t, price)
                if leg.inverse:
                    coin = leg.market.settle
                    into[coin] = into.get(coin, 0.0) + gain
                    open_profit[coin] = open_profit.get(coin, 0.0) + leg.profit(price)
                else:
                    balance += gain
            for coin in {*account.coins, *into}:
                purse = account.coins.get(coin)
                worth = into.get(coin, 0.0) + (purse.worth * self._factor(coin, t) if purse else 0.0)
                balance += purse.margin(worth, open_profit.get(coin, 0.0)) if purse else worth
            if account.excess + sum(leg.asked(price) for leg, price in cross) >= balance:
                found.append(CROSS)
        for leg in account.held:
            if leg.equity is not None:
                price = self.price(leg, t)
                paid = path.funding(leg, self.t, t, price) + path.haircut(self.t, t, leg.key)
                if leg.asked(price) >= leg.equity + leg.gain(price) - paid:
                    found.append(leg.key)
        return found

    def first_failure(self, until: float) -> float | None:
        """Return when the first unit is liquidated on the way to `until`; None where none is."""
        if not self.failing(until):
            return None
        if self.failing(self.t):
            return self.t
        safe, lost = self.t, until
        for _ in range(BISECTIONS):
            middle = (safe + lost) / 2.0
            if self.failing(middle):
                lost = middle
            else:
                safe = middle
        return lost

    def go(self, t: float) -> None:
        """Let everything move on to `t`."""
        if t <= self.t:
            return
        account, path = self.account, self.path
        for coin, purse in account.coins.items():
            purse.worth *= self._factor(coin, t)
        for leg in account.held:
            price = self.price(leg, t)
            account.earn(leg, leg.gain(price))
            paid = path.funding(leg, self.t, t, price)
            account.earn(leg, -paid)
            account.spent += paid
            leg.price = price
            if leg.equity is not None:
                leg.equity -= path.haircut(self.t, t, leg.key)
        for paper in account.papers.values():
            symbol, base = paper.follows, paper.market.base
            paper.forward *= path.factor(symbol, base, t) / path.factor(symbol, base, self.t)
            paper.vol *= path.wilder(t) / path.wilder(self.t)
        account.receive(-path.haircut(self.t, t))
        account.cuts = {coin: t * cut for coin, cut in path.cuts.items()}
        self.t = t

    def peek(self, t: float) -> Account:
        """Return the account as it would stand at `t` if nothing happened before."""
        ahead = Walk(self.path, self.account.copy(), self._starts)
        ahead.t = self.t
        ahead.go(t)
        return ahead.account

    def _factor(self, coin: str, t: float) -> float:
        now = self.path.coin_factor(coin, self.t)
        return self.path.coin_factor(coin, t) / now if now > TINY else 0.0


def _settle(key: str) -> str:
    """Return the coin in which a position is settled."""
    return key.split("#")[0].rpartition(":")[2]
