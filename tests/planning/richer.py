"""Options and margin for random portfolios, and what a judge asks of both."""

from datetime import timedelta
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from bot.model import (
    Action,
    Chain,
    Demand,
    HedgeTerms,
    MarginRequest,
    OptionMarket,
    OptionQuote,
    OptionTerms,
    OrderRequest,
    Plan,
    Right,
    Side,
    Unknown,
    position_key,
)
from bot.planning.aftermath import with_paper
from bot.planning.check import is_inside
from bot.planning.lifting import with_margin
from bot.planning.measures import recomputed
from bot.planning.recomputation import Paper, State, state_before
from bot.planning.request import PlanRequest, watch_of
from bot.risk import black76
from bot.risk.definitions import MARGIN_HELPS, OPTIONS_HELP
from tests.planning.build import NOW, dec

CHAINS = 4
STRIKES = (0.82, 0.88, 0.94, 1.0, 1.06, 1.12, 1.18)
DAYS = (5.0, 21.0, 35.0)
EQUAL = 1e-9
FURTHEST, DEAREST = Decimal("1.02"), 1.075
"""An order for an option may reach so far above the ask, and above its worth."""


def with_options(asked: PlanRequest, rng: Random) -> PlanRequest:
    """Let rules on stress loss and cushion buy options, of the largest positions, some of them ill quoted."""
    largest = sorted(asked.portfolio.holdings, key=lambda one: -one.notional)[:CHAINS]
    chains = {one.base: chain(rng, one.base, one.price, one.notional) for one in largest}
    bounds = rng.choice([0.01, 0.05, 0.2])
    terms = OptionTerms(protect_below=0.2, max_premium=bounds)
    demands = tuple(
        replace(
            one,
            permits=tuple(dict.fromkeys((*one.permits, Action.HEDGE))),
            hedge=HedgeTerms(perp=one.hedge is not None, put=terms, call=terms),
        )
        if one.metric in OPTIONS_HELP
        else one
        for one in asked.demands
    )
    return replace(
        asked,
        snapshot=replace(asked.snapshot, options_read=True),
        chains=chains,
        demands=demands,
        hedging={one.rule: one.hedge for one in demands if one.hedge is not None},
    )


def chain(rng: Random, base: str, price: float, notional: float) -> Chain:
    """Puts and calls around a price: narrow and wide, few and many, and some that lie."""
    markets: dict[str, OptionMarket] = {}
    quotes: dict[str, OptionQuote] = {}
    vol, half = rng.uniform(0.4, 1.3), 10 ** rng.uniform(-3.0, -1.0)
    step = dec(10 ** round(rng.uniform(-3, -1)), "0.001")
    size = dec(10 ** round(rng.uniform(-1, 1)), "0.1")
    for right in Right:
        for days in DAYS:
            for part in STRIKES:
                strike = dec(price * part, "0.0001")
                symbol = f"{base}/USDT:USDT-{days:g}-{strike}-{right.value[0].upper()}"
                market = OptionMarket(
                    symbol=symbol,
                    venue_symbol=symbol,
                    base=base,
                    quote="USDT",
                    settle="USDT",
                    right=right,
                    strike=strike,
                    expiry=NOW + timedelta(days=days),
                    contract_size=rng.choice([size, size, size, Decimal(0)]) if part > 1.1 else size,
                    amount_step=step,
                    amount_min=step,
                    amount_max=None,
                    price_step=Decimal("0.0001"),
                    taker_fee=Decimal("0.0003"),
                    fee_cap=Decimal("0.07"),
                    active=rng.random() < 0.95,
                )
                markets[symbol] = market
                if rng.random() < 0.95:
                    offered = dec(notional / price / float(size) * 10 ** rng.uniform(-2, 1), "0.001")
                    quotes[symbol] = quote(rng, market, price, vol, half, offered)
    return Chain(base, markets, quotes, {}, NOW)


def quote(
    rng: Random, market: OptionMarket, price: float, vol: float, half: float, offered: Decimal
) -> OptionQuote:
    """Quotes around what it is worth; one in ten is crossed, without volatility, or old."""
    worth = black76.price(market.right, price, float(market.strike), market.years_left(NOW), vol)
    found = OptionQuote(
        symbol=market.symbol,
        mark=dec(worth),
        bid=dec(worth * (1 - half)),
        ask=dec(worth * (1 + half)),
        bid_size=offered,
        ask_size=offered,
        iv=dec(vol),
        underlying=dec(price),
        delta=Decimal(0),
        theta=Decimal(0),
        at=NOW,
    )
    lies = (
        {"bid": dec(worth * 1.2)},
        {"iv": Decimal(0)},
        {"ask": Unknown("none")},
        {"at": NOW - timedelta(hours=1)},
    )
    return replace(found, **rng.choice(lies)) if rng.random() < 0.1 else found


def with_margins(asked: PlanRequest, rng: Random) -> PlanRequest:
    """Let rules on liquidation add margin to isolated positions, out of little or much."""
    shot = asked.snapshot
    equity = shot.balance.equity
    assert isinstance(equity, Decimal)
    shot = replace(shot, balance=replace(shot.balance, available=equity * dec(rng.choice([0.02, 0.2, 0.9]))))
    demands = tuple(
        replace(one, permits=(*one.permits, Action.ADD_MARGIN)) if one.metric in MARGIN_HELPS else one
        for one in asked.demands
    )
    return replace(asked, snapshot=shot, demands=demands)


def added(made: Plan) -> dict[str, float]:
    """Margin that a plan adds, by position."""
    found: dict[str, float] = {}
    for step in made.steps:
        sent = step.request
        if isinstance(sent, MarginRequest):
            key = position_key(sent.symbol, sent.position_side)
            found[key] = found.get(key, 0.0) + float(sent.amount)
    return found


def with_added(asked: PlanRequest, made: Plan) -> PlanRequest:
    """The account as it stands once the margin of a plan is added."""
    usd = added(made)
    return with_margin(asked, usd) if usd else asked


def illegal_margin(asked: PlanRequest, made: Plan) -> str:
    """Say what margin a plan moves that nobody permits; '' for none."""
    free, usd = asked.snapshot.balance.available, added(made)
    assert isinstance(free, Decimal)
    if sum(usd.values()) > float(free):
        return f"{sum(usd.values())} USD of {free} that are free"
    for key in usd:
        holding = asked.portfolio.holding(key)
        if holding is None or holding.isolated_equity is None:
            return f"margin for {key}"
    for step in made.steps:
        own = [one for one in asked.demands if one.rule == step.rule]
        if isinstance(step.request, MarginRequest) and Action.ADD_MARGIN not in own[0].permits:
            return f"{step.rule} may add no margin"
    return ""


def illegal_option(asked: PlanRequest, made: Plan, sent: OrderRequest) -> str:
    """Say what is wrong with an option that a plan buys, or with what is said of it; '' for nothing."""
    step = next(one for one in made.steps if one.request is sent)
    one = next(one for one in asked.demands if one.rule == step.rule)
    found = next(
        ((each, each.markets[sent.symbol]) for each in asked.chains.values() if sent.symbol in each.markets),
        None,
    )
    if found is None or step.hedge is None or one.hedge is None or sent.price is None:
        return f"{sent.symbol} is no option that may be bought"
    market, given = found[1], found[0].quotes[sent.symbol]
    parent = asked.portfolio.holding(step.hedge.parent)
    right = Right.PUT if parent is not None and parent.sign > 0 else Right.CALL
    terms = one.hedge.options(right)
    if parent is None or parent.base != market.base or market.right is not right or terms is None:
        return f"{sent.symbol} against {step.hedge.parent}"
    coins = float(sent.contracts * market.contract_size)
    if coins > parent.size * (1 + EQUAL):
        return f"{coins} coins against {parent.size}"
    assert isinstance(given.underlying, Decimal)
    assert isinstance(given.iv, Decimal)
    assert isinstance(given.ask, Decimal)
    assert isinstance(given.ask_size, Decimal)
    net = sum(each.sign * each.beta * each.notional for each in asked.portfolio.holdings)
    if coins * parent.price * parent.beta > abs(net) * (1 + EQUAL):
        return f"{coins} coins of {parent.base} turn the account"
    reached = given.ask * FURTHEST
    if sent.price > reached or sent.contracts > given.ask_size or sent.contracts % market.amount_step:
        return f"{sent.contracts} at {sent.price}, offered are {given.ask_size} at {given.ask}"
    fee = market.fee(float(given.underlying), float(sent.price))
    equity = asked.portfolio.equity
    assert not isinstance(equity, Unknown)
    if coins * (float(sent.price) + fee) > terms.max_premium * equity * (1 + EQUAL):
        return f"a premium of {coins * (float(sent.price) + fee)} of {equity}"
    years = market.years_left(NOW)
    worth = black76.price(market.right, float(given.underlying), float(market.strike), years, float(given.iv))
    if float(sent.price) > worth * DEAREST:
        return f"{sent.symbol} at {sent.price}, worth is {worth}"
    paper = Paper(
        key=position_key(sent.symbol, Side.LONG),
        base=market.base,
        coins=coins,
        put=right is Right.PUT,
        strike=float(market.strike),
        spread=float(given.iv) * years**0.5,
        forward=float(given.underlying),
        worth=worth,
        beta=parent.beta,
        residual=parent.residual,
    )
    before = state_before(asked)
    assert isinstance(before, State)
    after = with_paper(before, paper, float(sent.price), fee)
    return _said(asked, made, one, before, after)


def _said(asked: PlanRequest, made: Plan, one: Demand, before: State, after: State) -> str:
    """Say where what a plan proves of a hedge is not so."""
    watch = watch_of(one)
    was, now = (recomputed(watch, state, asked.context) for state in (before, after))
    assert not isinstance(was, Unknown)
    assert not isinstance(now, Unknown)
    if now >= was:
        return f"{one.metric} went from {was} to {now} by an option"
    met = is_inside(now, watch.goal, watch.sense)
    proof = next(each for each in made.proofs if each.rule == one.rule)
    return "" if met == proof.met else f"{one.metric} at {now} is said to be {proof.after}"
