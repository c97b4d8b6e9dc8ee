"""`reef approve`, `reef run --preview`, and what status says of proposals, churn and strangers."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.cli.control import operator
from bot.execution import approvals, halt
from bot.journal import open_journal
from bot.journal.records import Command, Kind, Word
from bot.model import ApprovalTerms, Churning, Policy
from bot.sandbox.engine.types import Side
from tests.cli.support import THREE_POSITIONS, Venue, reef, write_config
from tests.cli.test_status import change_status
from tests.guard.support import ACCOUNT, TERMS, bench

ASKING = replace(TERMS, approvals=ApprovalTerms(every=True, deadline=timedelta(days=1)))


async def _propose(folder: Path) -> Path:
    async with bench(folder, terms=ASKING) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        assert (await it.guard.cycle()).error == ""
    return folder / "journal.sqlite"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(_propose(tmp_path_factory.mktemp("asking")))


@pytest.fixture
def asking(_made: Path, tmp_path: Path) -> Path:
    """A journal in which a proposal waits."""
    return Path(shutil.copy(_made, tmp_path / "asking.sqlite"))


def name_of(path: Path) -> str:
    with open_journal(path, read_only=True) as journal:
        (one,) = approvals.proposals(journal, [ACCOUNT])
        return one.body.name


def test_what_waits_is_listed_and_in_the_status(asking: Path) -> None:
    name = name_of(asking)
    done = reef("approve", "--list", "--journal", asking)
    assert done.code == 0
    text = " ".join(done.out.split())
    assert f"{name} of main, proposed at" in text
    assert "trim BTC/USDT:USDT long by" in text
    assert "because leverage cap: account.leverage of main is 8, limit 5, goal 4" in text
    assert "then drop" in text
    (told,) = reef("approve", "--list", "--journal", asking, "--json").value
    assert told["name"] == name
    assert told["rules"] == ["leverage cap"]
    assert f"waits for approval: {name}" in " ".join(reef("status", "--journal", asking).out.split())
    assert reef("status", "--journal", asking, "--json").value["main"]["waits_for_approval"] == name


def test_a_yes_says_what_it_lets_through_and_who_gave_it(asking: Path) -> None:
    name = name_of(asking)
    done = reef("approve", "--why", "agreed", "--journal", asking)
    assert done.code == 0
    text = " ".join(done.out.split())
    assert f"Approved {name} of main by {operator()}: agreed." in text
    assert "sent if it is no larger than this: trim BTC/USDT:USDT long by" in text
    with open_journal(asking, read_only=True) as journal:
        assert journal.entries(kind=Kind.WORD)[0].record == Word(Command.APPROVE, operator(), "agreed", name)
    assert "Nothing waits" in reef("approve", "--list", "--journal", asking).out
    again = reef("approve", name, "--why", "agreed", "--journal", asking)
    assert (again.code, "was approved by" in again.err) == (1, True)


def test_a_yes_to_a_halted_account_says_that_nothing_is_sent(asking: Path) -> None:
    with open_journal(asking) as journal:
        halt(journal, ACCOUNT, who="bob", why="by hand", at=datetime.now(UTC))
    out = reef("approve", name_of(asking), "--why", "agreed", "--journal", asking).out
    assert "main is halted by bob: by hand. Nothing is sent until `reef resume`." in " ".join(out.split())


def test_after_the_deadline_it_is_refused_and_may_be_renewed(asking: Path) -> None:
    name = name_of(asking)
    early = reef("approve", name, "--renew", "--why", "again", "--journal", asking)
    assert (early.code, "there is nothing to renew" in early.err) == (1, True)
    with open_journal(asking) as journal:
        (one,) = approvals.proposals(journal, [ACCOUNT])
        past = replace(one, body=replace(one.body, deadline=datetime(2025, 11, 21, tzinfo=UTC)))
        journal.append((), approvals.remembered(past), at=datetime.now(UTC))
    listed = reef("approve", "--list", "--journal", asking)
    assert "its time is over" in listed.out
    late = reef("approve", name, "--why", "sorry", "--journal", asking)
    assert late.code == 1
    assert f"reef approve {name} --renew" in " ".join(late.err.split())
    done = reef("approve", name, "--renew", "--why", "sorry", "--journal", asking, "--json")
    assert done.value == {"approved": False, "proposal": name, "who": operator(), "why": "sorry"}
    done = reef("approve", name, "--renew", "--why", "sorry", "--journal", asking)
    assert "Nothing was approved" in done.out


def test_misuse(asking: Path, recorded: Path) -> None:
    assert reef("approve", "--journal", asking).code == 2
    assert reef("approve", "p-0", "--why", "x", "--journal", asking).code == 2
    nameless = reef("approve", "--renew", "--why", "x", "--journal", asking)
    assert (nameless.code, "--renew needs the name" in nameless.err) == (2, True)
    nothing = reef("approve", "--why", "x", "--journal", recorded)
    assert (nothing.code, "No proposal waits" in nothing.err) == (2, True)
    assert reef("approve", "--list", "--journal", recorded, "--json").value == []


def test_status_tells_of_churn_and_of_what_is_left_alone(recorded: Path) -> None:
    now = datetime.now(UTC)
    churning = (Churning("cap", "BTC/USDT:USDT#long", 3, now, now),)
    strangers = {"ETH/USDT:USDT#long": Policy.WATCH}
    change_status(recorded, active=(), unprotected=(), churning=churning, strangers=strangers)
    text = " ".join(reef("status", "--journal", recorded).out.split())
    assert "churn: BTC/USDT:USDT long is filled up again after cap trims it, 3 times" in text
    assert "left alone (watch): ETH/USDT:USDT long" in text


@pytest.mark.parametrize("mode", ["act", "observe"])
def test_the_preview_tells_what_would_be_done_and_sends_nothing(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    keys = venue.account(THREE_POSITIONS)
    for name, value in keys.environ("main").items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path, venue.url, mode=mode)
    done = reef("run", "--preview", "--config", config)
    text = " ".join(done.out.split())
    assert done.code == 1
    assert "main: leverage cap on main is firing: account.leverage is 4.9" in text
    assert "trim BTC/USDT:USDT:" in text or "trim ETH/USDT:USDT:" in text
    assert ("Disarmed, so none of it would be sent" in text) is (mode == "observe")
    told = reef("run", "--preview", "--config", config, "--json").value
    assert told["accounts"][0]["preview"]["firing"][0]["rule"] == "leverage cap"
    assert venue.orders_of(keys) == []
    assert not (tmp_path / "reef.sqlite").exists()


def test_a_quiet_preview_and_one_that_cannot_see(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in venue.account(()).environ("main").items():
        monkeypatch.setenv(name, value)
    done = reef("run", "--preview", "--config", write_config(tmp_path, venue.url))
    assert (done.code, done.out) == (0, "main: no rule fires at once.\n")
    blind = reef("run", "--preview", "--config", write_config(tmp_path, "http://127.0.0.1:9"))
    assert blind.code == 1
    assert "127.0.0.1:9" in blind.err or "main" in blind.err
