"""The account in a shock as the venue would show it there, for the real decision."""

from decimal import Decimal

from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import (
    Balance,
    BookLevel,
    Figure,
    Mark,
    OrderBook,
    Position,
    Snapshot,
    Surroundings,
    Unknown,
)
from bot.rules import RulesMemory
from bot.scenarios.values import StressScenario
from bot.stress.account import Account, Leg
from bot.stress.papers import Mover, moved_chain

_ELSEWHERE = Unknown("the venue has not been asked about other prices")


def there(given: DecisionInput, account: Account, scenario: StressScenario, factor: Mover) -> DecisionInput:
    """Return what rules are looked at with there: everything is fresh, and nothing is remembered.

    The venue's own margins and liquidation prices are not known there. Hours and market figures stay as they
    are; the owner has said yes to whatever would be asked.
    """
    stats = given.stats
    if scenario.volatility != 1.0:
        wilder = scenario.volatility
        stats = replace(
            stats,
            atr={symbol: one * wilder for symbol, one in stats.atr.items()},
            daily_sigma={symbol: one * wilder for symbol, one in stats.daily_sigma.items()},
        )
    return replace(
        given,
        snapshot=seen(given.snapshot, account, scenario, factor),
        stats=stats,
        memory=RulesMemory(),
        price_terms=None,
        approval=None,
        impact=given.impact * scenario.spread,
        own_stops={
            leg.key: decimal(leg.stop)
            for leg in account.held
            if leg.stop is not None and leg.key in given.own_stops
        },
        surroundings=_wilder(given.surroundings, scenario.volatility),
    )


def with_markets(given: DecisionInput, factor: Mover, wilder: float, spread: float) -> DecisionInput:
    """Return the input with order books, and the options that may be bought, as they would be quoted there.

    They take a while to work out, and only what may trade needs them.
    """
    around = given.surroundings
    chains = {
        base: moved_chain(chain, given.snapshot, factor, wilder, spread)
        for base, chain in around.chains.items()
    }
    depths = {
        symbol: _book(book, factor(symbol, symbol.split("/")[0]), spread)
        for symbol, book in given.depths.items()
    }
    return replace(given, surroundings=replace(around, chains=chains), depths=depths)


def seen(snapshot: Snapshot, account: Account, scenario: StressScenario, factor: Mover) -> Snapshot:
    """Return the snapshot there."""
    marks = {}
    for symbol, mark in snapshot.marks.items():
        market = snapshot.markets.get(symbol)
        base = market.base if market is not None else symbol.split("/")[0]
        marks[symbol] = _mark(mark, factor(symbol, base), scenario.spread)
    return replace(
        snapshot,
        positions=tuple(_position(leg) for leg in account.held),
        options=tuple(one.shown(scenario.spread) for one in account.papers.values() if one.contracts),
        balance=_balance(snapshot.balance, account),
        orders=tuple(one for one in snapshot.orders if one.order_id not in account.cancelled),
        stops=tuple(one for one in snapshot.stops if one.order_id not in account.cancelled),
        marks=marks,
    )


def decimal(number: float) -> Decimal:
    """Turn a float into the decimal that is written like it."""
    return Decimal(repr(number))


def _position(leg: Leg) -> Position:
    one, price = leg.position, leg.price
    margin: Figure | None = None
    if leg.equity is not None:
        entry = float(one.entry_price) if isinstance(one.entry_price, Decimal) else price
        margin = decimal(leg.equity - leg.sign * leg.size * (price - entry))
    return replace(
        one,
        contracts=leg.contracts,
        mark_price=decimal(price),
        isolated_margin=margin,
        unrealised_pnl=_ELSEWHERE if margin is None else Unknown("it is part of the isolated margin"),
        entry_price=one.entry_price if isinstance(one.entry_price, Decimal) else decimal(price),
        maintenance_margin=_ELSEWHERE,
        liquidation_price=_ELSEWHERE,
        stop_price=None if leg.stop is None else decimal(leg.stop),
    )


def _balance(balance: Balance, account: Account) -> Balance:
    apart = sum(leg.equity or 0.0 for leg in account.held) if account.includes_isolated else 0.0
    worth: dict[str, Figure] = dict(balance.worth)
    coins: dict[str, Figure] = dict(balance.coins)
    for coin, purse in account.coins.items():
        worth[coin] = decimal(purse.worth)
        coins.setdefault(coin, _ELSEWHERE)
    return replace(
        balance,
        equity=decimal(account.equity),
        margin_balance=decimal(account.balance + apart),
        maintenance_margin=_ELSEWHERE,
        initial_margin=_ELSEWHERE,
        available=_ELSEWHERE if account.available is None else decimal(max(account.free, 0.0)),
        worth=worth,
        coins=coins,
    )


def _mark(mark: Mark, factor: float, spread: float) -> Mark:
    by, wider = decimal(factor), decimal(spread)

    def moved(figure: Figure) -> Figure:
        return figure * by if isinstance(figure, Decimal) else figure

    bid, ask = mark.bid, mark.ask
    if isinstance(bid, Decimal) and isinstance(ask, Decimal):
        middle = (bid + ask) / 2
        half = min((ask - bid) / 2 * wider, middle / 2)
        bid, ask = middle - half, middle + half
    return replace(
        mark,
        mark=moved(mark.mark),
        index=moved(mark.index),
        last=moved(mark.last),
        bid=moved(bid),
        ask=moved(ask),
    )


def _book(book: OrderBook, factor: float, spread: float) -> OrderBook:
    if not (book.bids and book.asks):
        return book
    middle = (book.bids[0].price + book.asks[0].price) / 2
    by, wider = decimal(factor), decimal(spread)

    def moved(levels: tuple[BookLevel, ...]) -> tuple[BookLevel, ...]:
        prices = [(one, middle + (one.price - middle) * wider) for one in levels]
        return tuple(BookLevel(price * by, one.coins) for one, price in prices if price > 0)

    return replace(book, bids=moved(book.bids), asks=moved(book.asks))


def _wilder(around: Surroundings, times: float) -> Surroundings:
    """Return figures of markets with volatilities so many times as large."""
    if times == 1.0:
        return around
    return replace(
        around,
        markets={
            base: {
                name: value * times
                if name.startswith(("realized_vol", "atr")) and isinstance(value, float)
                else value
                for name, value in figures.items()
            }
            for base, figures in around.markets.items()
        },
    )
