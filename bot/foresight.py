"""What would be done at the prices at which a rule fires: the real decision, taken there."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.decision import DecisionInput, decide
from bot.model import Figure, Mark, Plan, Position, Snapshot, Unknown
from bot.rules import Rule, RuleSet, RulesMemory

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
    gain = sum((_gain(one, snapshot, prices) for one in snapshot.positions), Decimal(0))
    balance = snapshot.balance
    return replace(
        snapshot,
        positions=tuple(_moved(one, snapshot, prices) for one in snapshot.positions),
        balance=replace(
            balance,
            equity=_plus(balance.equity, gain),
            margin_balance=_plus(balance.margin_balance, gain),
            maintenance_margin=_ELSEWHERE,
        ),
        marks=marks,
    )


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
        return Decimal(0)
    return position.side.sign * position.size * (Decimal(repr(price)) - now)


def _plus(figure: Figure, gain: Decimal) -> Figure:
    return figure if isinstance(figure, Unknown) else figure + gain
