"""What differs from venue to venue in the engine's own rules."""

from decimal import Decimal

import msgspec


class VenueTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of one venue; the defaults are Bybit's unified account, as far as the sandbox models it."""

    settle_coin: str = "USDT"
    close_fee_in_margin: bool = True
    """Whether initial and maintenance margin hold the estimated taker fee to close."""
    liquidation_fraction: Decimal = Decimal("0.25")
    """Share of a position that one liquidation step closes in the lowest tier (1: the whole at once)."""
    liquidation_min_notional: Decimal = Decimal(2_000)
    """A step in the lowest tier closes at least this much notional (or what there is)."""
    liquidation_fee_rate: Decimal = Decimal("0.002")
    """Liquidation fee on the notional of each step, on top of the taker fee; goes to the insurance fund."""
    liquidation_first: bool = False
    """What comes first where one step's mark reaches both a stop and 100 %.

    True: the liquidation, as a venue whose mark gaps through both; False: the stop.
    """
    insurance_fund: Decimal = Decimal(10_000_000)
    """What the insurance fund holds at the start, in the settle coin."""
    refuse_post_only: bool = False
    """True: a post-only order that would take is refused; False: it is accepted and cancelled at once."""
    limit_price_band: Decimal | None = None
    """Farthest a limit price may cross the mark, as a share of it; None: no band."""
    reduce_only_notional_exempt: bool = True
    """Whether an order that can only reduce may be worth less than the minimum notional."""
    whole_close_exempt: bool = True
    """Whether a reduce-only order of exactly the whole position may be off the quantity step or below the
    minimum quantity and notional: without it, what a coarser step leaves over can never be closed."""
    coin_haircut: Decimal = Decimal("0.05")
    """Share that coins other than the settle coin are worth less as margin than at their index price."""
    mark_basis_seconds: float = 150.0
    """Time constant of the smoothed basis (last / index - 1) that lies on the index to give the mark."""
    mark_band: float = 0.01
    """The mark stays within this share of the index."""
    first_account_id: int = 100_001
