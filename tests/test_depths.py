"""Order books beside snapshots: which are read, what is kept of them, and that none holds a cycle up."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot import depths
from bot.depths import MOST_BOOKS, MOST_LEVELS, DepthReader, cut, wanted
from bot.exchange.errors import GatewayError
from bot.model import (
    BookLevel,
    Finding,
    Number,
    OrderBook,
    Sense,
    Severity,
    Side,
    Snapshot,
    State,
    Target,
    Unknown,
    Verdict,
)
from bot.rules import RuleSet, load_rules_text
from tests.planning.books import book
from tests.planning.build import ACCOUNT, NOW, mark, position, snapshot

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PRICE = D(100_000)
SHOT = snapshot([position(BTC, Side.LONG, "1", PRICE), position(ETH, Side.SHORT, "90", D(2_500))], 50_000)
RULES = load_rules_text(
    """
version: 1
rules:
  - {name: cap, metric: account.leverage, max: 5, restore: 4, do: [trim]}
  - {name: room, metric: position.liquidation_distance, min: 10%, restore: 12%, do: [close]}
  - {name: tells, metric: account.leverage, max: 3, do: [notify]}
""",
    "rules.yaml",
)


def finding(
    rule: str, value: Number, state: State = State.INACTIVE, symbol: str = "", **more: Any
) -> Finding:
    made = RULES.rule(rule)
    assert made is not None
    found = Finding(
        rule=rule,
        target=Target(ACCOUNT, symbol, "long" if symbol else ""),
        metric=made.metric,
        value=value,
        limit=made.limit,
        goal=made.goal,
        sense=made.sense,
        state=state,
        severity=Severity.CRITICAL,
        since=NOW,
        episode="",
    )
    return replace(found, **more)


@pytest.mark.parametrize(
    ("found", "symbols"),
    [
        (finding("cap", 6.0, State.FIRING), (ETH, BTC)),
        (finding("cap", 4.2, State.RESTORING), (ETH, BTC)),
        (finding("cap", 5.1, State.PENDING), (ETH, BTC)),
        (finding("cap", 4.5), (ETH, BTC)),
        (finding("cap", 4.4), ()),
        (finding("cap", 4.9, in_force=False), ()),
        (finding("cap", 4.9, State.COOLING), ()),
        (finding("cap", Unknown("no marks")), ()),
        (finding("room", 0.11, symbol=BTC), (BTC,)),
        (finding("room", 0.12, symbol=BTC), ()),
        (finding("room", 0.01, State.FIRING, symbol="SOL/USDT:USDT"), ()),
        (finding("tells", 9.0, State.FIRING), ()),
        (replace(finding("cap", 6.0, State.FIRING), rule="gone"), ()),
    ],
)
def test_markets_on_which_something_is_about_to_be_traded(found: Finding, symbols: tuple[str, ...]) -> None:
    assert wanted([found], SHOT, RULES) == symbols


def test_no_more_than_so_many_books_the_largest_positions_first() -> None:
    many = [position(f"C{n}/USDT:USDT", Side.LONG, str(n), D(10)) for n in range(1, 12)]
    many.append(position("ODD/USDT:USDT", Side.LONG, "9", D(10), mark_price=Unknown("none")))
    shot = replace(SHOT, positions=tuple(many))
    found = wanted([finding("cap", 6.0, State.FIRING)], shot, RULES)
    assert found == tuple(f"C{n}/USDT:USDT" for n in range(11, 11 - MOST_BOOKS, -1))


def test_of_a_book_only_what_a_decision_can_need_is_kept() -> None:
    kept = cut(book(BTC, PRICE, levels=300), SHOT, D("0.02"))
    assert [level.price for level in kept.bids[-2:]] == [D(98_000), D(97_990)]
    assert len(kept.bids) == 1 + MOST_LEVELS + 1
    assert sum(level.coins for level in kept.bids) == 201
    assert kept.bids[0] == BookLevel(D(99_990), D(1))
    assert kept.bids[1] == BookLevel(D(99_970), D(2))
    assert kept.asks == (BookLevel(D(100_010), D(1)),)
    short = cut(book(ETH, D(2_500), levels=300), SHOT, D("0.005"))
    assert (len(short.bids), len(short.asks)) == (1, 51)
    assert [level.price for level in short.asks[-2:]] == [D("2512.50"), D("2512.75")]


def test_without_a_mark_only_the_best_levels_are_kept() -> None:
    found = book(BTC, PRICE)
    for shot in (
        replace(SHOT, marks={}),
        replace(SHOT, marks={BTC: mark(BTC, PRICE, mark=D("NaN"))}),
        replace(SHOT, marks={BTC: mark(BTC, PRICE, mark=Unknown("none"))}),
    ):
        kept = cut(found, shot, D("0.02"))
        assert (kept.bids, kept.asks) == (found.bids[:1], found.asks[:1])


class Venue:
    """Tells books, or does not."""

    def __init__(self) -> None:
        self.hangs: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def order_book(self, symbol: str) -> OrderBook:
        self.asked.append(symbol)
        if symbol in self.hangs:
            await asyncio.Event().wait()
        if symbol in self.broken:
            raise GatewayError(
                account=ACCOUNT, call="book", verdict=Verdict.UNKNOWN, code="x", came="lost", hint="Wait."
            )
        return book(symbol, PRICE if symbol == BTC else D(2_500))


class Made:
    """A decision, as far as it matters here."""

    def __init__(self, *findings: Finding) -> None:
        self.evaluation = self
        self.findings = findings


async def observed() -> Snapshot:
    await asyncio.sleep(0)
    return SHOT


def reader_of(venue: Venue, rules: RuleSet = RULES) -> DepthReader:
    reader = DepthReader(ACCOUNT, venue)
    reader.look(Made(finding("cap", 6.0, State.FIRING)), SHOT, rules)  # type: ignore[arg-type]
    return reader


async def test_books_are_read_beside_the_snapshot_and_belong_to_it() -> None:
    venue = Venue()
    reader = reader_of(venue)
    assert await reader.beside(observed()) == SHOT
    assert list(reader.of(SHOT, D("0.02"))) == [BTC, ETH]
    assert venue.asked == [ETH, BTC]
    reader.look(Made(), SHOT, RULES)  # type: ignore[arg-type]
    await reader.beside(observed())
    assert reader.of(SHOT, D("0.02")) == {}


async def test_a_book_that_fails_or_hangs_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depths, "BOOK_SECONDS", 0.05)
    venue = Venue()
    reader = reader_of(venue)
    venue.broken = {ETH}
    assert await reader.beside(observed()) == SHOT
    assert list(reader.of(SHOT, D("0.02"))) == [BTC]
    venue.broken, venue.hangs = set(), {BTC}
    async with asyncio.timeout(5):
        assert await reader.beside(observed()) == SHOT
    assert list(reader.of(SHOT, D("0.02"))) == [ETH]


async def test_a_snapshot_that_fails_leaves_no_reading_behind() -> None:
    async def failing() -> Snapshot:
        await asyncio.sleep(0)
        raise GatewayError(
            account=ACCOUNT, call="snapshot", verdict=Verdict.UNKNOWN, code="x", came="lost", hint="Wait."
        )

    venue = Venue()
    venue.hangs = {BTC, ETH}
    reader = reader_of(venue)
    before = asyncio.all_tasks()
    with pytest.raises(GatewayError):
        await reader.beside(failing())
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


def test_a_limit_below_is_near_from_above() -> None:
    below = finding("cap", -4.5, limit=-5.0, sense=Sense.MIN)
    assert wanted([below], SHOT, RULES) == (ETH, BTC)
