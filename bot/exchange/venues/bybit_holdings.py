"""Bybit v5: the raw answers of one snapshot, and the snapshot's parts out of them."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bot.exchange.errors import GatewayError
from bot.exchange.failures import IncompleteViewError
from bot.exchange.parts import Contracts, Holdings, Parts, SymbolOf
from bot.exchange.reading import Reads, Rows
from bot.exchange.together import together
from bot.exchange.values import Row, name
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_evidence import Leg, Legs, contradiction, in_doubt, older_row, open_legs
from bot.exchange.venues.bybit_inverse import (
    LOOK_EVERY,
    InverseLists,
    inverse_lists,
    inverse_reads,
    tells_of_more,
)
from bot.exchange.venues.bybit_orders import is_conditional, parse_order
from bot.exchange.venues.bybit_parse import (
    coins_in_use,
    parse_balance,
    parse_mark,
    unified_row,
)
from bot.exchange.venues.bybit_positions import parse_position_mode, parse_positions
from bot.model import MarginMode, Order, PartTimes, Verdict

FIRST_SETTLE = "USDT"
OTHER_SETTLES = frozenset({"USDC"})
READ_SETTLES = OTHER_SETTLES | {FIRST_SETTLE}
MAX_SINGLE_TICKERS = 2
"""With more symbols than this one call for all prices is cheaper."""


class BybitHoldings(Struct, frozen=True):
    """Wallet, positions, orders, conditional orders and prices as they came.

    The lists are of the linear category, `inverse` holds those of the other where it was asked for.
    """

    wallet: Row
    wallet_at: datetime
    positions: Rows
    orders: Rows
    stops: Rows
    tickers: Rows
    also: frozenset[str] = frozenset()
    """Symbols whose prices were asked for although nothing may name them."""
    inverse: InverseLists | None = None
    polls: int = 0
    """Polls since the last look at the inverse category."""

    @property
    def linear_symbols(self) -> frozenset[str]:
        """Every linear symbol that a position or order names, or that was asked for."""
        lists = (self.positions, self.orders, self.stops)
        return self.also.union(name(row, "symbol") for part in lists for row in part.rows)

    @property
    def inverse_symbols(self) -> frozenset[str]:
        """Every inverse symbol that a position or order names."""
        return frozenset() if self.inverse is None else self.inverse.venue_symbols

    @property
    def venue_symbols(self) -> frozenset[str]:
        """Every symbol that a position or order names, or that was asked for."""
        return self.linear_symbols | self.inverse_symbols

    def parts(self, contracts: Contracts, margin_mode: MarginMode) -> Parts:
        """Read the rows. Raises MalformedDataError."""
        symbol_of = contracts.symbol_of
        positions = parse_positions(
            self.positions.rows, contracts, margin_mode, self.positions.at, self.wallet
        )
        listed, plain, waiting = self.positions, self.orders, self.stops
        if self.inverse is not None:
            more = self.inverse
            positions += parse_positions(
                more.positions.rows, contracts, margin_mode, more.positions.at, self.wallet, inverse=True
            )
            listed, plain = _joined(listed, more.positions), _joined(plain, more.orders)
            waiting = _joined(waiting, more.stops)
        orders = _parse_orders([*plain.rows, *waiting.rows], symbol_of, plain.at)
        shown = self.venue_symbols
        return Parts(
            times=PartTimes(
                positions=listed.at,
                balance=self.wallet_at,
                orders=plain.at,
                stops=waiting.at,
                marks=self.tickers.at,
            ),
            positions=positions,
            balance=parse_balance(self.wallet),
            orders=tuple(order for order, waits in orders if not waits),
            stops=tuple(order for order, waits in orders if waits),
            marks={
                symbol_of(venue_symbol): parse_mark(row, symbol_of(venue_symbol), self.tickers.at)
                for row in self.tickers.rows
                if (venue_symbol := row.get("symbol")) in shown and isinstance(venue_symbol, str)
            },
            position_mode=parse_position_mode(self.positions.rows),
        )


def _parse_orders(rows: Iterable[Row], symbol_of: SymbolOf, at: datetime) -> list[tuple[Order, bool]]:
    """Read orders, each once: one that was triggered between the two lists may stand in both."""
    by_id = {name(row, "orderId"): row for row in rows}
    return [
        (parse_order(row, symbol_of(name(row, "symbol")), at), is_conditional(row)) for row in by_id.values()
    ]


async def read_holdings(
    reads: Reads, before: Holdings | None, also: frozenset[str] = frozenset()
) -> BybitHoldings:
    """Read all parts at once; `before` is what the snapshot before was made of, and prices of the symbols
    `also` are read in any case.

    The wallet names the coins in which margin is held, so that another settle coin's positions, and those of
    the inverse category, are never missed. Where wallet and positions contradict each other both are read
    once more. Raises GatewayError, with the code `incomplete` where they still do.
    """
    known = before if isinstance(before, BybitHoldings) else None
    watched = (frozenset() if known is None else known.linear_symbols) | also
    told = known is not None and bool(known.inverse_symbols)
    looks = told or known is None or known.polls + 1 >= LOOK_EVERY
    wallet, positions, orders, stops, tickers, *beside = await together(
        reads.rows(calls.balance()),
        reads.rows(calls.positions(FIRST_SETTLE)),
        reads.rows(calls.orders(FIRST_SETTLE)),
        reads.rows(calls.stops(FIRST_SETTLE)),
        _tickers(reads, watched),
        *(inverse_reads(reads, told=told) if looks else ()),
    )
    account = _account(reads, wallet)
    for coin in _other_settles(reads, account):
        more = await together(
            reads.rows(calls.positions(coin)), reads.rows(calls.orders(coin)), reads.rows(calls.stops(coin))
        )
        positions, orders, stops = (
            _joined(part, extra) for part, extra in zip((positions, orders, stops), more, strict=True)
        )
    if not beside and tells_of_more(account, READ_SETTLES):
        beside = await together(*inverse_reads(reads, told=True))
    inverse = inverse_lists(reads, beside)
    view = await _believed(reads, View(account, wallet.at, positions, inverse), before)
    polls = 0 if known is None else known.polls
    holdings = BybitHoldings(
        view.wallet,
        view.wallet_at,
        view.positions,
        orders,
        stops,
        tickers,
        also,
        view.inverse,
        polls + 1 if view.inverse is None else 0,
    )
    with reads.told("positions"):
        missing = holdings.linear_symbols - {row.get("symbol") for row in tickers.rows}
        others = holdings.inverse_symbols
    if missing and 0 < len(watched) <= MAX_SINGLE_TICKERS:
        holdings = replace(holdings, tickers=await reads.rows(calls.tickers()))
    if others:
        prices = await _tickers(reads, others, calls.INVERSE)
        holdings = replace(holdings, tickers=_joined(holdings.tickers, prices))
    return holdings


class View(Struct, frozen=True):
    """Wallet and positions, which must tell of the same account."""

    wallet: Row
    wallet_at: datetime
    positions: Rows
    inverse: InverseLists | None


async def _believed(reads: Reads, view: View, before: Holdings | None) -> View:
    """Return the view, or one that was read anew, once a second source agrees. Raises GatewayError."""
    if not await _doubt(reads, view, before):
        return view
    told = tells_of_more(view.wallet, READ_SETTLES)
    wallet, positions, *beside = await together(
        reads.rows(calls.balance()),
        reads.rows(calls.positions(FIRST_SETTLE)),
        *(() if view.inverse is None else inverse_reads(reads, told=told)),
    )
    account = _account(reads, wallet)
    for coin in _other_settles(reads, account):
        positions = _joined(positions, await reads.rows(calls.positions(coin)))
    if not beside and tells_of_more(account, READ_SETTLES):
        beside = await together(*inverse_reads(reads, told=True))
    view = View(account, wallet.at, positions, inverse_lists(reads, beside))
    doubt = await _doubt(reads, view, before)
    with reads.told("positions"):
        if doubt:
            raise IncompleteViewError(f"{doubt}; both were read twice")
    return view


async def _doubt(reads: Reads, view: View, before: Holdings | None) -> str:
    """Say what speaks against a view, '' where nothing does."""
    with reads.told("positions"):
        legs, inverse = open_legs(view.positions.rows), _inverse_legs(view.inverse)
        known = before if isinstance(before, BybitHoldings) else None
        earlier = {} if known is None else open_legs(known.positions.rows)
        inverse_before = _inverse_legs(None if known is None else known.inverse)
        wrong = (
            contradiction(view.wallet, legs, READ_SETTLES, inverse)
            or older_row(legs, earlier)
            or older_row(inverse, inverse_before)
        )
        doubted: tuple[Leg, ...] = ()
        if not wrong:
            doubted = in_doubt(view.wallet, legs, earlier, READ_SETTLES, inverse, inverse_before)
    if doubted:
        told = await together(*(_not_gone(reads, leg, leg in inverse_before) for leg in doubted))
        wrong = next((one for one in told if one), "")
    return wrong


def _inverse_legs(lists: InverseLists | None) -> Legs:
    return {} if lists is None else open_legs(lists.positions.rows)


async def _not_gone(reads: Reads, leg: Leg, inverse: bool) -> str:
    """Ask by name for a position that the list lacks: the venue then shows flat ones as well.

    A contract that it lists no more has been settled: there the wallet's word is enough.
    """
    symbol = leg[0]
    try:
        category = calls.INVERSE if inverse else calls.LINEAR
        answer = await reads.rows(calls.positions_of(symbol, category))
    except GatewayError as error:
        if error.verdict is not Verdict.REJECTED:
            raise
        return ""
    with reads.told("positions"):
        shown = [row for row in answer.rows if row.get("symbol") == symbol]
        if leg in open_legs(shown):
            return f"the list of positions is incomplete: it lacks {symbol}, which is open"
    return "" if shown else f"the list of positions lacks {symbol}, and nothing shows that it was closed"


def _account(reads: Reads, wallet: Rows) -> Row:
    with reads.told("wallet balance"):
        return unified_row(wallet.rows)


def _other_settles(reads: Reads, account: Row) -> list[str]:
    with reads.told("wallet balance"):
        used = coins_in_use(account)
    return sorted(used & OTHER_SETTLES)


async def _tickers(reads: Reads, watched: frozenset[str], category: calls.Category = calls.LINEAR) -> Rows:
    if 0 < len(watched) <= MAX_SINGLE_TICKERS:
        wanted = [calls.tickers(symbol, category) for symbol in sorted(watched)]
        try:
            first, *more = await together(*(reads.rows(call) for call in wanted))
        except GatewayError as error:
            if error.verdict is not Verdict.REJECTED:
                raise
        else:
            for extra in more:
                first = _joined(first, extra)
            return first
    return await reads.rows(calls.tickers(category=category))


def _joined(first: Rows, second: Rows) -> Rows:
    return Rows(first.rows + second.rows, min(first.at, second.at))
