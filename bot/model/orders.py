"""Orders that leave the guard, and what the venue says became of them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.model.account import OrderSide, Side
from bot.model.moves import ConvertRequest, LeverageRequest, MarginRequest, TransferRequest


class Style(StrEnum):
    """How an order meets the book."""

    IOC = "ioc"
    MARKET = "market"
    PASSIVE = "passive"
    """A limit order that only rests: the venue cancels it where it would trade at once."""


class OrderRequest(Struct, frozen=True, tag="order"):
    """An order, reduce-only unless it `opens`. Contracts and price already fit the market's steps.

    An order for the whole of a position takes it as it is, also where the venue has raised its step since.
    """

    client_order_id: str
    symbol: str
    side: OrderSide
    position_side: Side
    position_index: int
    contracts: Decimal
    style: Style
    price: Decimal | None
    whole: bool = False
    opens: bool = False
    """Whether it opens or adds to its position: only the order of a hedge does."""

    @property
    def change(self) -> int:
        """Which way it moves its position: +1 makes it larger, -1 smaller."""
        return 1 if self.opens else -1


class StopRequest(Struct, frozen=True, tag="stop"):
    """The position's own reduce-only stop, triggered by mark price, for its whole size."""

    client_order_id: str
    """Names the intent in the journal; venues with a position stop have no client id for it."""
    symbol: str
    position_side: Side
    position_index: int
    trigger_price: Decimal
    take_profit: Decimal | None = None
    """Where mark price closes it in gain; None leaves as it is what rests there. Only a hedge has one."""


class CancelRequest(Struct, frozen=True, tag="cancel"):
    """Cancel one resting order by the venue's id: one of others that adds risk, or the guard's own."""

    client_order_id: str
    """Names the intent in the journal."""
    symbol: str
    order_id: str
    conditional: bool


Request = (
    OrderRequest
    | StopRequest
    | CancelRequest
    | MarginRequest
    | LeverageRequest
    | TransferRequest
    | ConvertRequest
)


class TriggerRequest(Struct, frozen=True, tag="trigger"):
    """A reduce-only order of its own that waits for mark price to reach its trigger: for `reef doctor`.

    A guard's stop is the position's own, a `StopRequest`; no plan has this one.
    """

    client_order_id: str
    symbol: str
    side: OrderSide
    position_index: int
    contracts: Decimal
    trigger_price: Decimal
    falling: bool
    """Whether the trigger lies below mark."""


OnMarket = OrderRequest | StopRequest | CancelRequest | TriggerRequest
"""Orders and stops of a contract."""

Sendable = Request | TriggerRequest
"""Whatever a gateway can send."""


class Verdict(StrEnum):
    """What an answer of the venue proves."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Certainly not executed."""
    DUPLICATE = "duplicate"
    """This client order id was accepted before."""
    NOTHING_TO_DO = "nothing_to_do"
    """The venue already is as asked: position gone, stop unchanged, order no longer there."""
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    """The venue is busy and turned this one request away; it takes reduce-only orders all the same."""
    AUTH = "auth"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    """Nothing is proven: look it up."""


class Cause(StrEnum):
    """Why a request was refused, where that says what must change before the next one."""

    NONE = ""
    CROWDED = "crowded"
    """Resting reduce-only orders hold the position already, or a part of it."""
    FILTERS = "filters"
    """Size or price does not fit the market's steps and bounds: they are not what they were."""


class Answer(Struct, frozen=True):
    """The venue's answer to one request, classified."""

    verdict: Verdict
    order_id: str
    code: str
    """The venue's code, or the kind of failure; '' on success."""
    message: str
    at: datetime
    cause: Cause = Cause.NONE


class OrderStatus(StrEnum):
    """Where an order stands at the venue."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class OrderReport(Struct, frozen=True):
    """Evidence about one order, from the venue's own lists."""

    order_id: str
    client_order_id: str
    symbol: str
    status: OrderStatus
    contracts: Decimal
    filled: Decimal
    average_price: Decimal | None
    fee: Decimal
    reason: str
    at: datetime


class NotFound(Struct, frozen=True):
    """The venue's lists of open, past and executed orders do not hold the order (yet)."""

    client_order_id: str
    at: datetime
    """The venue's time of the look-up."""


class Fill(Struct, frozen=True):
    """One execution."""

    fill_id: str
    order_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    contracts: Decimal
    price: Decimal
    fee: Decimal
    liquidation: bool
    at: datetime
    kind: str = "trade"
    """What the venue calls it: trade, stop loss, take profit, ADL, liquidation, ..."""
    closed: Decimal | None = None
    """Contracts of it that closed a position; the rest opened one. None where the venue does not say."""
