"""Margin for an isolated position: whatever becomes of the request, it is added once and written down."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal.records import IntentState, Kind, Outcome, Prepared
from bot.model import Caps, MarginRequest, Step, StepKind
from bot.sandbox.engine.types import MarginMode, OrderRequest, Side
from tests.faults.stage import ACCOUNT, TERMS, Stage, stage

BTC, ETH = "BTCUSDT", "ETHUSDT"
PATH = "/v5/position/add-margin"
RULES = """\
version: 1
rules:
  - name: room
    metric: position.liquidation_distance
    min: 15%
    restore: 20%
    cooldown: 0s
    do: [add_margin]
"""
CLOSED = RULES.replace("[add_margin]", "[add_margin, close]").replace(
    "cooldown: 0s", "cooldown: 0s\n    add_margin: {max_per_day: 5000}"
)


def isolated(it: Stage, qty: str = "1") -> None:
    """Hold one isolated position with little margin."""
    it.engine.set_margin_mode(ACCOUNT, MarginMode.ISOLATED)
    it.open(BTC, Side.BUY, qty)


def margin(it: Stage, symbol: str = BTC) -> Decimal:
    """What is set apart for a position at the venue."""
    return sum((one.isolated_margin for one in it.engine.positions(ACCOUNT, symbol)), Decimal(0))


def steps(it: Stage, kind: StepKind) -> list[Step]:
    """Every step of a kind that the journal prepared."""
    bodies = [entry.record for entry in it.of_kind(Kind.PREPARED)]
    return [one.step for one in bodies if isinstance(one, Prepared) and one.step.kind is kind]


def ends(it: Stage, kind: StepKind) -> list[IntentState]:
    """How the steps of a kind ended."""
    names = {one.request.client_order_id for one in steps(it, kind)}
    bodies = [entry.record for entry in it.of_kind(Kind.OUTCOME) if entry.intent in names]
    return [one.state for one in bodies if isinstance(one, Outcome)]


def added(it: Stage) -> Decimal:
    """USD that the journal says were asked for and taken."""
    asked = [one.request for one in steps(it, StepKind.ADD_MARGIN)]
    amounts = [one.amount for one in asked if isinstance(one, MarginRequest)]
    done = [state is IntentState.FILLED for state in ends(it, StepKind.ADD_MARGIN)]
    return sum((amount for amount, is_done in zip(amounts, done, strict=True) if is_done), Decimal(0))


async def test_margin_brings_a_position_back_and_nothing_is_traded(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        isolated(it)
        before = margin(it)
        first = await it.cycle()
        assert first.decision is not None
        (proof,) = first.decision.plan.proofs
        assert proof.met
        assert proof.before < 0.15 < 0.2 <= proof.after  # type: ignore[operator]
        await it.cycles(3)
        assert it.asked(PATH) == 1
        assert margin(it) - before == added(it) > 15_000
        assert it.size(BTC) == 1
        assert it.requests() == []
        assert it.open_intents() == 0
        last = it.engine.positions(ACCOUNT, BTC)[0]
        assert last.liquidation_price is not None
        assert Decimal("0.2") <= 1 - last.liquidation_price / last.mark_price < Decimal("0.2041")


@pytest.mark.parametrize("fault", ["hang", "status"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(1)
async def test_the_answer_is_lost_and_margin_is_added_once(
    tmp_path: Path, fault: str, restarted: bool
) -> None:
    async with stage(tmp_path, RULES) as it:
        isolated(it)
        before = margin(it)
        more = {"status": 504, "execute": True} if fault == "status" else {}
        it.fault(fault, path=PATH, count=1, **more)
        await it.cycle()
        if restarted:
            await it.restart()
        await it.cycles(12)
        assert it.asked(PATH) == 1
        assert margin(it) - before == added(it) > 15_000
        assert ends(it, StepKind.ADD_MARGIN) == [IntentState.FILLED]
        assert it.open_intents() == 0


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(2)
async def test_a_request_that_never_arrived_is_given_up_by_evidence_and_asked_anew(
    tmp_path: Path, restarted: bool
) -> None:
    async with stage(tmp_path, RULES) as it:
        isolated(it)
        before = margin(it)
        it.fault("drop", path=PATH, count=1)
        await it.cycle()
        if restarted:
            await it.restart()
        await it.cycles(3)
        assert it.asked(PATH) == 1, "nothing more is asked for while it may still arrive"
        assert margin(it) == before
        assert it.open_intents() == 1
        await it.cycles(10)
        assert it.asked(PATH) == 2
        assert ends(it, StepKind.ADD_MARGIN) == [IntentState.REJECTED, IntentState.FILLED]
        assert margin(it) - before == added(it) > 15_000
        names = [one.request.client_order_id for one in steps(it, StepKind.ADD_MARGIN)]
        assert len(set(names)) == 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.fault(3)
async def test_server_errors_hide_what_a_coin_decided(tmp_path: Path, seed: int) -> None:
    async with stage(tmp_path, RULES, fault_seed=seed) as it:
        isolated(it)
        before = margin(it)
        it.fault("server_error", path=PATH, count=2)
        await it.cycles(20)
        assert margin(it) - before == added(it)
        assert Decimal(15_000) < margin(it) - before < Decimal(16_000)
        assert it.open_intents() == 0


async def test_a_refusal_is_final_and_asked_again_less_and_less_often(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        isolated(it)
        it.fault("error_code", path=PATH, code=110014, count=3)
        await it.cycles(4)
        assert it.asked(PATH) < 4
        await it.cycles(10)
        assert ends(it, StepKind.ADD_MARGIN) == [IntentState.REJECTED] * 3 + [IntentState.FILLED]
        assert it.requests() == []


async def test_a_trim_does_not_wait_for_margin_that_was_refused(tmp_path: Path) -> None:
    rules = RULES.replace("[add_margin]", "[add_margin, close]")
    async with stage(tmp_path, rules) as it:
        isolated(it)
        it.fault("error_code", path=PATH, code=110014)
        await it.cycles(4)
        assert it.size(BTC) == 0, "no margin may be asked for now, so the position is closed"


async def test_no_margin_goes_into_a_position_that_it_does_not_save(tmp_path: Path) -> None:
    async with stage(tmp_path, CLOSED) as it:
        isolated(it)
        await it.cycles(2)
        assert it.asked(PATH) == 0
        assert it.size(BTC) == 0
        assert it.open_intents() == 0


async def test_nothing_is_traded_where_margin_is_enough(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES.replace("[add_margin]", "[add_margin, close]")) as it:
        isolated(it)
        await it.cycles(4)
        assert it.size(BTC) == 1
        assert added(it) > 15_000


async def test_the_day_s_caps_hold_over_a_restart(tmp_path: Path) -> None:
    terms = type(TERMS)(
        caps=Caps(margin_per_day=Decimal(4000)), protection=TERMS.protection, max_age_seconds=10.0
    )
    async with stage(tmp_path, RULES, terms=terms) as it:
        isolated(it)
        before = margin(it)
        first = await it.cycle()
        assert first.decision is not None
        assert {one.code for one in first.decision.plan.refusals} == {"cap_margin"}
        assert first.decision.plan.refusals[0].reason.startswith("LIFELINE BLOCKED")
        await it.cycle()
        await it.restart()
        await it.cycles(4)
        assert margin(it) - before == added(it) == 4000


async def test_free_margin_is_never_used_up(tmp_path: Path) -> None:
    rules = RULES.replace("cooldown: 0s", "cooldown: 0s\n    add_margin: {max_share: 100%, keep: 40k}")
    async with stage(tmp_path, rules) as it:
        isolated(it, "7")
        await it.cycles(3)
        wallet = it.engine.wallet(ACCOUNT)
        free = wallet.wallet_balance - wallet.isolated_margin
        assert Decimal(40_000) <= free < Decimal("40000.01")


async def test_halted_and_disarmed_nothing_is_added(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        it.armed = False
        await it.restart()
        isolated(it)
        await it.cycles(3)
        assert it.asked(PATH) == 0
        assert steps(it, StepKind.ADD_MARGIN) == []


async def test_a_position_that_is_gone_took_its_margin_along(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        isolated(it)
        it.fault("drop", path=PATH, count=1)
        await it.cycle()
        it.engine.place(ACCOUNT, OrderRequest(symbol=BTC, side=Side.SELL, qty=Decimal(1), reduce_only=True))
        await it.cycles(2)
        assert ends(it, StepKind.ADD_MARGIN) == [IntentState.CANCELLED]
        assert it.open_intents() == 0
