"""Leverage as a setting, and stops that a rule asks for: done once, proven by the venue's own lists."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.journal.records import IntentState, Kind
from bot.model import ProtectionTerms, StepKind
from bot.replaying import decide_again
from bot.sandbox.engine.types import MarginMode, Side
from tests.faults.stage import ACCOUNT, TERMS, Stage, stage
from tests.faults.test_margin import ends, margin, steps

BTC, ETH = "BTCUSDT", "ETHUSDT"
PATH = "/v5/position/set-leverage"
RULES = """\
version: 1
rules:
  - name: calm
    metric: account.leverage
    max: 1
    cooldown: 0s
    do: [lower_leverage]
    lower_leverage: {to: 5x}
"""
PROTECTING = """\
version: 1
rules:
  - name: shelter
    metric: account.leverage
    max: 1
    do: [protect]
"""
UNPROTECTED = replace(TERMS, protection=ProtectionTerms(enabled=False))


def leverage(it: Stage, symbol: str = BTC) -> Decimal:
    """The setting at the venue."""
    return it.engine.leverage(ACCOUNT, symbol)


async def test_every_held_symbol_is_set_down_once(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open(BTC, Side.BUY, "1")
        it.open(ETH, Side.BUY, "20", leverage=4)
        await it.cycles(4)
        assert (leverage(it), leverage(it, ETH)) == (5, 4)
        assert it.asked(PATH) == 1
        assert ends(it, StepKind.LOWER_LEVERAGE) == [IntentState.FILLED]
        decisions = it.of_kind(Kind.DECISION)
        assert decisions
        assert all(decide_again(it.journal, one).same for one in decisions)
        assert it.size(BTC) == 1
        assert it.requests() == []


async def test_an_isolated_position_gets_the_difference_as_margin(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES.replace("account.leverage", "position.leverage")) as it:
        it.engine.set_margin_mode(ACCOUNT, MarginMode.ISOLATED)
        it.open(BTC, Side.BUY, "1")
        before = margin(it)
        await it.cycles(3)
        (step,) = steps(it, StepKind.LOWER_LEVERAGE)
        assert leverage(it) == 5
        assert margin(it) - before == Decimal(repr(step.notional)) == 15_000


@pytest.mark.parametrize("fault", ["hang", "drop", "server_error"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(1)
async def test_a_lost_answer_is_settled_by_what_the_venue_shows(
    tmp_path: Path, fault: str, restarted: bool
) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open(BTC, Side.BUY, "1.5")
        it.fault(fault, path=PATH, count=1)
        await it.cycle()
        if restarted:
            await it.restart()
        await it.cycles(14)
        assert leverage(it) == 5
        assert ends(it, StepKind.LOWER_LEVERAGE)[-1] is IntentState.FILLED
        assert it.asked(PATH) == len(ends(it, StepKind.LOWER_LEVERAGE)) <= 2
        assert it.open_intents() == 0


@pytest.mark.parametrize(("code", "state"), [(110044, IntentState.REJECTED), (110043, IntentState.CANCELLED)])
async def test_what_the_venue_says_to_it(tmp_path: Path, code: int, state: IntentState) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open(BTC, Side.BUY, "1.5")
        it.fault("error_code", path=PATH, code=code, count=1)
        await it.cycles(5)
        assert ends(it, StepKind.LOWER_LEVERAGE) == [state, IntentState.FILLED]
        assert leverage(it) == 5


async def test_it_is_refused_where_the_margin_is_not_free(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES.replace("5x", "1x")) as it:
        it.open(BTC, Side.BUY, "1.5")
        report = await it.cycle()
        assert report.decision is not None
        (refusal,) = report.decision.plan.refusals
        assert refusal.code in {"cap_margin", "margin_kept"}
        assert "needs 142500.00 USD more margin" in refusal.reason
        assert it.asked(PATH) == 0


async def test_a_rule_protects_where_protection_is_off(tmp_path: Path) -> None:
    async with stage(tmp_path, PROTECTING, terms=UNPROTECTED) as it:
        it.open(BTC, Side.BUY, "0.5")
        await it.cycles(2)
        assert it.stop(BTC) is None
        it.open(BTC, Side.BUY, "1")
        await it.cycles(2)
        assert it.stop(BTC) is not None
        placed = it.stop(BTC)
        it.engine.set_trading_stop(ACCOUNT, BTC, stop_loss=Decimal(0))
        await it.cycles(2)
        assert it.stop(BTC) == placed, "mended"
        assert it.requests() == []


@pytest.mark.fault(1)
async def test_a_stop_that_a_rule_asks_for_is_placed_once_also_where_the_answer_is_lost(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, PROTECTING, terms=UNPROTECTED) as it:
        it.open(BTC, Side.BUY, "1.5")
        it.fault("hang", path="/v5/position/trading-stop", count=1)
        await it.cycles(4)
        assert it.stop(BTC) is not None
        assert ends(it, StepKind.PROTECT) == [IntentState.FILLED]
        assert it.open_intents() == 0
