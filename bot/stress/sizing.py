"""The largest position that may be opened now with every rule satisfied, and the rule that binds."""

from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.decision import DecisionInput, advance_ledger
from bot.model import MarginMode, Market, Number, Position, Side, Unknown, position_key
from bot.risk.assemble import build_portfolio, half_spread_of
from bot.risk.flows import Flows
from bot.risk.portfolio import Portfolio
from bot.risk.terms import VenueTerms, venue_terms
from bot.rules import RuleSet
from bot.stress.account import DEFAULT_LEVERAGE
from bot.stress.there import decimal
from bot.stress.watching import Lookout, eager

GROWTH = Decimal("1.1")
"""Sizes are tried in steps of this factor before the last good one is narrowed down."""
FREE_MARGIN = "free margin"
LARGEST_ORDER = "largest order of the market"
_NEW = Unknown("the position is not open yet")


class Bound(Struct, frozen=True):
    """What a size would pass."""

    name: str
    """A rule, or what else bounds it."""
    metric: str = ""
    limit: float | None = None


class Size(Struct, frozen=True):
    """How much may be opened, or why nothing may."""

    account: str
    symbol: str
    side: str
    contracts: Decimal
    """Rounded down to the market's step."""
    notional: float
    binding: str
    """The rule that the next step would pass, or what else bounds it; '' where refused."""
    metric: str
    value: Number | None
    """The metric of the binding rule at this size."""
    limit: float | None
    leverage_after: Number
    """Gross notional over equity."""
    liquidation_after: Number
    """Price at which the position would be liquidated."""
    cost: float
    """Half spread, fee and impact of opening it."""
    refused: str = ""
    """Why nothing may be opened; '' where something may."""


def size(given: DecisionInput, rules: RuleSet, symbol: str, side: Side) -> Size:
    """Find the largest position of a symbol and side. Raises MisuseError for a venue that is not known."""
    return _Sizing(given, rules, symbol, side).run()


class _Refused(Exception):  # noqa: N818, an answer more than an error
    pass


class _Sizing:
    """One search."""

    def __init__(self, given: DecisionInput, rules: RuleSet, symbol: str, side: Side) -> None:
        self._terms: VenueTerms = venue_terms(given.snapshot.venue)
        self._lookout = Lookout(eager(rules), self._terms)
        self._given = replace(given, ledger=advance_ledger(given), flows=Flows(), price_terms=None)
        self._symbol = symbol
        self._side = side
        self._key = position_key(symbol, side)

    def run(self) -> Size:
        try:
            market, price = self._market()
            self._check_now()
            return self._search(market, price)
        except _Refused as refusal:
            return self._answer(Decimal(0), 0.0, Bound(""), str(refusal))

    def _market(self) -> tuple[Market, float]:
        snapshot = self._given.snapshot
        market, mark = snapshot.markets.get(self._symbol), snapshot.marks.get(self._symbol)
        if market is None or not snapshot.tiers.get(self._symbol):
            raise _Refused(f"{self._symbol} is not among the markets that were read")
        if not market.active:
            raise _Refused(f"{self._symbol} is not traded now")
        if not market.linear:
            raise _Refused(f"{self._symbol} is an inverse contract; only linear ones are sized")
        if mark is None or not isinstance(mark.mark, Decimal) or mark.mark <= 0:
            raise _Refused(f"the mark price of {self._symbol} is not known")
        return market, float(mark.mark)

    def _check_now(self) -> None:
        snapshot = self._given.snapshot
        portfolio = build_portfolio(snapshot, self._given.stats, self._terms, self._given.impact)
        for number in (portfolio.hidden, portfolio.equity, portfolio.margin_balance):
            if isinstance(number, Unknown):
                raise _Refused(f"the account cannot be seen whole: {number.reason}")
        other = position_key(self._symbol, Side.SHORT if self._side is Side.LONG else Side.LONG)
        hedge_mode = any(one.position_index for one in snapshot.positions)
        if snapshot.position(other) is not None and not hedge_mode:
            raise _Refused(f"{other} is open: an order on the other side would make it smaller")
        for rule, target in self._lookout.passed(self._given):
            raise _Refused(f"the rule {rule.name} fires already on {target.text}")

    def _search(self, market: Market, price: float) -> Size:
        step, least = market.amount_step, max(market.amount_min, market.amount_step)
        while self._notional(least, price) < float(market.notional_min):
            least += step
        most = market.market_amount_max or market.amount_max
        largest = None if most is None else (most / step).to_integral_value(ROUND_FLOOR) * step
        good, tried = Decimal(0), least
        while (passed := self._trouble(tried, price)) is None:
            good = tried
            if good == largest:
                return self._found(good, price, Bound(LARGEST_ORDER))
            tried = max((good * GROWTH / step).to_integral_value(ROUND_FLOOR) * step, good + step)
            tried = tried if largest is None else min(tried, largest)
        if not good:
            raise _Refused(f"the smallest order would already pass: {passed.name}")
        bad = tried
        while bad - good > step:
            middle = good + ((bad - good) / 2 / step).to_integral_value(ROUND_FLOOR) * step
            found = self._trouble(middle, price)
            if found is None:
                good = middle
            else:
                bad, passed = middle, found
        return self._found(good, price, passed)

    def _found(self, contracts: Decimal, price: float, binding: Bound) -> Size:
        return self._answer(contracts, price, binding, "")

    def _trouble(self, contracts: Decimal, price: float) -> Bound | None:
        """Return what a size would pass; None where it passes nothing."""
        if self._free_after(contracts, price) < 0.0:
            return Bound(FREE_MARGIN)
        for rule, _ in self._lookout.passed(self._with(contracts, price)):
            return Bound(rule.name, rule.metric, rule.limit)
        return None

    def _free_after(self, contracts: Decimal, price: float) -> float:
        available = self._given.snapshot.balance.available
        if not isinstance(available, Decimal):
            return 0.0
        held = self._given.snapshot.position(self._key)
        leverage = held.leverage if held is not None else None
        by = float(leverage) if isinstance(leverage, Decimal) and leverage >= 1 else DEFAULT_LEVERAGE
        return float(available) - self._notional(contracts, price) / by - self._cost(contracts, price)

    def _notional(self, contracts: Decimal, price: float) -> float:
        return float(contracts * self._given.snapshot.markets[self._symbol].contract_size) * price

    def _cost(self, contracts: Decimal, price: float) -> float:
        snapshot = self._given.snapshot
        share = half_spread_of(snapshot.marks.get(self._symbol)) + self._given.impact
        share += float(snapshot.markets[self._symbol].taker_fee)
        return self._notional(contracts, price) * share

    def _with(self, contracts: Decimal, price: float) -> DecisionInput:
        """Return the input as it would be with the position, its cost paid."""
        snapshot = self._given.snapshot
        held = snapshot.position(self._key)
        others = tuple(one for one in snapshot.positions if one.key != self._key)
        grown = self._grown(held, contracts, price)
        cost = decimal(self._cost(contracts, price))
        balance = snapshot.balance
        changed = replace(
            balance,
            equity=balance.equity - cost if isinstance(balance.equity, Decimal) else balance.equity,
            margin_balance=balance.margin_balance - cost
            if isinstance(balance.margin_balance, Decimal)
            else balance.margin_balance,
            maintenance_margin=_NEW,
            available=decimal(self._free_after(contracts, price))
            if isinstance(balance.available, Decimal)
            else balance.available,
        )
        shown = replace(snapshot, positions=(*others, grown), balance=changed)
        return replace(self._given, snapshot=shown)

    def _grown(self, held: Position | None, contracts: Decimal, price: float) -> Position:
        if held is not None:
            margin = held.isolated_margin
            if isinstance(margin, Decimal):
                margin = margin * (held.contracts + contracts) / held.contracts
            return replace(
                held,
                contracts=held.contracts + contracts,
                isolated_margin=margin,
                maintenance_margin=_NEW,
                liquidation_price=_NEW,
            )
        snapshot = self._given.snapshot
        index = 0
        if any(one.position_index for one in snapshot.positions):
            index = 1 if self._side is Side.LONG else 2
        return Position(
            symbol=self._symbol,
            side=self._side,
            contracts=contracts,
            contract_size=snapshot.markets[self._symbol].contract_size,
            entry_price=decimal(price),
            mark_price=decimal(price),
            margin_mode=MarginMode.CROSS,
            leverage=_NEW,
            position_index=index,
            isolated_margin=None,
            unrealised_pnl=Decimal(0),
            maintenance_margin=_NEW,
            liquidation_price=_NEW,
            stop_price=None,
            updated_at=self._given.at,
        )

    def _answer(self, contracts: Decimal, price: float, binding: Bound, refused: str) -> Size:
        given = self._with(contracts, price) if contracts else self._given
        portfolio = build_portfolio(given.snapshot, given.stats, self._terms, given.impact)
        holding = portfolio.holding(self._key)
        return Size(
            account=given.snapshot.account,
            symbol=self._symbol,
            side=self._side.value,
            contracts=contracts,
            notional=self._notional(contracts, price) if contracts else 0.0,
            binding=binding.name,
            metric=binding.metric,
            value=self._value(given, binding.name) if binding.metric else None,
            limit=binding.limit,
            leverage_after=_leverage(portfolio),
            liquidation_after=holding.liquidation_price
            if holding is not None and contracts
            else Unknown("nothing is opened"),
            cost=self._cost(contracts, price) if contracts else 0.0,
            refused=refused,
        )

    def _value(self, given: DecisionInput, rule: str) -> Number | None:
        return next((one.value for one in self._lookout.findings(given) if one.rule == rule), None)


def _leverage(portfolio: Portfolio) -> Number:
    if portfolio.gaps or isinstance(portfolio.equity, Unknown):
        return Unknown("the account cannot be seen whole")
    gross = sum(one.notional for one in portfolio.holdings)
    return gross / portfolio.equity if portfolio.equity > 0.0 else Unknown("there is no equity")
