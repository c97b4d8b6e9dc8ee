"""`reef summary`: the running day, from the journal alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.journal import open_journal
from bot.journal.records import canonical
from bot.notifications.day import NAME
from bot.notifications.tally import Tally
from tests.cli.support import reef


def test_the_running_day_is_told(recorded: Path) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    tally = Tally(began, began, 0, 1000.0, 1.0, 990.0, 0.99, positions=2)
    with open_journal(recorded) as journal:
        for name in ("main", "fund"):
            journal.append((), {(name, NAME): canonical(tally).decode()}, at=began)
    done = reef("summary", "--journal", recorded)
    assert done.code == 0
    assert f"main, since {began:%Y-%m-%d %H:%M} UTC" in done.out
    assert "equity 990.00 USD (was 1,000.00), unit value -1.00 %" in done.out
    assert "1 episode, " in done.out
    fund, main = reef("summary", "--journal", recorded, "--json").value
    assert (fund["account"], main["account"], fund["orders"]) == ("fund", "main", 0)
    assert main["orders"] > 0
    (one,) = reef("summary", "--journal", recorded, "--account", "main", "--json").value
    assert one["account"] == "main"
    assert reef("summary", "--journal", recorded, "--account", "mian").code == 2
    assert reef("journal", "--journal", recorded, "--kind", "summary").code == 0


def test_no_day_yet(recorded: Path) -> None:
    assert "No day is recorded yet" in reef("summary", "--journal", recorded).out
