"""Bybit v5: the inverse category, and when it is asked for.

Its lists cost requests that accounts without inverse contracts need not spend. Positions and orders there
hold margin in a coin, and the wallet that comes with every poll tells of it: by the coin's own row, and by
the account's sums, which hold the margin of all coins. So the lists are read whenever the wallet tells of
margin that the stablecoins do not explain, or cannot tell, and for as long as something of the category was
seen. A conditional order without a position holds no margin: for those, and for whatever the wallet may leave
out, they are read with every `LOOK_EVERY`th poll in any case.
"""

from collections.abc import Coroutine, Mapping, Sequence, Set
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from bot.exchange.errors import GatewayError
from bot.exchange.failures import MalformedDataError
from bot.exchange.reading import Call, Reads, Rows
from bot.exchange.values import figure, known_nonzero, name
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_evidence import PRICE_MOVE, SMALL_CHANGE
from bot.exchange.venues.bybit_markets import looks_inverse
from bot.model import Verdict

LOOK_EVERY = 12

NOT_OFFERED = Rows([], datetime.max.replace(tzinfo=UTC))
"""An empty list that is older than no other."""

_OWN = ("totalPositionIM", "totalOrderIM")
_SHOWN = ("totalPositionIM", "totalPositionMM", "totalOrderIM", "unrealisedPnl")


class InverseLists(Struct, frozen=True):
    """What came of the category."""

    positions: Rows
    orders: Rows
    stops: Rows

    @property
    def venue_symbols(self) -> frozenset[str]:
        """Every symbol that a row names."""
        lists = (self.positions, self.orders, self.stops)
        return frozenset(name(row, "symbol") for part in lists for row in part.rows)


def inverse_reads(reads: Reads, *, told: bool) -> list[Coroutine[Any, Any, Rows]]:
    """Return the reads that make up the category.

    `told` says that something of it is there. Where nothing is, an account to which the venue does not offer
    the category is none the worse: its refusal is no news.
    """
    wanted = (calls.inverse_positions(), calls.inverse_orders(), calls.inverse_stops())
    return [reads.rows(call) if told else if_offered(reads, call) for call in wanted]


async def if_offered(reads: Reads, call: Call) -> Rows:
    """Read a list of the category; empty where the venue does not offer it. Raises GatewayError."""
    try:
        return await reads.rows(call)
    except GatewayError as error:
        if error.verdict is not Verdict.REJECTED:
            raise
        return NOT_OFFERED


def inverse_lists(reads: Reads, parts: Sequence[Rows]) -> InverseLists | None:
    """Return what `inverse_reads` brought, None for nothing. Raises GatewayError for rows of another kind."""
    if not parts:
        return None
    lists = InverseLists(*parts)
    with reads.told("inverse positions and orders"):
        for symbol in sorted(lists.venue_symbols):
            if not looks_inverse(symbol):
                raise MalformedDataError(f"{symbol} came among the inverse contracts, and is named like none")
    return lists


def tells_of_more(account: Mapping[str, Any], settles: Set[str]) -> bool:
    """Whether the wallet tells of margin or profit beside the stablecoins', or leaves it open."""
    beside = [row for row in account["coin"] if row.get("coin") not in settles]
    if any(known_nonzero(row, key) for row in beside for key in _SHOWN):
        return True
    unstated = [row for row in beside if not isinstance(figure(row, _OWN[0]), Decimal)]
    if any(known_nonzero(row, "walletBalance") for row in unstated):
        return True
    return _sum_is_larger(account, settles)


def _sum_is_larger(account: Mapping[str, Any], settles: Set[str]) -> bool:
    """Whether the account's initial margin is more than that of the stablecoins, where both are stated."""
    total = figure(account, "totalInitialMargin")
    rows = [row for row in account["coin"] if row.get("coin") in settles]
    stated = [value for row in rows for key in _OWN if isinstance(value := figure(row, key), Decimal)]
    if not isinstance(total, Decimal) or not stated:
        return False
    return total > sum(stated, Decimal(0)) * (1 + PRICE_MOVE) + SMALL_CHANGE
