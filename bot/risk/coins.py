"""Coins of the wallet: what the account holds beside its positions, and what moves with the market.

A coin that is no dollar is one more long position: it gains and loses with its price, and what of it counts
as margin comes and goes with it. Together with the delta of an inverse position its worth makes the account
exactly linear in price: with B coins and c USD contracts from entry p0, equity at x is (B + s c / p0) x -
s c. So the coins' worth is taken with their unrealised profit, as the venue states it, and an inverse
position moves as c / p coins would from here.
"""

from decimal import Decimal

from bot.model import MarketStats, Snapshot, Unknown
from bot.risk.betas import fallback_beta
from bot.risk.figures import number_of, price_of
from bot.risk.portfolio import Coin

STEADY = frozenset(
    {"USDT", "USDC", "USD", "USDE", "USDTB", "USD1", "DAI", "FDUSD", "PYUSD", "RLUSD", "TUSD", "BUSD"}
)
"""Coins that are taken to stay worth what they are in USD."""

LEAST_WORTH = 1.0
"""USD: less than this of a coin counts as nothing."""

NOT_STATED = Unknown("the venue did not state it")


def coins_of(snapshot: Snapshot, stats: MarketStats) -> tuple[Coin, ...] | Unknown:
    """Return the coins that move with the market, by name; unknown where one has no known worth.

    The venue states by how much margin is less than equity for the account alone: the coins share that
    haircut by what of them is held. It does not fall on profit that is settled in a coin, so a coin may be
    worth something and be no margin, or less than none. What is owed of a coin counts in full.
    """
    worth = _worths(snapshot)
    if isinstance(worth, Unknown):
        return worth
    held = {name: _held(name, usd, snapshot) for name, usd in worth.items()}
    haircut = _haircut(snapshot, sum(held.values()))
    found: list[Coin] = []
    for name, usd in sorted(worth.items()):
        if abs(usd) < LEAST_WORTH and held[name] < LEAST_WORTH:
            continue
        beta = stats.betas.get(_symbol_of(name, snapshot)) or fallback_beta(name, stats.reference)
        margin = usd - held[name] * haircut
        found.append(Coin(base=name, worth=usd, margin=margin, beta=beta.beta, residual=beta.residual))
    return tuple(found)


def _worths(snapshot: Snapshot) -> dict[str, float] | Unknown:
    balance = snapshot.balance
    found: dict[str, float] = {}
    for name, stated in balance.worth.items():
        usd = number_of(stated, f"the worth of {name}")
        if name in STEADY or balance.coins.get(name) == Decimal(0) == stated:
            continue
        if isinstance(usd, Unknown):
            if balance.coins.get(name) == Decimal(0):
                continue
            return Unknown(f"what the wallet's {name} is worth is not known: {usd.reason}")
        found[name] = usd
    return found


def _held(name: str, usd: float, snapshot: Snapshot) -> float:
    """Return what of a coin's worth is held in coins, in USD: its worth but for profit settled in it."""
    amount = number_of(snapshot.balance.coins.get(name, NOT_STATED), f"the amount of {name}")
    for one in snapshot.positions:
        if not one.inverse or isinstance(amount, Unknown):
            continue
        market, price = snapshot.markets.get(one.symbol), price_of(one.mark_price, "price")
        if market is not None and market.settle == name and not isinstance(price, Unknown):
            return max(amount * price, 0.0)
    return max(usd, 0.0)


def _haircut(snapshot: Snapshot, held: float) -> float:
    """Return which share of what is held is no margin; 0 where the venue's sums do not tell."""
    balance = snapshot.balance
    equity, margin = number_of(balance.equity, "equity"), number_of(balance.margin_balance, "margin balance")
    if isinstance(equity, Unknown) or isinstance(margin, Unknown) or held <= 0.0:
        return 0.0
    return min(max((equity - margin) / held, 0.0), 1.0)


def _symbol_of(coin: str, snapshot: Snapshot) -> str:
    """Return the symbol whose statistics are the coin's: one that is held of it, so that both move alike."""
    held = sorted(
        one.symbol
        for one in snapshot.positions
        if (market := snapshot.markets.get(one.symbol)) is not None and market.base == coin
    )
    return held[0] if held else f"{coin}/USDT:USDT"
