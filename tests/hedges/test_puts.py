"""What happens to puts that protect a long: bought in a fall, sold with the parent and in the recovery."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.exchange.gateway import CcxtGateway
from bot.execution import halted
from bot.journal.records import Kind
from bot.model import OrderRequest, StepKind
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage, stage
from tests.hedges.puts import BTC, LONG, OPTIONS, PUTS, Puts
from tests.hedges.scene import asked, lots, steps, trade

SIZE = "2.6"
CAP = """\
  - {name: cap, metric: account.leverage, max: 3.2, restore: 3, do: [trim], trim: {max_slippage: 2%}}
"""


EITHER = PUTS.replace("do: [hedge]", "do: [trim, hedge]\n    trim: {keep: ['BTC/*']}")
"""A rule that may sell, and would rather not."""


async def protected(it: Puts) -> Decimal:
    """Let the market fall until puts stand; return their size."""
    it.open(BTC, Side.BUY, SIZE)
    await it.cycles(2)
    assert it.puts() == {}
    it.price(BTC, "92000")
    await it.cycles(4, after=5.0)
    (size,) = it.puts().values()
    (lot,) = lots(it)
    assert (lot.contracts, lot.parent, lot.pending) == (size, LONG, 0)
    return size


async def test_puts_are_bought_inside_their_cap_and_bring_the_limit_back(tmp_path: Path) -> None:
    async with stage(tmp_path, PUTS, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        await protected(it)
        step = steps(it, StepKind.HEDGE)[-1]
        assert isinstance(step.request, OrderRequest)
        assert step.request.opens
        (held,) = (one for one in it.engine.options.positions(ACCOUNT) if one.size)
        assert step.request.price is not None
        assert held.entry_price <= step.request.price
        report = await it.cycle()
        assert report.decision is not None
        (finding,) = report.decision.evaluation.findings
        assert isinstance(finding.value, float)
        assert finding.value <= 0.6
        assert it.size(BTC) == Decimal(SIZE)
        assert halted(it.journal, ACCOUNT) is None
        assert it.open_intents() == 0


async def test_who_would_rather_keep_the_long_buys_puts_although_he_may_sell(tmp_path: Path) -> None:
    async with stage(tmp_path, EITHER, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        await protected(it)
        assert it.size(BTC) == Decimal(SIZE)
        assert asked(it, StepKind.TRIM) == []


async def test_a_guard_that_starts_in_the_fall_buys_puts_at_its_first_look(tmp_path: Path) -> None:
    """It would have to sell, did it not wait until it knows which options there are."""
    async with stage(tmp_path, EITHER, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        it.open(BTC, Side.BUY, SIZE)
        it.price(BTC, "92000")
        await Stage.cycle(it)
        await it.cycles(3, after=5.0)
        assert it.size(BTC) == Decimal(SIZE)
        assert it.puts()
        assert asked(it, StepKind.TRIM) == []


async def test_who_would_as_soon_sell_sells(tmp_path: Path) -> None:
    async with stage(tmp_path, EITHER.replace("BTC/*", "ETH/*"), options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        it.open(BTC, Side.BUY, SIZE)
        await it.cycles(2)
        it.price(BTC, "92000")
        await it.cycles(4, after=5.0)
        assert it.size(BTC) < Decimal(SIZE)
        assert it.puts() == {}


async def test_where_a_put_may_not_cost_enough_trims_bring_back_the_rest(tmp_path: Path) -> None:
    few = EITHER.replace("max_premium: 15%", "max_premium: 1%")
    async with stage(tmp_path, few, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        await protected(it)
        reports = await it.cycles(6, after=5.0)
        assert asked(it, StepKind.HEDGE)
        assert asked(it, StepKind.TRIM)
        assert it.size(BTC) < Decimal(SIZE)
        assert it.net() > 0
        assert sum(it.puts().values()) <= it.size(BTC)
        decision = reports[-1].decision
        assert decision is not None
        (finding,) = decision.evaluation.findings
        assert isinstance(finding.value, float)
        assert finding.value <= 0.6
        assert halted(it.journal, ACCOUNT) is None
        assert it.open_intents() == 0


async def test_they_shrink_with_their_parent_and_go_with_it(tmp_path: Path) -> None:
    async with stage(tmp_path, PUTS, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        before = await protected(it)
        trade(it, BTC, Side.SELL, "1.3", reduce_only=True)
        await it.cycles(4)
        assert sum(it.puts().values()) <= before / 2 + Decimal("0.01")
        trade(it, BTC, Side.SELL, "1.3", reduce_only=True)
        await it.cycles(4)
        assert it.puts() == {}
        assert lots(it) == ()
        assert halted(it.journal, ACCOUNT) is None


async def test_they_are_sold_in_the_recovery(tmp_path: Path) -> None:
    async with stage(tmp_path, PUTS, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        await protected(it)
        for price in range(92_000, 111_000, 1_000):
            it.price(BTC, str(price))
            await it.cycles(2, after=5.0)
            assert it.net() > 0
        await it.cycles(6, after=5.0)
        assert it.puts() == {}
        assert it.size(BTC) == Decimal(SIZE)
        assert asked(it, StepKind.UNWIND)


async def test_through_a_crash_it_is_never_net_short(tmp_path: Path) -> None:
    """A cap on leverage trims the long on the way down, and the puts go with it."""
    rules = PUTS + CAP
    async with stage(tmp_path, rules, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        it.open(BTC, Side.BUY, SIZE)
        prices = [*range(100_000, 76_000, -1_000), *range(76_000, 104_000, 2_000)]
        for price in prices:
            it.price(BTC, str(price))
            await it.cycles(2, after=5.0)
            assert it.net() > 0
            assert sum(it.puts().values()) <= it.size(BTC)
        assert asked(it, StepKind.HEDGE)
        assert asked(it, StepKind.TRIM)
        assert asked(it, StepKind.UNWIND)
        assert halted(it.journal, ACCOUNT) is None


async def test_a_lost_answer_buys_once_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, PUTS, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        it.open(BTC, Side.BUY, SIZE)
        await it.cycles(2)
        it.fault("hang", path="/v5/order/create", count=1)
        it.price(BTC, "92000")
        await it.cycle(after=15.0)
        await it.restart()
        await it.cycles(5, after=5.0)
        assert len(it.accepted()) == len(set(it.accepted()))
        assert sum(lot.contracts for lot in lots(it)) == sum(it.puts().values()) > 0
        assert it.of_kind(Kind.HEDGE) == []


@pytest.mark.parametrize("fault", ["option_crossed", "option_unquoted", "option_zero_iv"])
async def test_what_lies_about_its_quotes_is_not_bought(tmp_path: Path, fault: str) -> None:
    async with stage(tmp_path, PUTS, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        it.open(BTC, Side.BUY, SIZE)
        await it.cycles(2)
        it.fault(fault)
        it.price(BTC, "92000")
        report = (await it.cycles(4, after=5.0))[-1]
        assert it.puts() == {}
        assert report.decision is not None
        assert {one.code for one in report.decision.plan.refusals} == {"no_option"}
        it.mend()
        await it.cycles(4, after=5.0)
        assert it.puts()


async def test_without_a_rule_for_it_the_category_is_not_asked_for(tmp_path: Path) -> None:
    rules = PUTS.split("    hedge:")[0]
    async with stage(tmp_path, rules, options=OPTIONS, made_by=Puts) as it:
        assert isinstance(it.gateway, CcxtGateway)
        it.open(BTC, Side.BUY, SIZE)
        await it.cycles(3)
        assert not it.gateway._options.wanted
