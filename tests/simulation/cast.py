"""Who trades on a seeded day: accounts with their positions, modes and rules."""

from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec

from bot.rules import RuleSet, load_rules, load_rules_text, rules_path
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import (
    AccountSpec,
    EngineRefusal,
    Leg,
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
    Side,
)
from tests.simulation.market import LISTED

NAMES = ("anna", "bert", "cleo")
MOVER = "dora"
MOVERS = 5
"""One seed in so many has an account whose rules move margin and money."""
DEPOSITS = (Decimal(20_000), Decimal(100_000), Decimal(1_000_000))
FAST = """\
version: 1
defaults: {for: 0s, cooldown: 10s, severity: critical}
rules:
  - name: small
    metric: account.leverage
    max: 3
    restore: 2.5
    do: [cancel_orders, trim]
    trim: {max_slippage: 0.5%, order: passive, escalate_after: 10s}
  - name: room
    metric: position.liquidation_distance
    min: 20%
    restore: 25%
    do: [trim]
    trim: {max_share: 50%, max_slippage: 0.5%, order: ioc, escalate_after: 10s}
"""
SHUT = """\
version: 1
defaults: {for: 2s, cooldown: 30s, severity: critical}
rules:
  - {name: bad day, metric: account.daily_loss, max: 15%, do: [cancel_orders, close_all, halt]}
  - {name: too near, metric: position.liquidation_distance, min: 8%, restore: 12%, do: [close]}
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}, {BTC: 20%}]
    max: 60%
    restore: 50%
    do: [trim]
"""
CAP = """\
version: 1
defaults: {for: 0s, cooldown: 0s, severity: critical}
rules:
  - name: cap
    metric: account.leverage
    max: 3
    restore: 2.5
    do: [cancel_orders, trim]
    trim: {max_slippage: 2%, order: market, escalate_after: 1h}
"""
HEDGED = """\
version: 1
defaults: {for: 0s, cooldown: 10s, severity: critical}
rules:
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 60%
    restore: 50%
    do: [hedge]
    hedge: {with: [perp], max_share: 60%, max_slippage: 1%}
  - {name: too big, metric: account.leverage, max: 9, restore: 8, do: [cancel_orders, trim]}
  - {name: near, metric: position.liquidation_distance, min: 6%, restore: 9%, do: [trim]}
"""
MOVED = """\
version: 1
defaults: {for: 0s, cooldown: 10s, severity: critical}
rules:
  - name: room
    metric: position.liquidation_distance
    match: {margin_mode: isolated}
    min: 10%
    restore: 13%
    do: [add_margin, trim]
    add_margin: {max_share: 40%}
  - {name: calm, metric: account.leverage, max: 4, do: [lower_leverage], lower_leverage: {to: 12x}}
  - {name: too big, metric: account.leverage, max: 7, restore: 6, do: [cancel_orders, trim]}
  - {name: near, metric: account.margin_ratio, max: 60%, restore: 45%, do: [trim]}
  - {name: bank, metric: account.available, max: 65k, do: [secure], secure: {keep: 60k, convert: true}}
"""
"""Moves margin and money, and trims where that is not enough."""
SYNTHETIC = {"fast": FAST, "shut": SHUT, "cap": CAP, "hedged": HEDGED, "moved": MOVED}
CHOICES = (
    "balanced",
    "balanced",
    "conservative",
    "lifeline",
    "lifeline",
    "lifeline",
    "fast",
    "hedged",
    "shut",
)
WATCHED = "observe"
"""Rules of an account whose guard sends nothing."""


TRADES = frozenset({"read", "trade"})


class Holding(msgspec.Struct, frozen=True):
    """One position at the start; `share` is its notional as a multiple of the deposit."""

    symbol: str
    side: Side
    share: float
    leverage: int


class Role(msgspec.Struct, frozen=True):
    """One account at the start."""

    name: str
    deposit: Decimal
    rules: str
    margin: MarginMode
    mode: PositionMode
    holdings: tuple[Holding, ...]
    resting: int
    """Limit orders of its owner that rest away from the market."""
    coins: dict[str, Decimal] = {}
    """Other coins that lie in the wallet."""
    permissions: frozenset[str] = TRADES

    @property
    def armed(self) -> bool:
        """Whether its guard sends anything."""
        return self.rules != WATCHED

    def __str__(self) -> str:
        held = ", ".join(
            f"{one.side.value} {one.share:.2f}x {one.symbol} (leverage {one.leverage})"
            for one in self.holdings
        )
        return (
            f"{self.name}: {self.deposit} USDT, {self.margin.value}, {self.mode.value}, "
            f"rules {self.rules}; {held}"
            + "".join(f", {amount} {coin}" for coin, amount in self.coins.items())
        )


def make_cast(seed: int) -> tuple[Role, ...]:
    """Draw the accounts of a seed."""
    random = Random(f"cast:{seed}")
    count = random.choice((1, 1, 1, 1, 1, 2, 2, 3))
    drawn = tuple(_role(random, name, first=name == NAMES[0]) for name in NAMES[:count])
    return (*drawn, _mover(seed)) if seed % MOVERS == 0 else drawn


def _role(random: Random, name: str, *, first: bool) -> Role:
    margin = random.choice((MarginMode.CROSS, MarginMode.CROSS, MarginMode.ISOLATED))
    mode = random.choice((PositionMode.ONE_WAY, PositionMode.ONE_WAY, PositionMode.HEDGE))
    rules = random.choice(CHOICES if first else (*CHOICES, WATCHED))
    gross = random.choice((8.0, 10.0, 12.0) if rules == "lifeline" else (3.0, 4.0, 6.0, 8.0))
    symbols = random.sample(LISTED, random.choice((1, 1, 2, 3)))
    bias = random.choice((Side.BUY, Side.BUY, Side.SELL))
    holdings: list[Holding] = []
    for symbol in symbols:
        side = bias if random.random() < 0.8 else bias.opposite
        leverage = random.choice((15, 25, 40, 50))
        holdings.append(Holding(symbol, side, gross / len(symbols), leverage))
        if mode is PositionMode.HEDGE and random.random() < 0.5:
            share = gross / len(symbols) * random.uniform(0.1, 0.6)
            holdings.append(Holding(symbol, side.opposite, share, leverage))
    return Role(
        name,
        random.choice(DEPOSITS),
        rules,
        margin,
        mode,
        tuple(holdings),
        random.choice((0, 0, 1, 3)),
    )


def _mover(seed: int) -> Role:
    """Draw an account whose rules move margin and money; it rarely meets the limits of the others."""
    random = Random(f"mover:{seed}")
    margin = random.choice((MarginMode.ISOLATED, MarginMode.ISOLATED, MarginMode.CROSS))
    mode = random.choice((PositionMode.ONE_WAY, PositionMode.ONE_WAY, PositionMode.HEDGE))
    symbols = random.sample(LISTED, random.choice((1, 2, 2)))
    side, gross = random.choice((Side.BUY, Side.SELL)), random.choice((2.0, 3.0, 4.5))
    holdings = [
        Holding(one, side, gross / len(symbols), random.choice((12, 20, 25))) for one in sorted(symbols)
    ]
    coins = {"ETH": Decimal(random.choice(("0.5", "2", "5")))} if random.random() < 0.6 else {}
    return Role(
        MOVER,
        Decimal(100_000),
        "moved",
        margin,
        mode,
        tuple(holdings),
        random.choice((0, 0, 1)),
        coins,
        TRADES | {"transfer"} if random.random() < 0.9 else TRADES,
    )


def rules_of(name: str) -> RuleSet:
    """Load the rules that a role names: a shipped profile, or one of the synthetic sets."""
    if name in SYNTHETIC:
        return load_rules_text(SYNTHETIC[name], name)
    return load_rules(rules_path(name, Path()))


def leg_of(side: Side) -> Leg:
    """The leg of hedge mode that a side opens."""
    return Leg.LONG if side is Side.BUY else Leg.SHORT


def seat(engine: Engine, role: Role, random: Random) -> None:
    """Open an account with its positions and its owner's resting orders."""
    spec = AccountSpec(
        api_key=f"{role.name}-key",
        secret=f"{role.name}-secret",
        deposit=role.deposit,
        coins=role.coins,
        permissions=role.permissions,
        account_id=role.name,
        margin_mode=role.margin,
        position_mode=role.mode,
    )
    engine.add_account(spec)
    enter(engine, role)
    for _ in range(role.resting):
        rest(engine, role.name, random)


def enter(engine: Engine, role: Role) -> None:
    """Bring the account's positions up to what the role likes to hold, as far as its margin carries them."""
    equity = engine.wallet(role.name).equity
    for one in role.holdings:
        instrument, price = engine.instrument(one.symbol), engine.ticker(one.symbol).mark_price
        hedged = engine.position_mode(role.name, one.symbol) is PositionMode.HEDGE
        now = engine.position(role.name, one.symbol, leg_of(one.side) if hedged else Leg.NET)
        if now.side is one.side.opposite:
            continue
        wanted = equity * Decimal(str(one.share)) / price - now.size
        size = wanted // instrument.qty_step * instrument.qty_step
        leverage = Decimal(min(one.leverage, int(instrument.max_leverage)))
        if size < instrument.min_qty:
            continue
        try:
            engine.open_position(role.name, one.symbol, one.side, size, None, leverage)
        except EngineRefusal:
            continue  # the margin left does not carry it: a smaller account, then


def rest(engine: Engine, account: str, random: Random) -> None:
    """Leave a limit order of the owner in the book, where its margin carries it."""
    symbol, side = random.choice(LISTED), random.choice((Side.BUY, Side.SELL))
    instrument, ticker = engine.instrument(symbol), engine.ticker(symbol)
    away = Decimal(str(round(1 - side.sign * random.uniform(0.02, 0.15), 4)))
    price = ticker.mark_price * away // instrument.tick * instrument.tick
    worth = engine.wallet(account).equity * Decimal(str(round(random.uniform(0.05, 0.5), 3)))
    size = max(worth / price // instrument.qty_step * instrument.qty_step, instrument.min_qty)
    hedged = engine.position_mode(account, symbol) is PositionMode.HEDGE
    leg = leg_of(side) if hedged else Leg.NET
    request = OrderRequest(symbol=symbol, side=side, qty=size, kind=OrderKind.LIMIT, price=price, leg=leg)
    try:
        engine.place(account, request)
    except EngineRefusal:
        return
