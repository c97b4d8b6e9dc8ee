"""The daemon as its owner meets it when he halts it; ended, started twice, disarmed: tests/daemon."""

from decimal import Decimal
from pathlib import Path

from bot.journal.records import Kind
from tests.e2e.harness import World, eventually, leverage_of, world

CAP = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 4
    restore: 3
    do: [trim]
    trim: {max_slippage: 2%}
"""


def cap(folder: Path) -> str:
    """Write rules that fire above a leverage of 4, and return how a config names them."""
    (folder / "cap.yaml").write_text(CAP)
    return "./cap.yaml"


def stops(here: World) -> dict[str, Decimal]:
    """Triggers of the stops that rest at the exchange, 0 where there is none."""
    return {symbol: one.stop_loss or Decimal(0) for symbol, one in here.positions().items()}


def test_halted_only_protection_goes_on_until_resume(tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "reef.sqlite"))
    with world(tmp_path, rules=cap(tmp_path)) as here:
        here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        assert here.orders() == []
        halted = here.reef("halt", "--why", "closing by hand", *journal)
        assert halted.returncode == 0, halted.stderr
        before = stops(here)
        owner = here.cast.guarded.api_key
        here.ask("POST", "transfer", {"api_key": owner, "amount": "-10000"})  # liquidation comes nearer
        eventually(
            lambda: all(stop > before[symbol] for symbol, stop in stops(here).items()), "stops moved up"
        )
        here.move(-0.06)
        assert leverage_of(here) > 4
        eventually(
            lambda: [one for one in here.entries(Kind.DECISION) if '"kind":"trim"' in one.body],
            "a planned trim",
        )
        assert here.orders() == []
        resumed = here.reef("resume", "--why", "done", *journal)
        assert resumed.returncode == 0, resumed.stderr
        eventually(lambda: leverage_of(here) <= 3, "a trim down to the level of `restore`")
        assert here.orders()
        words = [one.record.command.value for one in here.entries(Kind.WORD)]  # type: ignore[union-attr]
        assert words == ["halt", "resume"]
