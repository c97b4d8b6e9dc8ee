"""What an owner could permit so that a limit can be met which cannot be met now."""

from collections.abc import Sequence

from bot.model import Action, Demand, Refusal
from bot.planning.book import Book
from bot.planning.strangers import STRANGER
from bot.risk.definitions import HEDGEABLE, MARGIN_HELPS

_MOST = 3


def mending(demand: Demand, full: Sequence[str], refused: Sequence[Refusal], book: Book) -> str:
    """Say it in words; '' where nothing that could be permitted would help."""
    ways: list[str] = []
    apart = [refusal.item for refusal in refused if refusal.code == STRANGER]
    if apart:
        ways.append(f"trims of {_some(apart)}, which `strangers` leaves alone")
    if full:
        ways.append("a larger `max_share`")
    if Action.HEDGE not in demand.permits and demand.metric in HEDGEABLE:
        ways.append("`hedge`")
    isolated = any(leg.holding is not None and leg.holding.isolated_equity is not None for leg in book.legs)
    if isolated and Action.ADD_MARGIN not in demand.permits and demand.metric in MARGIN_HELPS:
        ways.append("`add_margin`")
    return f"; what could be permitted to mend it: {', '.join(ways)}" if ways else ""


def _some(items: Sequence[str]) -> str:
    more = len(items) - _MOST
    told = ", ".join(items[:_MOST])
    return f"{told} and {more} more" if more > 0 else told
