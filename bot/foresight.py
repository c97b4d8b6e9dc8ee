"""What would be done at the prices at which a rule fires: the real decision, taken there."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.decision import DecisionInput, decide
from bot.model import Figure, Mark, Plan, Position, Snapshot, Unknown
from bot.risk.coins import STEADY
from bot.rules import Rule, RuleSet, RulesMemory

ZERO = Decimal(0)
_ELSEWHERE = Unknown("the venue has not been asked about other prices")


def plan_then(given: DecisionInput, rule: Rule, prices: Mapping[str, float]) -> Plan:
    """Plan for one rule with marks at `prices` (by symbol; those of today where there are none).

    It fires there at once, whatever its `for`, its hours and what is remembered say. Equity moves with the
    positions; the venue's own figures of margin are not known there.
    """
    eager = replace(rule, hold=timedelta(0), active=None)
    rules = RuleSet("foresight", "", "", (eager,))
    there = replace(
        given,
        snapshot=moved(given.snapshot, prices),
        memory=RulesMemory(),
        price_terms=None,
        protection=replace(given.protection, enabled=False),
    )
    return decide(there, rules).plan


def moved(snapshot: Snapshot, prices: Mapping[str, float]) -> Snapshot:
    """Return a snapshot as it would be at other mark prices; the same where there are none."""
    if not prices:
        return snapshot
    marks = {symbol: _at(mark, prices.get(symbol)) for symbol, mark in snapshot.marks.items()}
    worth = _worths(snapshot, prices)
    balance = snapshot.balance
    gain = sum((_gain(one, snapshot, prices) for one in snapshot.positions if not one.inverse), ZERO)
    gain += sum((_known(usd) for usd in worth.values()), ZERO)
    gain -= sum((_known(usd) for usd in balance.worth.values()), ZERO)
    return replace(
        snapshot,
        positions=tuple(_moved(one, snapshot, prices) for one in snapshot.positions),
        balance=replace(
            balance,
            equity=_plus(balance.equity, gain),
            margin_balance=_plus(balance.margin_balance, gain),
            maintenance_margin=_ELSEWHERE,
            worth=worth,
        ),
        marks=marks,
    )


def _worths(snapshot: Snapshot, prices: Mapping[str, float]) -> dict[str, Figure]:
    """Return what the wallet's coins would be worth: inverse positions settle in them what they gain."""
    moves: dict[str, Decimal] = {}
    for symbol, price in prices.items():
        market, mark = snapshot.markets.get(symbol), snapshot.marks.get(symbol)
        if market is not None and mark is not None and isinstance(mark.mark, Decimal) and mark.mark > 0:
            moves[market.base] = Decimal(repr(price)) / mark.mark
    worth: dict[str, Figure] = {
        coin: usd * moves.get(coin, 1) if isinstance(usd, Decimal) and coin not in STEADY else usd
        for coin, usd in snapshot.balance.worth.items()
    }
    for one in snapshot.positions:
        if one.inverse and one.symbol in snapshot.markets:
            coin = snapshot.markets[one.symbol].settle
            worth[coin] = _plus(worth.get(coin, ZERO), _gain(one, snapshot, prices))
    return worth


def _known(figure: Figure) -> Decimal:
    return figure if isinstance(figure, Decimal) else ZERO


def _at(mark: Mark, price: float | None) -> Mark:
    """Move all prices of a symbol by the factor by which its mark moves."""
    if price is None or isinstance(mark.mark, Unknown) or mark.mark <= 0:
        return mark
    factor = Decimal(repr(price)) / mark.mark

    def there(figure: Figure) -> Figure:
        return figure if isinstance(figure, Unknown) else figure * factor

    return replace(
        mark,
        mark=there(mark.mark),
        index=there(mark.index),
        last=there(mark.last),
        bid=there(mark.bid),
        ask=there(mark.ask),
    )


def _moved(position: Position, snapshot: Snapshot, prices: Mapping[str, float]) -> Position:
    price = prices.get(position.symbol)
    if price is None:
        return position
    return replace(
        position,
        mark_price=Decimal(repr(price)),
        unrealised_pnl=_plus(position.unrealised_pnl, _gain(position, snapshot, prices)),
        maintenance_margin=_ELSEWHERE,
    )


def _gain(position: Position, snapshot: Snapshot, prices: Mapping[str, float]) -> Decimal:
    """Return what a position would gain on the way."""
    mark = snapshot.marks.get(position.symbol)
    now = position.mark_price if mark is None or isinstance(mark.mark, Unknown) else mark.mark
    price = prices.get(position.symbol)
    if price is None or isinstance(now, Unknown):
        return ZERO
    return position.side.sign * position.coins(now) * (Decimal(repr(price)) - now)


def _plus(figure: Figure, gain: Decimal) -> Figure:
    return figure if isinstance(figure, Unknown) else figure + gain
