"""Options that rules may buy, kept beside the cycles."""

import asyncio
from datetime import datetime

import pytest
from msgspec.structs import replace

import bot.chains
from bot.around import NOTHING
from bot.chains import EVERY, FORGOTTEN_AFTER, TRIES, ChainKeeper
from bot.exchange.errors import GatewayError
from bot.facts import bases_of
from bot.model import Chain, Right, Side, Surroundings, Unknown, Verdict
from bot.rules import RuleSet, load_rules_text
from bot.rules.wanted import buys_options, hedging_symbols
from tests.planning.build import NOW, position, snapshot
from tests.planning.options.build import chain, contract, quote
from tests.planning.options.test_buying import lot

BASE = "metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 35%, restore: 30%, do: [hedge]"


def rules(hedge: str = "{with: [put]}") -> RuleSet:
    return load_rules_text(f"version: 1\nrules:\n  - {{name: a, {BASE}, hedge: {hedge}}}\n", "r")


class Reader:
    """An account that reads chains, or fails."""

    def __init__(self, found: Chain | None = None, *, error: str = "") -> None:
        self.found = found or chain(contract(45_000))
        self.error = error
        self.asked: list[str] = []

    async def chain(self, base: str) -> Chain:
        self.asked.append(base)
        if self.error == "hangs":
            raise TimeoutError
        if self.error:
            raise GatewayError(
                account="main",
                call="options",
                verdict=Verdict.UNKNOWN,
                code="503",
                came=self.error,
                hint="",
            )
        return self.found


class Silent(Reader):
    """An account that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.answers = asyncio.Event(), asyncio.Event()

    async def chain(self, base: str) -> Chain:
        self.begun.set()
        found = await super().chain(base)
        await self.answers.wait()
        return found


def keeper(*readers: Reader) -> ChainKeeper:
    made = ChainKeeper("bybit")
    for one in readers:
        made.join(one)
    return made


async def kept(found: Chain, hedge: str = "{with: [put]}") -> set[str]:
    """What is kept of a chain."""
    made = keeper(Reader(found))
    made.chains(rules(hedge), ["BTC"], NOW)
    await made.refresh(NOW)
    return set(made.chains(rules(hedge), ["BTC"], NOW)["BTC"].markets)


async def test_a_chain_is_read_once_it_was_asked_for() -> None:
    reader = Reader()
    made = keeper(reader)
    await made.refresh(NOW)
    assert made.chains(rules(), ["BTC"], NOW) == {}
    assert reader.asked == []
    await made.refresh(NOW)
    await made.refresh(NOW + EVERY / 2)
    assert reader.asked == ["BTC"]
    assert set(made.chains(rules(), ["BTC", "ETH"], NOW)) == {"BTC"}
    await made.refresh(NOW + EVERY)
    assert sorted(reader.asked) == ["BTC", "BTC", "ETH"]
    await made.refresh(NOW - EVERY)
    assert len(reader.asked) == 5


async def test_who_looks_more_often_has_chains_read_more_often() -> None:
    reader = Reader()
    made = ChainKeeper("bybit", EVERY / 5)
    made.join(reader)
    made.chains(rules(), ["BTC"], NOW)
    for step in range(6):
        await made.refresh(NOW + step * EVERY / 10)
    assert len(reader.asked) == 3


async def test_a_first_decision_waits_for_what_was_never_read() -> None:
    reader = Reader()
    made = keeper(reader)
    await made.first(rules("{with: [perp]}"), ["BTC"], NOW)
    assert reader.asked == []
    await made.first(rules(), ["BTC"], NOW)
    assert set(made.chains(rules(), ["BTC"], NOW)) == {"BTC"}
    await made.first(rules(), ["BTC", "ETH"], NOW + 2 * EVERY)
    assert reader.asked == ["BTC", "ETH"]


async def test_nobody_waits_twice_for_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Reader(error="no answer")
    made = keeper(failing)
    await made.first(rules(), ["BTC"], NOW)
    await made.first(rules(), ["BTC"], NOW)
    assert failing.asked == ["BTC"]
    monkeypatch.setattr(bot.chains, "FIRST_SECONDS", 0.01)
    silent = Silent()
    made = keeper(silent)
    await made.first(rules(), ["BTC"], NOW)
    await made.first(rules(), ["BTC"], NOW)
    assert silent.asked == ["BTC"]
    assert made.chains(rules(), ["BTC"], NOW) == {}


async def test_a_reading_under_way_is_waited_for_not_repeated() -> None:
    slow = Silent()
    made = keeper(slow)
    made.chains(rules(), ["BTC"], NOW)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.refresh(NOW))
        await slow.begun.wait()
        first = tasks.create_task(made.first(rules(), ["BTC"], NOW))
        await asyncio.sleep(0)
        assert not first.done()
        slow.answers.set()
    assert slow.asked == ["BTC"]
    assert set(made.chains(rules(), ["BTC"], NOW)) == {"BTC"}


async def test_rules_that_buy_none_read_none() -> None:
    reader = Reader()
    made = keeper(reader)
    assert made.chains(rules("{with: [perp]}"), ["BTC"], NOW) == {}
    await made.refresh(NOW)
    assert reader.asked == []


async def test_a_base_that_nobody_holds_any_more_is_forgotten() -> None:
    reader = Reader()
    made = keeper(reader)
    made.chains(rules(), ["BTC"], NOW)
    await made.refresh(NOW)
    later: datetime = NOW + FORGOTTEN_AFTER + EVERY
    await made.refresh(later)
    assert reader.asked == ["BTC"]
    assert made.chains(rules(), ["BTC"], later) == {}


@pytest.mark.parametrize("error", ["no answer", "hangs"])
async def test_another_account_is_asked_where_one_fails(error: str) -> None:
    bad, good, third = Reader(error=error), Reader(), Reader()
    made = keeper(bad, good, third)
    made.chains(rules(), ["BTC"], NOW)
    await made.refresh(NOW)
    assert (len(bad.asked), len(good.asked), len(third.asked)) == (1, 1, 0)
    assert made.chains(rules(), ["BTC"], NOW)


async def test_what_was_read_stays_while_reading_fails() -> None:
    reader = Reader()
    made = keeper(*[reader] * TRIES)
    made.chains(rules(), ["BTC"], NOW)
    await made.refresh(NOW)
    reader.error = "no answer"
    await made.refresh(NOW + EVERY)
    await made.refresh(NOW + 2 * EVERY)
    assert len(reader.asked) == 1 + 2 * TRIES
    assert made.chains(rules(), ["BTC"], NOW)["BTC"].at == NOW


async def test_only_what_a_rule_could_take_is_kept() -> None:
    near, far, deep, low = (contract(strike) for strike in (45_000, 39_000, 63_000, 40_000))
    soon, call = contract(45_000, 3.0), contract(55_000, right=Right.CALL)
    unquoted = contract(46_000)
    odd = contract(47_000)
    found = chain(near, far, deep, low, soon, call, unquoted, odd)
    quotes = dict(found.quotes)
    del quotes[unquoted.symbol]
    quotes[odd.symbol] = replace(quote(odd), underlying=Unknown("none"))
    found = replace(found, quotes=quotes, aside={"x": "why"})
    assert await kept(found) == {near.symbol, low.symbol}
    assert await kept(found, "{with: [call]}") == {call.symbol}


def test_what_is_asked_of_an_account() -> None:
    assert buys_options(rules())
    assert buys_options(rules("{with: [call]}"))
    assert not buys_options(rules("{with: [perp]}"))
    assert buys_options(rules("{with: [perp]}"), (lot("1"),))
    assert not buys_options(
        rules("{with: [perp]}"), (lot("1", replace(contract(1), symbol="BTC/USDT:USDT")),)
    )
    assert hedging_symbols(rules(), "BTC/USDT:USDT") == frozenset()
    assert hedging_symbols(rules("{with: [perp, put]}"), "BTC/USDT:USDT") == {"BTC/USDT:USDT"}
    held = snapshot([position("ETH/USDT:USDT", Side.LONG, "1", "2500")], 1_000)
    assert bases_of(held) == {"ETH"}


async def test_who_knows_nothing_waits_for_nothing() -> None:
    await NOTHING.begin(rules(), NOW, ["BTC"])
    assert NOTHING(rules(), NOW, ["BTC"]) == Surroundings()
