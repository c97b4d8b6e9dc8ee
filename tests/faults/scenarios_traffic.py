"""Rows 13 and 24: how much is asked of a venue, and in which unit."""

from datetime import timedelta
from decimal import Decimal

from bot.sandbox.engine.types import Side
from bot.sandbox.http import Request
from tests.faults.scenarios_orders import BTC, orders_of
from tests.faults.stage import ACCOUNT, Stage
from tests.faults.story import Story

SOL = "SOLUSDT"
BAN_S = 90


def bans(it: Stage) -> tuple[int, int]:
    """Bans of this address, and requests that came while one lasted."""
    (armed,) = it.sandbox.faults.listing()
    return armed["bans"], armed["during_ban"]


async def too_much_at_once_is_answered_with_a_wait(it: Stage) -> None:
    """The venue asks for a second of quiet, and gets it: no ban comes of it."""
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    it.fault("rate_ban", value="3")
    await it.cycles(5)
    assert bans(it) == (0, 0)
    it.mend()
    it.price(BTC, "92000")
    await it.cycles(3)
    assert it.size(BTC) < 4


async def another_program_brings_a_ban_on_the_address(it: Stage) -> None:
    """The first answer tells; then nobody of this host asks, orders neither, until the time is over."""
    other = it.neighbour("other")
    for one in (it, other):
        one.open(BTC, Side.BUY, "4")
        await one.cycles(2)
    it.fault("rate_ban", value="1", seconds=BAN_S, variant="418")
    for _ in range(3):
        it.sandbox.handle(Request("GET", "/v5/market/time"))
    assert bans(it) == (1, 0)
    begun = it.clock.now()
    it.price(BTC, "92000")
    while it.clock.now() - begun < timedelta(seconds=BAN_S - 4):
        report, theirs = await it.cycle(after=0.0), await other.cycle()
        assert report.error
        assert theirs.error
    assert bans(it) == (1, 1), "one request found it out"
    sent = len(it.requests())
    it.mend()
    await it.cycles(5)
    await other.cycles(5)
    assert len(it.requests()) > sent
    assert it.size(BTC) < 4
    assert other.size(BTC) < 4


async def sold_in_contracts(it: Stage, symbol: str, contract: str, coins: str) -> None:
    """The account is told in coins, its orders are in contracts, and each is right."""
    it.fault("contract_size", symbol=symbol, value=contract)
    it.open(symbol, Side.BUY, coins)
    report = await it.cycle()
    await it.cycles(3)
    assert report.snapshot is not None, report.error
    (position,) = report.snapshot.positions
    assert position.contracts * Decimal(contract) == Decimal(coins)
    assert len(it.requests()) == 1
    (order,) = it.requests()
    sold = Decimal(coins) - it.size(symbol)
    assert Decimal(order.body["qty"]) * Decimal(contract) == sold
    assert it.booked() * Decimal(contract) == sold
    (entry,) = orders_of(it)
    assert float(entry.step.notional) <= 600_000
    notional = it.size(symbol) * it.engine.ticker(symbol).mark_price
    assert Decimal("3.7") < notional / it.engine.wallet(ACCOUNT).equity <= 4


async def a_contract_is_a_hundredth_of_a_coin(it: Stage) -> None:
    await sold_in_contracts(it, BTC, "0.01", "6")


async def a_contract_is_ten_coins(it: Stage) -> None:
    await sold_in_contracts(it, SOL, "10", "3000")


async def a_contract_is_a_hundred_coins(it: Stage) -> None:
    await sold_in_contracts(it, SOL, "100", "3000")


STORIES = (
    Story(13, a_contract_is_a_hundredth_of_a_coin),
    Story(13, a_contract_is_ten_coins),
    Story(13, a_contract_is_a_hundred_coins),
    Story(24, too_much_at_once_is_answered_with_a_wait),
    Story(24, another_program_brings_a_ban_on_the_address),
)
