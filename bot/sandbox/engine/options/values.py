"""What the options show: quotes, positions, executions and deliveries."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.options.black76 import Greeks
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.types import Execution, Side


class OptionQuote(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's market. An absent side has price None, size 0 and volatility 0.

    `expected_settlement` is the average so far in the half hour before expiry, None earlier.
    """

    contract: OptionContract
    mark: Decimal
    mark_volatility: float
    bid: Decimal | None
    bid_qty: Decimal
    bid_volatility: float
    ask: Decimal | None
    ask_qty: Decimal
    ask_volatility: float
    last: Decimal
    """The last trade of anybody here, else the mark on the tick."""
    greeks: Greeks
    forward: Decimal
    index: Decimal
    open_interest: Decimal
    expected_settlement: Decimal | None
    time_ms: int


class OptionPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One option that an account holds (only long ones are offered); flat ones have `size` 0.

    `value` is size x mark. Greeks are of the whole position.
    """

    account_id: str
    contract: OptionContract
    size: Decimal
    entry_price: Decimal
    mark_price: Decimal
    value: Decimal
    unrealised_pnl: Decimal
    realised_pnl: Decimal
    cumulative_pnl: Decimal
    greeks: Greeks
    created_ms: int
    updated_ms: int
    sequence: int


class OptionExecution(Execution, frozen=True, kw_only=True):
    """A fill or a delivery of an option; volatilities are 0 where none is implied."""

    forward: Decimal
    volatility: float
    mark_volatility: float


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an option at its expiry. `realised_pnl` is the payoff less entry price and fee.

    `side` is that of the trade which closes the position: sell, for a long one.
    """

    contract: OptionContract
    side: Side
    qty: Decimal
    entry_price: Decimal
    settlement: Decimal
    fee: Decimal
    realised_pnl: Decimal
    time_ms: int
