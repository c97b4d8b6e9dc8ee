"""Row 7: a thin book. What is sold in slices costs less, and a crash through it is survived."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot import depths
from bot.decision import DecisionInput
from bot.journal.records import Decision, Kind
from bot.replaying import decide_again
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage, stage

MARK = Decimal(100_000)
PATIENT = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [trim]
    trim: {max_slippage: 0.5%, escalate_after: 60s}
"""
BALANCED = (Path(__file__).parents[2] / "rules" / "balanced.yaml").read_text()
NO_RULE = "version: 1\nrules: [{name: tells, metric: account.leverage, max: 99, do: [notify]}]\n"


async def sells_down(it: Stage) -> Decimal:
    """Bring leverage from just above 5 to 4 in a thin book; the slippage that was paid, in USD."""
    it.open("BTCUSDT", Side.BUY, "4.8")
    await it.cycle()
    it.fault("thin_book", symbol="BTCUSDT", share="0.002")
    it.open("BTCUSDT", Side.BUY, "0.4")
    await it.cycles(40)
    assert it.open_intents() == 0
    assert it.size("BTCUSDT") <= 4
    return sum(
        (one.filled * (MARK - one.average_price) for one in it.outcomes() if one.average_price), MARK * 0
    )


@pytest.mark.fault(7)
async def test_slices_pay_less_than_one_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sliced", "swept"):
        (tmp_path / name).mkdir()
    async with stage(tmp_path / "sliced", PATIENT) as it:
        sliced = await sells_down(it)
        assert books_seen(it)
    monkeypatch.setattr(depths, "wanted", lambda *_: ())
    async with stage(tmp_path / "swept", PATIENT) as it:
        swept = await sells_down(it)
        assert not books_seen(it)
    assert sliced < Decimal("0.9") * swept


def books_seen(it: Stage) -> int:
    """How many recorded decisions had a book to look at."""
    seen = 0
    for entry in it.of_kind(Kind.DECISION):
        assert isinstance(entry.record, Decision)
        body = it.journal.blob(entry.record.input)
        assert body is not None
        seen += bool(msgspec.json.decode(body, type=DecisionInput).depths)
    return seen


@pytest.mark.fault(7)
async def test_what_was_decided_on_a_book_is_decided_again(tmp_path: Path) -> None:
    async with stage(tmp_path, PATIENT) as it:
        await sells_down(it)
        assert books_seen(it) > 5
        assert all(decide_again(it.journal, entry).same for entry in it.of_kind(Kind.DECISION))


@pytest.mark.fault(7)
@pytest.mark.parametrize("rules", [BALANCED, NO_RULE])
async def test_a_crash_through_a_thin_book_is_survived(tmp_path: Path, rules: str) -> None:
    """A fifth in a minute, while the whole book holds a few coins: only the unguarded one is liquidated."""
    async with stage(tmp_path, rules) as it:
        it.armed = rules is BALANCED
        await it.restart()
        it.fault("thin_book", symbol="BTCUSDT", share="0.004")
        it.open("BTCUSDT", Side.BUY, "6")
        for price in range(100_000, 79_000, -350):
            await it.cycle(1.0)
            it.price("BTCUSDT", str(price))
        survived = not it.engine.liquidations(ACCOUNT)
        assert survived == (rules is BALANCED)
