"""Accounts with inverse positions and coins behind them."""

from decimal import Decimal
from random import Random
from typing import Any

from msgspec.structs import replace

from bot.model import (
    Figure,
    Market,
    Position,
    Side,
    Snapshot,
    Tier,
)
from tests.planning.build import (
    dec,
    mark,
    market,
    position,
    snapshot,
    tiers,
)

INVERSE, LINEAR, ETH = "BTC/USD:BTC", "BTC/USDT:USDT", "ETH/USDT:USDT"
MARK = Decimal(100_000)


def coin_tiers(first: str = "150") -> tuple[Tier, ...]:
    """Marginal tiers of an inverse contract, in coins."""
    return tiers("0.005", first)


def inverse_market(base: str) -> Market:
    """An inverse perpetual with contracts of 1 USD."""
    one = Decimal(1)
    return market(
        f"{base}/USD:{base}",
        venue_symbol=f"{base}USD",
        quote="USD",
        settle=base,
        linear=False,
        amount_step=one,
        amount_min=one,
        notional_min=Decimal(0),
    )


def with_inverse(shot: Snapshot, seed: int) -> Snapshot:
    """Put inverse positions and the coins behind them into an account."""
    rng = Random(seed)
    worth: dict[str, Figure] = {}
    positions, markets, brackets, marks = (
        list(shot.positions),
        dict(shot.markets),
        dict(shot.tiers),
        dict(shot.marks),
    )
    equity = shot.balance.equity
    assert isinstance(equity, Decimal)
    margin = equity
    for base, price in (("BTC", dec(100_000)), ("ETH", dec(3_500))):
        made = inverse_market(base)
        contracts = dec(10 ** rng.uniform(3.0, 6.0), "1")
        side = rng.choice([Side.LONG, Side.LONG, Side.SHORT])
        entry = dec(float(price) * rng.uniform(0.9, 1.1), "0.01")
        positions.append(position(made.symbol, side, contracts, price, entry_price=entry, inverse=True))
        markets[made.symbol], marks[made.symbol] = made, mark(made.symbol, price)
        brackets[made.symbol] = coin_tiers(rng.choice(["1", "20", "150"]))
        coins = dec(float(contracts) * rng.uniform(0.1, 1.5), "0.01")
        worth[base] = coins
        equity += coins
        margin += coins * Decimal(rng.choice(["1", "0.95", "0.8"]))
    balance = replace(shot.balance, equity=equity, margin_balance=margin, worth=worth)
    return replace(
        shot, positions=tuple(positions), markets=markets, tiers=brackets, marks=marks, balance=balance
    )


def held(side: Side = Side.LONG, contracts: str = "100000", **changes: Any) -> Position:
    """An inverse position at mark."""
    return position(INVERSE, side, contracts, MARK, **{"inverse": True, **changes})


def account(*others: Position, coins: str = "1", money: str = "0", one: Position | None = None) -> Snapshot:
    """An inverse position with bitcoin behind it."""
    mine = held() if one is None else one
    worth = Decimal(coins) * MARK
    equity = worth + Decimal(money)
    shot = snapshot((mine, *others), str(equity))
    balances: dict[str, Figure] = {"BTC": Decimal(coins), "USDT": Decimal(money)}
    worths: dict[str, Figure] = {"BTC": worth, "USDT": Decimal(money)}
    return replace(
        shot,
        markets={**shot.markets, INVERSE: inverse_market("BTC")},
        tiers={**shot.tiers, INVERSE: coin_tiers()},
        balance=replace(shot.balance, coins=balances, worth=worths),
    )
