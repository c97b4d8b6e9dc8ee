"""Quotes, books and positions of options as values, with what faults make of them."""

from decimal import ROUND_DOWN
from itertools import islice

from msgspec.structs import replace

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.options.bad_data import BadData
from bot.sandbox.engine.options.black76 import NO_GREEKS, Greeks
from bot.sandbox.engine.options.chains import exact
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.options.holdings import Holding
from bot.sandbox.engine.options.values import OptionPosition, OptionQuote
from bot.sandbox.engine.types import ZERO, BookDepth, BookLevel, Side

Levels = tuple[BookLevel, ...]


def quote(core: Core, contract: OptionContract) -> OptionQuote:
    """One contract's market as it is shown."""
    chains, point = core.chains, core.chains.point(contract)
    bids, asks = _sides(core, contract, 1)
    mark = chains.mark(contract)
    shown = OptionQuote(
        contract=contract,
        mark=mark,
        mark_volatility=point.volatility,
        bid=bids[0].price if bids else None,
        bid_qty=bids[0].qty if bids else ZERO,
        bid_volatility=point.implied(bids[0].price) if bids else 0.0,
        ask=asks[0].price if asks else None,
        ask_qty=asks[0].qty if asks else ZERO,
        ask_volatility=point.implied(asks[0].price) if asks else 0.0,
        last=chains.last.get(contract.symbol) or (mark / contract.tick).to_integral_value() * contract.tick,
        greeks=point.greeks,
        forward=exact(point.forward),
        index=chains.index(contract.base),
        open_interest=-chains.counterparty.get(contract.symbol, ZERO),
        expected_settlement=chains.by_coin[contract.base].expected_for(contract),
        time_ms=core.market_ms,
    )
    if not chains.bad_data.strikes(BadData.NO_VOLATILITY, contract.symbol):
        return shown
    return replace(shown, mark_volatility=0.0, bid_volatility=0.0, ask_volatility=0.0, greeks=NO_GREEKS)


def depth(core: Core, contract: OptionContract, count: int) -> BookDepth:
    """The best levels of each side as they are shown."""
    bids, asks = _sides(core, contract, count)
    return BookDepth(
        symbol=contract.symbol, bids=bids, asks=asks, update_id=core.market_ms, time_ms=core.market_ms
    )


def _sides(core: Core, contract: OptionContract, count: int) -> tuple[Levels, Levels]:
    """Bids and asks; crossed ones have changed places, and what has expired looks as if it were quoted."""
    chains = core.chains
    if not chains.is_live(contract) and chains.bad_data.strikes(BadData.EXPIRED, contract.symbol):
        low = (chains.mark(contract) / contract.tick).to_integral_value(ROUND_DOWN) * contract.tick
        qty = 10 * contract.qty_step
        return (BookLevel(low, qty),) if low else (), (BookLevel(low + contract.tick, qty),)
    bids, asks = (tuple(islice(chains.levels(contract, one), count)) for one in (Side.SELL, Side.BUY))
    crossed = chains.bad_data.strikes(BadData.CROSSED, contract.symbol)
    return (asks, bids) if crossed else (bids, asks)


def position_view(core: Core, account: Account, holding: Holding) -> OptionPosition:
    """A holding with its figures at the present mark."""
    contract, qty = holding.contract, holding.qty
    mark = core.chains.mark(contract)
    return OptionPosition(
        account_id=account.account_id,
        contract=contract,
        size=qty,
        entry_price=holding.entry_price,
        mark_price=mark,
        value=qty * mark,
        unrealised_pnl=qty * (mark - holding.entry_price),
        realised_pnl=holding.realised_pnl if qty else ZERO,
        cumulative_pnl=holding.cumulative_pnl,
        greeks=_whole(core.chains.point(contract).greeks, float(qty)),
        created_ms=holding.created_ms,
        updated_ms=holding.updated_ms,
        sequence=holding.sequence,
    )


def _whole(one: Greeks, qty: float) -> Greeks:
    return Greeks(one.delta * qty, one.gamma * qty, one.vega * qty, one.theta * qty)
