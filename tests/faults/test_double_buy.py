"""The published double-buy, the other way round: an accepted order is never answered.

A bot bought 0.166 BTC, saw no answer, bought again, and ended with 0.332 at the venue and 0.166 in its book.
Here the guard sells 0.166 of a position of 0.332, and the answer is withheld past the time-out.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal.records import Kind, Outcome
from bot.sandbox.engine.types import Side
from tests.faults.stage import Stage, stage

ONCE = Decimal("0.166")
RULES = """\
version: 1
rules:
  - name: half
    metric: account.leverage
    max: 0.3
    restore: 0.166
    cooldown: 0s
    do: [trim]
    trim: {max_slippage: 2%}
"""


def booked(it: Stage) -> Decimal:
    """What the journal says was executed."""
    outcomes = [body for entry in it.of_kind(Kind.OUTCOME) if isinstance(body := entry.record, Outcome)]
    return sum((one.filled for one in outcomes), Decimal(0))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(1)
async def test_venue_and_journal_agree_and_nothing_is_sent_twice(tmp_path: Path, restarted: bool) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open("BTCUSDT", Side.BUY, "0.332")
        it.fault("hang", count=1)
        first = await it.cycle(after=15.0)
        assert len(it.requests()) == 1
        if restarted:
            await it.restart()
        later = await it.cycles(10, after=10.0)
        assert first.error == ""
        assert [one.error for one in later] == [""] * 10
        sold = Decimal("0.332") - it.size("BTCUSDT")
        assert abs(sold - ONCE) <= Decimal("0.002")
        assert booked(it) == sold
        assert len(it.accepted()) == len(set(it.accepted())) == 1
        assert it.open_intents() == 0
