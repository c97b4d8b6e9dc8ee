"""The account at the more cautious of two prices, for stops that are placed while a price is not believed."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from bot.model import Snapshot
from bot.risk.gates import Doubt
from bot.risk.portfolio import Portfolio
from bot.risk.shock import gain_of, revalued


def cautious(portfolio: Portfolio, snapshot: Snapshot, doubts: Sequence[Doubt]) -> tuple[Portfolio, Snapshot]:
    """Return the account as it is, or where another price is worse for what is held, at that one.

    A stop rests then on the losing side of both prices, and with the margin that is left at the worse. Where
    both legs of a symbol are held, one of them gains what the other loses, and its mark stays. The wallet's
    coins of its base move along where they lose.
    """
    moves: dict[str, float] = {}
    marks = dict(snapshot.marks)
    for doubt in doubts:
        held = [holding for holding in portfolio.holdings if holding.symbol == doubt.symbol]
        if len(held) != 1 or (doubt.sane - doubt.price) * held[0].sign >= 0.0:
            continue
        move = doubt.sane / doubt.price - 1.0
        moves[held[0].key] = move
        coins = [coin for coin in portfolio.coins if coin.base == held[0].base]
        moves.update({coin.key: move for coin in coins if coin.margin * move < 0.0})
        if doubt.symbol in marks:
            marks[doubt.symbol] = replace(marks[doubt.symbol], mark=Decimal(repr(doubt.sane)))
    if not moves:
        return portfolio, snapshot
    moved = revalued(portfolio, moves, None)
    floor = portfolio.margin_floor
    if isinstance(floor, float):
        cross = [holding for holding in portfolio.holdings if holding.isolated_equity is None]
        floor += sum(gain_of(holding, moves.get(holding.key, 0.0)) for holding in cross)
        floor += sum(coin.margin * moves.get(coin.key, 0.0) for coin in portfolio.coins)
    return replace(moved, margin_floor=floor), replace(snapshot, marks=marks)
