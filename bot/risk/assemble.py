"""From a snapshot in Decimals to a portfolio in floats, everywhere the worse of ours and the venue's."""

from msgspec.structs import replace

from bot.model import (
    MarginMode,
    Mark,
    Market,
    MarketStats,
    Number,
    Position,
    Snapshot,
    Tier,
    Unknown,
)
from bot.risk.betas import fallback_beta
from bot.risk.coins import coins_of
from bot.risk.figures import number_of, price_of
from bot.risk.floor import margin_floor
from bot.risk.margin import (
    DISTANCE_BOUND,
    Margins,
    brackets_of,
    inverse_brackets,
    liquidation_price,
    maintenance_of,
    room_at,
)
from bot.risk.options import options_of
from bot.risk.portfolio import Holding, Portfolio
from bot.risk.terms import VenueTerms

DEFAULT_HALF_SPREAD = 0.0005
"""Half spread as a fraction of price where bid or ask is unknown: 5 basis points, wide for a perpetual."""

_NOT_COMPUTED = Unknown("the liquidation price is not computed yet")


def build_portfolio(snapshot: Snapshot, stats: MarketStats, terms: VenueTerms, impact: float) -> Portfolio:
    """Turn a snapshot into the portfolio that metrics are measured on.

    `impact` is the price impact assumed for a trade, as a fraction of what is traded. `stats.betas` is read
    by unified symbol; a symbol without one has `fallback_beta`. A position whose mark, tiers, market or
    margin is not known, or an inverse one in isolated margin, is a gap with its reason and appears in
    `missing`; nothing about it is taken to be 0. The margin balance is that of the cross block: without
    isolated margin. With a gap it is unknown, and `margin_floor` says what may still be counted on for stops.
    """
    return _Assembly(snapshot, stats, terms, impact).portfolio()


def holding_of(
    position: Position, snapshot: Snapshot, stats: MarketStats, terms: VenueTerms, impact: float
) -> Holding | Unknown | None:
    """Build one holding, of a position that may not be there yet, without its liquidation price.

    None for a position of no size.
    """
    return _Assembly(snapshot, stats, terms, impact).holding(position)


class _Assembly:
    """One snapshot on its way to a portfolio."""

    def __init__(self, snapshot: Snapshot, stats: MarketStats, terms: VenueTerms, impact: float) -> None:
        self.snapshot = snapshot
        self.stats = stats
        self.terms = terms
        self.impact = impact

    def portfolio(self) -> Portfolio:
        snapshot = self.snapshot
        holdings: list[Holding] = []
        missing: dict[str, str] = {}
        for position in snapshot.positions:
            built = self.holding(position)
            if isinstance(built, Unknown):
                missing[position.key] = built.reason
            elif built is not None:
                holdings.append(built)
        gaps = tuple(missing.values())
        coins = coins_of(snapshot, self.stats)
        known = () if isinstance(coins, Unknown) else coins
        options = options_of(snapshot, self.stats)
        margin_balance = self.margin_balance(holdings, gaps)
        excess = 0.0 if gaps else self.maintenance_excess(holdings)
        return Portfolio(
            account=snapshot.account,
            at=snapshot.taken_at,
            holdings=with_liquidations(
                {position.key: position for position in snapshot.positions},
                holdings,
                Margins(holdings, margin_balance, excess, known),
            ),
            equity=number_of(snapshot.balance.equity, f"the equity of {snapshot.account}"),
            margin_balance=margin_balance,
            maintenance_excess=excess,
            reference=self.stats.reference,
            gaps=gaps,
            missing=missing,
            reference_price=self.reference_price(),
            available=number_of(snapshot.balance.available, f"the free margin of {snapshot.account}"),
            margin_floor=margin_floor(snapshot, holdings, missing, self.terms) if gaps else None,
            coins=known,
            unpriced=next((one.reason for one in (coins, options) if isinstance(one, Unknown)), ""),
            options=() if isinstance(options, Unknown) else options,
        )

    def holding(self, position: Position) -> Holding | Unknown | None:
        """Build one holding without its liquidation price; None for a position of no size."""
        key, contracts = position.key, position.contracts * position.contract_size
        if not contracts.is_finite() or contracts < 0:
            return Unknown(f"the size of {key} came as {contracts}")
        if contracts == 0:
            return None
        market = self.snapshot.markets.get(position.symbol)
        if market is None:
            return Unknown(f"the market of {key} is not known")
        if market.linear is position.inverse:
            return Unknown(f"{key}: position and market disagree whether the contract is inverse")
        if position.inverse and position.margin_mode is MarginMode.ISOLATED:
            return Unknown(f"{key}: inverse contracts in isolated margin are not supported, use cross margin")
        tiers = self.snapshot.tiers.get(position.symbol)
        if not tiers:
            return Unknown(f"the maintenance margin tiers of {key} are not known")
        price = _mark_price(position, self.snapshot.marks.get(position.symbol))
        if isinstance(price, Unknown):
            return price
        isolated = _isolated_equity(position, price)
        if isinstance(isolated, Unknown):
            return isolated
        return self.sized(position, market, tiers, price, isolated)

    def sized(
        self,
        position: Position,
        market: Market,
        tiers: tuple[Tier, ...],
        price: float,
        isolated: float | None,
    ) -> Holding | Unknown:
        """Build a holding from parts that are all known."""
        terms, fee = self.terms, float(market.taker_fee)
        close_fee = fee if terms.close_fee_in_maintenance else 0.0
        if position.inverse:
            notional = float(position.contracts * position.contract_size)
            size = notional / price
            brackets = inverse_brackets(tiers, close_fee, notional, size)
        else:
            size = float(position.size)
            notional = size * price
            brackets = brackets_of(tiers, close_fee)
        ours = maintenance_of(brackets, size * price)
        if not ours > 0.0:
            return Unknown(f"the tiers of {position.key} give a maintenance margin of {ours:g}")
        venue = number_of(position.maintenance_margin, "maintenance margin")
        excess = 0.0 if isinstance(venue, Unknown) else max(venue - ours, 0.0)
        beta = self.stats.betas.get(position.symbol) or fallback_beta(market.base, self.stats.reference)
        return Holding(
            symbol=position.symbol,
            base=market.base,
            side=position.side,
            size=size,
            price=price,
            notional=notional,
            isolated_equity=isolated,
            brackets=brackets,
            maintenance=ours + excess,
            maintenance_excess=excess,
            liquidation_price=_NOT_COMPUTED,
            beta=beta.beta,
            residual=beta.residual,
            trade_cost=half_spread_of(self.snapshot.marks.get(position.symbol)) + fee + self.impact,
            releases_margin=terms.releases_isolated_margin,
            inverse=position.inverse,
        )

    def margin_balance(self, holdings: list[Holding], gaps: tuple[str, ...]) -> Number:
        """Return the margin balance of the cross block, unknown where a gap hides what it must carry."""
        account = self.snapshot.account
        balance = number_of(self.snapshot.balance.margin_balance, f"the margin balance of {account}")
        if isinstance(balance, Unknown):
            return balance
        if gaps:
            return Unknown(gaps[0])
        if self.terms.balance_includes_isolated:
            for holding in holdings:
                balance -= holding.isolated_equity or 0.0
        return balance

    def maintenance_excess(self, holdings: list[Holding]) -> float:
        """Return what the venue's account figure asks above the sum over the positions that it counts."""
        venue = number_of(self.snapshot.balance.maintenance_margin, "maintenance margin")
        if isinstance(venue, Unknown):
            return 0.0
        for holding in holdings:
            if holding.isolated_equity is None or self.terms.balance_includes_isolated:
                venue -= holding.maintenance
        return max(venue, 0.0)

    def reference_price(self) -> float | None:
        """Return the mark price of the first market of the reference, a linear one before others."""
        snapshot, found = self.snapshot, None
        for symbol in sorted(snapshot.marks):
            market = snapshot.markets.get(symbol)
            if market is None or market.base != self.stats.reference or not (market.linear or found is None):
                continue
            price = price_of(snapshot.marks[symbol].mark, f"the mark price of {symbol}")
            if isinstance(price, Unknown):
                continue
            if market.linear:
                return price
            found = price
        return found


def with_liquidations(
    positions: dict[str, Position], holdings: list[Holding], margins: Margins
) -> tuple[Holding, ...]:
    """Give each holding the worse of the recomputed liquidation price and the venue's.

    Where only one of the two is known, it is that one. Where the venue's is nearer, `liquidation_excess`
    becomes the margin by which it is, so that a shock keeps it as far ahead of ours.
    """
    result: list[Holding] = []
    for holding in holdings:
        legs, free = margins.legs(holding), margins.free(holding)
        venue = venue_liquidation(positions[holding.key], holding.price, margins.has_other_leg(holding))
        price, excess, coins = venue, 0.0, margins.coins(holding)
        if not isinstance(free, Unknown):
            price = liquidation_price(holding.sign, legs, free, coins)
            if not isinstance(venue, Unknown) and (venue - price) * holding.sign > 0.0:
                price, excess = venue, max(room_at(venue, legs, free, coins)[0], 0.0)
        elif isinstance(venue, Unknown):
            price = free
        result.append(replace(holding, liquidation_price=price, liquidation_excess=excess))
    return tuple(result)


def venue_liquidation(position: Position, price: float, shares_price: bool) -> Number:
    """Return the venue's liquidation price within the bounds that ours keeps.

    `shares_price` says that another leg against it is in cross margin too: the venue then gives both legs
    the one price at which their net is liquidated, which is no figure of the leg that gains there.
    """
    what = f"the venue's liquidation price of {position.key}"
    number = price_of(position.liquidation_price, what)
    if isinstance(number, Unknown):
        return number
    if shares_price and (price - number) * position.side.sign < 0.0:
        return Unknown(f"{what} is that of the other leg")
    return min(number, (1.0 + DISTANCE_BOUND) * price)


def half_spread_of(mark: Mark | None) -> float:
    """Return half the spread as a fraction of mid price; `DEFAULT_HALF_SPREAD` where it is unknown."""
    if mark is None or isinstance(mark.bid, Unknown) or isinstance(mark.ask, Unknown):
        return DEFAULT_HALF_SPREAD
    if not (mark.bid.is_finite() and mark.ask.is_finite() and 0 < mark.bid <= mark.ask):
        return DEFAULT_HALF_SPREAD
    bid, ask = float(mark.bid), float(mark.ask)
    return (ask - bid) / (ask + bid)


def _mark_price(position: Position, mark: Mark | None) -> Number:
    """Return the mark price of the marks part, else the position's own."""
    if mark is not None:
        price = price_of(mark.mark, f"the mark price of {position.symbol}")
        if not isinstance(price, Unknown):
            return price
    own = price_of(position.mark_price, f"the mark price of {position.key}")
    if isinstance(own, Unknown):
        return Unknown(f"the mark price of {position.key} is not known: {own.reason}")
    return own


def _isolated_equity(position: Position, price: float) -> float | Unknown | None:
    """Return isolated wallet plus unrealised PnL at the mark in use; None in cross margin."""
    if position.margin_mode is not MarginMode.ISOLATED:
        return None
    if position.isolated_margin is None:
        return Unknown(f"{position.key} is in isolated margin, and the venue gave no margin for it")
    margin = number_of(position.isolated_margin, f"the isolated margin of {position.key}")
    if isinstance(margin, Unknown):
        return Unknown(f"the isolated margin of {position.key} is not known: {margin.reason}")
    entry = price_of(position.entry_price, f"the entry price of {position.key}")
    if not isinstance(entry, Unknown):
        return margin + position.side.sign * float(position.size) * (price - entry)
    profit = number_of(position.unrealised_pnl, f"the unrealised PnL of {position.key}")
    if isinstance(profit, Unknown):
        return Unknown(f"the unrealised PnL of {position.key} is not known: {profit.reason}")
    return margin + profit
