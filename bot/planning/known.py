"""What several plans of one account have in common, so that it is worked out once."""

from msgspec import Struct

from bot.model import Unknown
from bot.planning.book import Book, open_book
from bot.planning.check import Meter
from bot.planning.quotes import Quotes
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest


class Known(Struct, frozen=True):
    """The account as it is, and its prices: whatever the demands are."""

    before: State | Unknown
    meter: Meter
    quotes: Quotes
    book: Book
    """The account before anything is taken. Nobody may take from it."""


def known_of(request: PlanRequest) -> Known:
    """Begin with what all plans of a request need."""
    return Known(state_before(request), Meter(request), Quotes(request), open_book(request))
