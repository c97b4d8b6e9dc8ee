"""Money out of reach of the positions: moved once, told as no loss, and only as far as every limit bears."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.journal.records import IntentState, Kind, Submitted
from bot.model import Caps, StepKind, Unknown, Verdict
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, CREATE, TERMS, TRANSFERS, Stage, stage
from tests.faults.test_margin import ends, steps

BTC, ETH = "BTCUSDT", "ETHUSDT"
PATH = "/v5/asset/transfer/inter-transfer"
LIST = "/v5/asset/transfer/query-inter-transfer-list"
RULES = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [trim]
  - name: bank
    metric: account.available
    max: 70k
    cooldown: 0s
    severity: info
    do: [secure]
    secure: {keep: 60k}
"""
CONVERTING = RULES.replace("keep: 60k", "keep: 60k, convert: true")


async def settled(it: Stage, qty: str = "2") -> None:
    """Hold a position, and let the guard see the account before anything is too much."""
    it.open(BTC, Side.BUY, qty)
    it.engine.transfer(ACCOUNT, "USDT", Decimal(-25_000))
    await it.cycle()


def fund(it: Stage) -> Decimal:
    """What the funding wallet holds at the venue."""
    return it.engine.fund(ACCOUNT).get("USDT", Decimal(0))


def secured(it: Stage) -> Decimal:
    """USD that the journal says were moved out."""
    return sum((one.filled for one in it.outcomes() if one.filled > 1000), Decimal(0))


async def unit_value(it: Stage) -> float:
    """The unit value that the next cycle sees."""
    report = await it.cycle()
    assert report.decision is not None
    value = report.decision.context.units.value
    assert not isinstance(value, Unknown), value
    return value


async def test_what_is_free_is_moved_out_and_is_no_loss(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES, permissions=TRANSFERS) as it:
        await settled(it)
        assert fund(it) == 0
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        await it.cycles(3)
        wallet = it.engine.wallet(ACCOUNT)
        assert it.asked(PATH) == 1
        assert fund(it) == secured(it) > 30_000
        assert Decimal(60_000) <= wallet.available < Decimal("60000.01")
        assert ends(it, StepKind.SECURE) == [IntentState.FILLED]
        assert await unit_value(it) == pytest.approx(1.0, abs=1e-9)
        assert it.engine.totals().difference == 0
        assert it.open_intents() == 0


async def test_no_limit_gets_worse_beyond_its_goal(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES, permissions=TRANSFERS) as it:
        await settled(it, "3.5")
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        await it.cycles(6)
        equity = it.engine.wallet(ACCOUNT).equity
        assert Decimal("3.99") < 350_000 / equity <= 4
        assert fund(it) == secured(it) > 15_000
        refusals = (await it.cycle()).decision.plan.refusals  # type: ignore[union-attr]
        assert [one.code for one in refusals] == []


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(1)
async def test_the_answer_is_lost_and_money_is_moved_once(tmp_path: Path, restarted: bool) -> None:
    async with stage(tmp_path, RULES, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        it.fault("hang", path=PATH, count=1)
        it.fault("status", path=LIST, status=503, count=2)
        await it.cycle()
        assert (len(steps(it, StepKind.SECURE)), ends(it, StepKind.SECURE)) == (1, [])
        if restarted:
            await it.restart()
        await it.cycles(6)
        assert it.asked(PATH) == 1
        assert fund(it) == secured(it) > 30_000
        assert ends(it, StepKind.SECURE) == [IntentState.FILLED]
        assert await unit_value(it) == pytest.approx(1.0, abs=1e-9)
        assert it.open_intents() == 0


@pytest.mark.fault(2)
async def test_a_transfer_that_never_arrived_is_given_up_and_asked_anew(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        it.fault("drop", path=PATH, count=1)
        await it.cycles(10)
        assert it.asked(PATH) == 1
        assert fund(it) == 0
        await it.cycles(20)
        assert it.asked(PATH) == 2
        assert ends(it, StepKind.SECURE) == [IntentState.REJECTED, IntentState.FILLED]
        assert fund(it) == secured(it) > 30_000


async def test_a_key_that_may_not_transfer_stops_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        await it.cycle(after=0.1)
        answers = [one.record for one in it.of_kind(Kind.SUBMITTED)]
        refused = [one.answer for one in answers if isinstance(one, Submitted) and one.answer.code]
        assert [(one.verdict, one.code) for one in refused] == [(Verdict.REJECTED, "10005")]
        it.open(BTC, Side.BUY, "5")
        await it.cycles(2, after=0.1)
        assert it.requests(), "orders go on"


async def test_the_day_s_cap_is_the_most(tmp_path: Path) -> None:
    terms = replace(TERMS, caps=Caps(secured_per_day=Decimal(12_000)))
    async with stage(tmp_path, RULES, terms=terms, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        await it.cycles(2)
        await it.restart()
        await it.cycles(4)
        assert fund(it) == secured(it) == 12_000


async def test_coins_are_sold_first_and_only_their_cost_is_lost(tmp_path: Path) -> None:
    async with stage(tmp_path, CONVERTING, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "ETH", Decimal(10))
        await it.cycles(6)
        coins = {one.coin: one.wallet_balance for one in it.engine.wallet(ACCOUNT).coins}
        (sold,) = it.engine.spot_orders(ACCOUNT)
        assert coins["ETH"] == 0
        assert sold.filled_qty == 10
        assert ends(it, StepKind.CONVERT) == [IntentState.FILLED]
        cost = Decimal(40_000) - sold.filled_value + sold.fee
        (told,) = [one for one in it.outcomes() if one.loss]
        assert told.loss == cost
        assert fund(it) > 30_000
        equity = Decimal(115_000)
        assert await unit_value(it) == pytest.approx(float(1 - cost / equity), abs=1e-6)
        assert it.engine.totals().difference == 0


@pytest.mark.fault(1)
async def test_the_answer_to_a_conversion_is_lost_and_it_is_sold_once(tmp_path: Path) -> None:
    async with stage(tmp_path, CONVERTING, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "ETH", Decimal(10))
        it.fault("hang", path=CREATE, count=1)
        await it.cycles(6)
        (sold,) = it.engine.spot_orders(ACCOUNT)
        assert sold.filled_qty == 10
        assert ends(it, StepKind.CONVERT) == [IntentState.FILLED]
        assert it.open_intents() == 0
        assert fund(it) > 30_000
        names = [one.request.client_order_id for one in steps(it, StepKind.CONVERT)]
        assert names == [sold.request.client_id]


async def test_a_price_that_ran_away_sells_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, CONVERTING, permissions=TRANSFERS) as it:
        await settled(it)
        it.engine.transfer(ACCOUNT, "ETH", Decimal(10))
        it.line.before[CREATE] = lambda: it.price(ETH, "3900")
        await it.cycle()
        (tried,) = it.engine.spot_orders(ACCOUNT)
        assert tried.filled_qty == 0
        assert ends(it, StepKind.CONVERT) == [IntentState.CANCELLED]
        it.engine.transfer(ACCOUNT, "USDT", Decimal(30_000))
        await it.cycles(3)
        assert it.engine.spot_orders(ACCOUNT)[-1].filled_qty == 10
