"""Options that an account holds."""

from typing import Any

from msgspec.structs import replace

from bot.model import OptionMarket, OptionPosition, Side, Snapshot
from tests.planning.build import position
from tests.planning.options.build import quote


def option(
    market: OptionMarket, contracts: str = "1", side: Side = Side.LONG, **changes: Any
) -> OptionPosition:
    """A position in an option, entered at its mark."""
    quoted = replace(quote(market), **changes)
    held = position(market.symbol, side, contracts, "1", contract_size=market.contract_size)
    return OptionPosition(replace(held, mark_price=quoted.mark), market, quoted)


def with_options(shot: Snapshot, *held: OptionPosition) -> Snapshot:
    """The snapshot with these options."""
    return replace(shot, options=held)
