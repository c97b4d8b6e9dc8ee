"""An empty list of positions is believed only where the wallet agrees."""

from pathlib import Path

from bot.sandbox.engine.types import Side
from tests.guard.support import bench


async def test_an_empty_list_is_not_believed_at_a_pnl_of_zero(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        assert (await it.guard.cycle()).error == ""
        it.fault("empty_positions")
        report = await it.guard.cycle()
        assert report.snapshot is None
        assert "list of positions is empty" in report.error
        it.mend()
        assert (await it.guard.cycle()).error == ""
