"""What only the operator of the exchange does: accounts, transfers, set-up and summaries."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine import collateral, margin, offbook
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.checks import check_price, check_qty
from bot.sandbox.engine.controls import check_leverage
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.options import backing
from bot.sandbox.engine.state import AccountState, EngineState, MoneyTotals
from bot.sandbox.engine.types import (
    ZERO,
    AccountInfo,
    AccountSpec,
    EngineRefusal,
    Leg,
    LogEntry,
    LogKind,
    OrderKind,
    OrderRequest,
    Origin,
    Position,
    PositionMode,
    Reason,
    Side,
)
from bot.sandbox.engine.views import position_view

if TYPE_CHECKING:
    from bot.sandbox.engine.queries import Queries


def add_account(core: Core, spec: AccountSpec) -> AccountInfo:
    """Open an account (see `Engine.add_account`)."""
    account_id = spec.account_id or str(core.terms.first_account_id + len(core.accounts))
    if not spec.api_key or not spec.secret:
        raise EngineRefusal(Reason.INVALID_VALUE, "an account needs an API key and a secret")
    if account_id in core.accounts or spec.api_key in core.accounts_by_key:
        raise EngineRefusal(Reason.ACCOUNT_EXISTS, f"account {account_id} or its API key exists already")
    for amount in (spec.deposit, *spec.coins.values()):
        if not amount.is_finite() or amount < 0:
            raise EngineRefusal(Reason.INVALID_VALUE, f"deposit {amount} must not be negative")
    account = Account(
        account_id=account_id,
        spec=spec,
        created_ms=core.now_ms(),
        settle_coin=core.terms.settle_coin,
        margin_default=spec.margin_mode,
        position_default=spec.position_mode,
        wallets={core.terms.settle_coin: ZERO},
        one_way=frozenset(name for name, one in core.markets.items() if one.instrument.inverse),
    )
    core.accounts[account_id] = core.accounts_by_key[spec.api_key] = account
    for coin, amount in [(core.terms.settle_coin, spec.deposit), *spec.coins.items()]:
        if amount:
            transfer(core, account_id, coin, amount)
    return account.info()


def transfer(core: Core, account_id: str, coin: str, amount: Decimal, *, reference: str = "") -> LogEntry:
    """Deposit or withdraw (see `Engine.transfer`)."""
    account = core.account(account_id)
    if not coin or not amount.is_finite() or not amount:
        raise EngineRefusal(
            Reason.INVALID_VALUE, f"transfer of {amount} {coin!r}: name a coin and an amount other than 0"
        )
    settles = coin == account.settle_coin
    sums = margin.figures(core, account)
    # unrealised profit is margin, but it cannot leave the account
    own = min(sums.free, sums.balance - sums.isolated_margin)
    free = own if settles else account.wallets.get(coin, ZERO)
    if not settles and amount < 0 and account.held:
        free = min(free, _loose(core, account, coin, sums.free))
    if amount < 0 and -amount > free:
        raise EngineRefusal(
            Reason.INSUFFICIENT_BALANCE,
            f"cannot withdraw {-amount} {coin}: {max(ZERO, free):.8f} is available",
        )
    core.pool(coin).deposits += amount
    kind = LogKind.TRANSFER_IN if amount > 0 else LogKind.TRANSFER_OUT
    return core.credit(account, kind, coin=coin, cash_flow=amount, reference=reference or core.new_id())


def _loose(core: Core, account: Account, coin: str, free: Decimal) -> Decimal:
    """How much of a coin that is collateral no position needs."""
    value = collateral.as_margin(core, collateral.worth_of(core, account, coin))
    held = account.wallets.get(coin, ZERO)
    return held if value <= free else held * max(ZERO, free) / value


def open_position(
    core: Core,
    account_id: str,
    symbol: str,
    side: Side,
    qty: Decimal,
    entry_price: Decimal | None,
    leverage: Decimal | None,
) -> Position:
    """Give an account a position (see `Engine.open_position`)."""
    account, market = core.account(account_id), core.market(symbol)
    instrument = market.instrument
    check_qty(instrument, qty, OrderKind.LIMIT)
    price = market.mark if entry_price is None else entry_price
    check_price(instrument, price, "entry price")
    leg = Leg.NET
    if account.position_mode(symbol) is PositionMode.HEDGE:
        leg = Leg.LONG if side is Side.BUY else Leg.SHORT
    if leverage is not None:
        check_leverage(instrument, leverage)
    before = {one: account.leverages.get((symbol, one)) for one in Leg}
    if leverage is not None:
        account.leverages.update({(symbol, one): leverage for one in Leg})
    candidate = margin.Candidate(symbol, leg, side, qty, price)
    needed = margin.margin_with(core, account, candidate) - margin.order_margin(core, account)
    if needed > margin.figures(core, account).free:
        for one, old in before.items():
            account.leverages.pop((symbol, one), None)
            if old is not None:
                account.leverages[(symbol, one)] = old
        raise EngineRefusal(
            Reason.INSUFFICIENT_MARGIN,
            f"{qty} {symbol} needs {needed:.8f} {account.settle_coin} of initial margin",
        )
    request = OrderRequest(symbol=symbol, side=side, qty=qty, leg=leg)
    offbook.trade(core, account, request, price, fee_rate=ZERO, origin=Origin.ADMIN)
    core.flush_market_events()
    return position_view(core, account, account.state(instrument, leg))


def totals(core: Core, coin: str) -> MoneyTotals:
    """Where a coin is (see `Engine.totals`)."""
    pool, accounts = core.pool(coin), core.accounts.values()
    wallets = sum((account.wallets.get(coin, ZERO) for account in accounts), ZERO)
    pnl = sum((margin.coin_sums(core, account, coin).pnl for account in accounts), ZERO)
    counterparty = pool.counterparty_cash
    for market in core.markets.values():
        if market.instrument.settle == coin:
            worth = market.instrument.value(market.counterparty_qty, market.mark)
            counterparty += -worth if market.instrument.inverse else worth
    counterparty += core.chains.counterparty_worth(coin)
    options = sum((backing.worth_in(core, account, coin) for account in accounts), ZERO)
    everything = wallets + pnl + options + pool.fees + pool.insurance_gain + pool.funding + counterparty
    return MoneyTotals(
        deposits=pool.deposits,
        wallets=wallets,
        unrealised_pnl=pnl,
        options=options,
        fees=pool.fees,
        insurance_gain=pool.insurance_gain,
        funding=pool.funding,
        counterparty=counterparty,
        difference=everything - pool.deposits,
    )


def state(engine: "Queries", core: Core) -> EngineState:
    """Everything at once (see `Engine.state`)."""
    return EngineState(
        server_ms=core.now_ms(),
        market_ms=core.market_ms,
        start_ms=core.start_ms,
        feed_end_ms=None if core.feed.end_ms is None else core.feed.end_ms + core.feed_shift_ms,
        insurance_fund=core.terms.insurance_fund + core.pool(core.terms.settle_coin).insurance_gain,
        tickers=tuple(engine.ticker(symbol) for symbol in core.markets),
        accounts=tuple(_account_state(engine, account) for account in core.accounts.values()),
        liquidations=tuple(core.liquidations),
        totals=totals(core, core.terms.settle_coin),
    )


def _account_state(engine: "Queries", account: Account) -> AccountState:
    name = account.account_id
    return AccountState(
        account_id=name,
        api_key=account.spec.api_key,
        wallet=engine.wallet(name),
        positions=tuple(engine.positions(name)),
        options=tuple(engine.options.positions(name)),
        open_orders=tuple(engine.open_orders(name)),
        order_count=len(account.orders) + len(account.history),
        execution_count=len(account.executions),
        liquidated_ms=account.liquidated_ms,
    )
