"""The passing of market time, in bounded steps that miss nothing."""

from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.engine import funding, liquidation, matching
from bot.sandbox.engine.checks import check_price
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.options.desk import OptionDesk
from bot.sandbox.engine.orders import OrderDesk


def advance(core: Core, desk: OrderDesk, options: OptionDesk, until_ms: int | None = None) -> int:
    """Do every step up to the clock's market time and return their number (see `Engine.advance`)."""
    now_ms = core.clock.market_ms()
    until_ms = now_ms if until_ms is None else min(until_ms, now_ms)
    steps = 0
    core.in_step = True
    try:
        while (at_ms := _next_stop(core)) <= until_ms:
            core.market_ms = at_ms
            _step(core, desk, options)
            steps += 1
    finally:
        core.in_step = False
    core.flush_market_events()
    return steps


def _next_stop(core: Core) -> int:
    now_ms, step_ms = core.market_ms, core.market_step_ms
    stop_ms = (now_ms // step_ms + 1) * step_ms
    feed_ms = core.feed.next_breakpoint(now_ms - core.feed_shift_ms)
    if feed_ms is not None:
        stop_ms = min(stop_ms, feed_ms + core.feed_shift_ms)
    return min(stop_ms, max(core.next_funding_ms, now_ms + 1))


def _step(core: Core, desk: OrderDesk, options: OptionDesk) -> None:
    for market in core.fed_markets:
        market.take(core.feed_tick(market.symbol, core.market_ms), core.market_ms)
        core.touch(market.symbol)
    _orders(core, desk, list(core.markets.values()))
    if options.any_listed:
        options.pass_to(core.market_ms)
    if core.market_ms >= core.next_funding_ms:
        funding.settle_due(core)
        core.next_funding_ms = funding.next_due_ms(core)
    liquidation.check(core)


def _orders(core: Core, desk: OrderDesk, markets: Sequence[Market]) -> None:
    for market in markets:
        if market.resting:
            matching.cross_resting(core, market)
    if core.terms.liquidation_first and any(market.waiting for market in markets):
        liquidation.check(core)
    for market in markets:
        if market.waiting:
            desk.trigger(market)


def set_price(
    core: Core, desk: OrderDesk, options: OptionDesk, symbol: str, price: Decimal, index: Decimal | None
) -> None:
    """Hold a symbol at a price and do what follows from it (see `Engine.set_price`)."""
    market = core.market(symbol)
    check_price(market.instrument, price)
    if index is not None:
        check_price(market.instrument, index, "index")
    moved = [market, *core.followers(symbol)]
    for one in moved:
        one.hold(one.on_tick(price), index)
        core.touch(one.symbol)
    _orders(core, desk, moved)
    options.cross()
    liquidation.check(core)
    core.flush_market_events()


def release_price(core: Core, symbol: str) -> None:
    """Give a symbol back to the feed."""
    for market in (core.market(symbol), *core.followers(symbol)):
        market.held = False
