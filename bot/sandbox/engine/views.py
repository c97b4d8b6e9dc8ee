"""Frozen views of positions, wallets, tickers and books."""

from collections.abc import Iterator
from decimal import Decimal
from heapq import merge
from itertools import groupby, islice

from bot.sandbox.engine import collateral, margin
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.history import MINUTE_MS
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.options import backing
from bot.sandbox.engine.types import (
    ZERO,
    BookDepth,
    BookLevel,
    Candle,
    CandleKind,
    CoinBalance,
    EngineRefusal,
    Leg,
    MarginMode,
    Position,
    Reason,
    Side,
    Ticker,
    TriggerBy,
    Wallet,
)


def positions(core: Core, account: Account, symbol: str | None, flat: bool) -> list[Position]:
    """Open legs, and where `flat` the empty ones too, in the order of symbol and leg."""
    if symbol is not None:
        core.market(symbol)
    keys = {key for key in account.held if symbol in {None, key[0]}}
    if flat:
        symbols = {symbol} if symbol is not None else {key[0] for key in account.positions}
        keys |= {(one, leg) for one in symbols for leg in account.legs(one)}
    with core.showing():
        cross = margin.cross_state(core, account)
        return [
            position_view(core, account, account.state(core.markets[one].instrument, leg), cross)
            for one, leg in sorted(keys)
        ]


def position(core: Core, account: Account, market: Market, leg: Leg) -> Position:
    """One leg, flat or not."""
    return position_view(core, account, account.state(market.instrument, leg))


def position_view(
    core: Core, account: Account, state: PositionState, cross: margin.Cross | None = None
) -> Position:
    """A position with its figures at the present mark, as it is shown."""
    with core.showing():
        return _position(core, account, state, cross)


def _position(core: Core, account: Account, state: PositionState, cross: margin.Cross | None) -> Position:
    mark, size = core.mark(state), abs(state.qty)
    value = state.instrument.value(size, mark)
    tier = state.instrument.tier(value)
    stop, profit = account.orders.get(state.stop_loss_id), account.orders.get(state.take_profit_id)
    mode = MarginMode.ISOLATED if state.isolated else MarginMode.CROSS
    if not size:
        mode = account.margin_mode(state.symbol)
    return Position(
        account_id=account.account_id,
        symbol=state.symbol,
        leg=state.leg,
        side=state.side,
        size=size,
        entry_price=state.entry_price,
        mark_price=mark,
        value=value,
        entry_value=state.instrument.value(size, state.entry_price) if size else ZERO,
        leverage=account.leverage(state.instrument, state.leg),
        margin_mode=mode,
        isolated_margin=state.isolated_margin,
        initial_margin=margin.initial(core, account, state),
        maintenance_margin=margin.maintenance(core, account, state, mark),
        unrealised_pnl=state.pnl(mark),
        realised_pnl=state.realised_pnl if size else ZERO,
        cumulative_pnl=state.cumulative_pnl,
        liquidation_price=margin.liquidation_price(core, account, state, cross) if size else None,
        bankruptcy_price=margin.bankruptcy_price(core, account, state, cross) if size else None,
        tier_id=tier.tier_id,
        tier_cap=tier.cap,
        stop_loss=stop.trigger_price if stop else None,
        stop_loss_trigger_by=stop.trigger_by if stop else TriggerBy.LAST,
        take_profit=profit.trigger_price if profit else None,
        take_profit_trigger_by=profit.trigger_by if profit else TriggerBy.LAST,
        created_ms=state.created_ms,
        updated_ms=state.updated_ms,
        sequence=state.sequence,
    )


def wallet(core: Core, account: Account) -> Wallet:
    """The account's figures at the present marks, as they are shown."""
    with core.showing():
        sums = margin.figures(core, account)
        coins = tuple(_coin(core, account, coin, sums) for coin in _coins(account))
    return Wallet(
        account_id=account.account_id,
        margin_mode=account.margin_default,
        wallet_balance=sums.balance,
        equity=sums.balance + sums.pnl + sums.coins + sums.options,
        coins_worth=sums.coins,
        option_value=sums.options,
        unrealised_pnl=sums.pnl,
        margin_balance=sums.margin_balance,
        position_initial_margin=sums.position_margin,
        order_initial_margin=sums.order_margin,
        isolated_margin=sums.isolated_margin,
        initial_margin=sums.position_margin + sums.order_margin,
        maintenance_margin=sums.maintenance,
        available=max(ZERO, sums.free),
        margin_ratio=sums.ratio,
        haircut=sums.haircut,
        coins=coins,
        time_ms=core.now_ms(),
    )


def _coin(core: Core, account: Account, coin: str, sums: margin.Figures) -> CoinBalance:
    balance, settles = account.wallets.get(coin, ZERO), coin == account.settle_coin
    own = margin.coin_sums(core, account, coin)
    rate = collateral.rate_of(core, account, coin)
    equity = balance + own.pnl + backing.worth_in(core, account, coin)
    return CoinBalance(
        coin=coin,
        wallet_balance=balance,
        equity=equity,
        unrealised_pnl=own.pnl,
        available=max(ZERO, sums.free) if settles else balance,
        position_initial_margin=own.position_margin,
        order_initial_margin=own.order_margin,
        maintenance_margin=own.maintenance,
        cumulative_pnl=own.cumulative_pnl,
        usd_value=equity * rate,
        is_collateral=rate > 0,
    )


def _coins(account: Account) -> list[str]:
    """The coins of the wallet, and those in which positions settle."""
    return sorted({*account.wallets, *(state.instrument.settle for state in account.held.values())})


def ticker(core: Core, market: Market) -> Ticker:
    """A symbol's market as of the last step."""
    bid, ask = (next(iter(levels(market, side)), None) for side in (Side.SELL, Side.BUY))
    day = market.candles.day(core.market_ms)
    return Ticker(
        symbol=market.symbol,
        last_price=market.last,
        mark_price=market.shown_mark,
        index_price=market.index,
        bid_price=bid.price if bid else None,
        bid_qty=bid.qty if bid else ZERO,
        ask_price=ask.price if ask else None,
        ask_qty=ask.qty if ask else ZERO,
        previous_price_24h=market.round_price(day.previous_24h),
        previous_price_1h=market.round_price(day.previous_1h),
        high_24h=max(market.last, market.round_price(day.high)),
        low_24h=min(market.last, market.round_price(day.low)),
        volume_24h=Decimal(repr(round(day.volume, 3))),
        turnover_24h=Decimal(repr(round(day.turnover, 2))),
        open_interest=_open_interest(core, market),
        funding_rate=market.funding_rate,
        next_funding_ms=market.next_funding_ms,
        time_ms=core.market_ms,
    )


def _open_interest(core: Core, market: Market) -> Decimal:
    held = (account.held.get((market.symbol, leg)) for account in core.accounts.values() for leg in Leg)
    return sum((state.qty for state in held if state and state.qty > 0), ZERO)


def levels(market: Market, taker: Side) -> Iterator[BookLevel]:
    """What a taker would find, users' orders and synthetic depth at one price added up, best first."""
    resting = sorted(
        (
            BookLevel(order.price or ZERO, order.leaves_qty)
            for order in market.resting.values()
            if order.side is not taker
        ),
        key=lambda level: taker.sign * level.price,
    )
    if not resting:
        yield from market.book.levels(taker)
        return
    both = merge(resting, market.book.levels(taker), key=lambda level: taker.sign * level.price)
    for price, group in groupby(both, key=lambda level: level.price):
        yield BookLevel(price, sum((level.qty for level in group), ZERO))


def depth(core: Core, market: Market, count: int) -> BookDepth:
    """The best `count` levels of each side."""
    return BookDepth(
        symbol=market.symbol,
        bids=tuple(islice(levels(market, Side.SELL), count)),
        asks=tuple(islice(levels(market, Side.BUY), count)),
        update_id=market.update_id,
        time_ms=core.market_ms,
    )


def candles(
    core: Core,
    market: Market,
    interval_ms: int,
    kind: CandleKind,
    span_ms: tuple[int | None, int | None],
    limit: int,
) -> list[Candle]:
    """The latest `limit` candles that open within the span, oldest first."""
    if interval_ms <= 0 or interval_ms % MINUTE_MS or limit <= 0:
        raise EngineRefusal(
            Reason.INVALID_VALUE,
            f"interval {interval_ms} ms is not whole minutes, or limit {limit} is not positive",
        )
    start_ms, end_ms = span_ms
    now_ms = core.market_ms
    end_ms = now_ms if end_ms is None else min(end_ms, now_ms)
    last_ms = end_ms - end_ms % interval_ms
    first_ms = last_ms - (limit - 1) * interval_ms
    if start_ms is not None:
        first_ms = max(first_ms, -(-start_ms // interval_ms) * interval_ms)
    if first_ms > last_ms:
        return []
    rows = market.candles.sums(kind, interval_ms, first_ms, now_ms, last_ms)
    return [
        Candle(
            start_ms=row.start_ms,
            open=market.round_price(row.open),
            high=market.round_price(row.high),
            low=market.round_price(row.low),
            close=market.round_price(row.close),
            volume=Decimal(repr(round(row.volume, 4))),
            turnover=Decimal(repr(round(row.turnover, 2))),
            closed=row.start_ms + interval_ms <= now_ms,
        )
        for row in rows
    ]
