"""Reads order books beside snapshots: those of markets on which something is about to be traded."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import structlog
from msgspec.structs import replace

from bot.decision import Decision
from bot.exchange.errors import GatewayError
from bot.model import Action, BookLevel, Finding, Number, OrderBook, Sense, Side, Snapshot, State, Unknown
from bot.rules import RuleSet

log = structlog.get_logger(__name__)

BOOK_SECONDS = 0.5
"""Books that have not come so long after they were asked for are done without."""
MOST_BOOKS = 8
"""Markets that are read in one cycle, those with the largest positions first."""
MOST_LEVELS = 100
"""Levels of a side that are kept; of more, neighbours are put together at the worst of their prices."""
NEAR = 0.1
"""An episode is about to begin where the metric is so near to its limit, as a share of the limit."""
ACTING = frozenset({State.PENDING, State.FIRING, State.RESTORING})
SELLING = frozenset({Action.TRIM, Action.CLOSE, Action.CLOSE_ALL})


class Books(Protocol):
    """Where books are read."""

    async def order_book(self, symbol: str) -> OrderBook:
        """Read the book of one market; raises `GatewayError`."""
        ...


class DepthReader:
    """Reads the books of one account's markets. None may cost a cycle more than `BOOK_SECONDS`."""

    def __init__(self, account: str, books: Books) -> None:
        self._account = account
        self._gateway = books
        self._wanted: tuple[str, ...] = ()
        self._books: dict[str, OrderBook] = {}

    def look(self, made: Decision, snapshot: Snapshot, rules: RuleSet) -> None:
        """Choose what is read beside the next snapshot."""
        self._wanted = wanted(made.evaluation.findings, snapshot, rules)

    async def beside(self, observing: Coroutine[Any, Any, Snapshot]) -> Snapshot:
        """Await a snapshot, and read books meanwhile; raises what the snapshot raises."""
        self._books = {}
        reading = asyncio.create_task(self._read(self._wanted))
        try:
            snapshot = await observing
            await reading
        finally:
            reading.cancel()
        return snapshot

    def of(self, snapshot: Snapshot, max_slippage: Decimal) -> dict[str, OrderBook]:
        """Return the books that were read beside a snapshot, cut to what a decision can need."""
        return {symbol: cut(book, snapshot, max_slippage) for symbol, book in sorted(self._books.items())}

    async def _read(self, symbols: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(BOOK_SECONDS):
                await asyncio.gather(*(self._one(symbol) for symbol in symbols))
        except TimeoutError:
            late = [symbol for symbol in symbols if symbol not in self._books]
            log.info("order books came too late", account=self._account, symbols=late)

    async def _one(self, symbol: str) -> None:
        try:
            self._books[symbol] = await self._gateway.order_book(symbol)
        except GatewayError as error:
            log.info("no order book", account=self._account, symbol=symbol, error=str(error))


def wanted(findings: Sequence[Finding], snapshot: Snapshot, rules: RuleSet) -> tuple[str, ...]:
    """Return the markets on which rules trade, or are about to, the largest positions first."""
    held = {position.symbol for position in snapshot.positions}
    chosen: set[str] = set()
    for finding in findings:
        if not _is_close(finding):
            continue
        rule = rules.rule(finding.rule)
        if rule is not None and SELLING & set(rule.permits):
            own = finding.target.symbol
            chosen |= {own} & held if own else held
    sizes = _sizes(snapshot) if chosen else {}
    ranked = sorted(chosen, key=lambda symbol: (-sizes[symbol], symbol))
    return tuple(ranked[:MOST_BOOKS])


def _sizes(snapshot: Snapshot) -> dict[str, Decimal]:
    """Return the notional of all positions of a symbol; a position without a price adds nothing."""
    sizes: dict[str, Decimal] = {}
    for position in snapshot.positions:
        price = position.mark_price
        value = position.notional(position.contracts, price) if isinstance(price, Decimal) else Decimal(0)
        sizes[position.symbol] = sizes.get(position.symbol, Decimal(0)) + value
    return sizes


def _is_close(finding: Finding) -> bool:
    if finding.state in ACTING:
        return True
    return finding.in_force and finding.state is State.INACTIVE and _is_near(finding, finding.value)


def _is_near(finding: Finding, value: Number) -> bool:
    if isinstance(value, Unknown):
        return False
    room = finding.limit - value if finding.sense is Sense.MAX else value - finding.limit
    return room <= NEAR * abs(finding.limit)


def cut(book: OrderBook, snapshot: Snapshot, max_slippage: Decimal) -> OrderBook:
    """Keep of a book what a decision can need: the sides that positions are sold into, down to the largest
    slippage from mark and one level behind it, and the best level of the others.
    """
    prices = snapshot.marks.get(book.symbol)
    mark = prices.mark if prices else None
    sides = {position.side for position in snapshot.positions if position.symbol == book.symbol}
    if not isinstance(mark, Decimal) or not mark.is_finite():
        return replace(book, bids=book.bids[:1], asks=book.asks[:1])
    kept: Mapping[Side, tuple[BookLevel, ...]] = {
        side: _within(levels, mark * (1 - side.sign * max_slippage), side) if side in sides else levels[:1]
        for side, levels in ((Side.LONG, book.bids), (Side.SHORT, book.asks))
    }
    return replace(book, bids=kept[Side.LONG], asks=kept[Side.SHORT])


def _within(levels: tuple[BookLevel, ...], worst: Decimal, side: Side) -> tuple[BookLevel, ...]:
    """Keep the levels at `worst` or better and one behind; put neighbours together where they are many."""
    inside = [level for level in levels if (level.price - worst) * side.sign >= 0]
    behind = levels[len(inside) : len(inside) + 1]
    size = -(-len(inside) // MOST_LEVELS)
    if size <= 1:
        return (*inside, *behind)
    parts = [inside[:1], *(inside[start : start + size] for start in range(1, len(inside), size))]
    merged = (BookLevel(part[-1].price, sum((one.coins for one in part), Decimal(0))) for part in parts)
    return (*merged, *behind)
