"""What decides and decides again, on values that were changed after they were recorded."""

import asyncio
import io
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bot.cli.check_view import show
from bot.cli.story import Chapter, tell
from bot.decision import DecisionInput, decide
from bot.inspection import Inspection, account_metrics
from bot.journal import Draft, Entry, Journal, blob_digest, open_journal
from bot.journal.records import Decision, Kind, canonical
from bot.model import MarginMode, Refusal, Unknown
from bot.outlook import outlook
from bot.replaying import decide_again
from bot.risk.flows import Flows, FlowState
from bot.rules import RuleSet, load_rules_text
from bot.sandbox.engine.types import Side
from tests.guard.support import bench

RULES = """
version: 1
rules:
  - {name: leverage cap, metric: account.leverage, max: 5, restore: 4, do: [cancel_orders, trim]}
  - {name: drawdown, metric: account.drawdown, max: 25%, do: [notify]}
  - {name: near, metric: position.liquidation_distance, min: 1%, do: [notify]}
"""


async def _record(folder: Path) -> Path:
    async with bench(folder, RULES) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        assert (await it.guard.cycle()).error == ""
    return folder / "journal.sqlite"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with one decision that trims."""
    return asyncio.run(_record(tmp_path_factory.mktemp("recorded")))


def decision_of(journal: Journal) -> tuple[Entry, Decision, DecisionInput]:
    """The first decision and its input."""
    entry = journal.entries(kind=Kind.DECISION)[0]
    body = entry.record
    assert isinstance(body, Decision)
    blob = journal.blob(body.input)
    assert blob is not None
    return entry, body, msgspec.json.decode(blob, type=DecisionInput)


@pytest.fixture
def given(recorded: Path) -> DecisionInput:
    with open_journal(recorded, read_only=True) as journal:
        return decision_of(journal)[2]


@pytest.fixture
def rules() -> RuleSet:
    return load_rules_text(RULES, "rules.yaml")


def look(given: DecisionInput, rules: RuleSet) -> Inspection:
    """Decide and look ahead."""
    made = decide(given, rules)
    return Inspection("main", given.snapshot, made, outlook(made, rules), account_metrics(made))


def printed(seen: Inspection) -> str:
    """What `reef check` shows."""
    out = io.StringIO()
    show(Console(file=out, width=120), seen, armed=True)
    return out.getvalue()


def test_unknown_equity_is_unknown_and_not_a_loss(given: DecisionInput, rules: RuleSet) -> None:
    balance = msgspec.structs.replace(given.snapshot.balance, equity=Unknown("the venue did not say"))
    blind = msgspec.structs.replace(given, snapshot=msgspec.structs.replace(given.snapshot, balance=balance))
    seen = look(blind, rules)
    drawdown = next(one for one in seen.rules if one.finding.rule == "drawdown")
    assert isinstance(drawdown.finding.value, Unknown)
    assert isinstance(drawdown.room, Unknown)
    assert seen.decision.ledger == given.ledger
    text = printed(seen)
    assert "equity unknown USD" in text
    assert "drawdown is unknown: the venue did not say" in text


def test_a_first_look_before_any_equity_is_unknown(given: DecisionInput, rules: RuleSet) -> None:
    fresh = msgspec.structs.replace(given, ledger=None, flows=Flows((), FlowState.UNREAD, "not read"))
    drawdown = next(one for one in look(fresh, rules).rules if one.finding.rule == "drawdown")
    assert isinstance(drawdown.finding.value, Unknown)


def test_a_balance_older_than_the_ledger_changes_nothing(given: DecisionInput, rules: RuleSet) -> None:
    ledger = decide(given, rules).ledger
    assert ledger is not None
    later = msgspec.structs.replace(ledger, as_of=ledger.as_of + timedelta(hours=1))
    assert decide(msgspec.structs.replace(given, ledger=later), rules).ledger == later


def test_an_isolated_position_without_figures_is_shown(given: DecisionInput, rules: RuleSet) -> None:
    (position,) = given.snapshot.positions
    odd = msgspec.structs.replace(
        position,
        margin_mode=MarginMode.ISOLATED,
        isolated_margin=Unknown("not said"),
        mark_price=Unknown("not said"),
        stop_price=Decimal("91000.5"),
    )
    snapshot = msgspec.structs.replace(given.snapshot, positions=(odd,), marks={})
    text = printed(look(msgspec.structs.replace(given, snapshot=snapshot), rules))
    assert "BTC/USDT:USDT long isolated" in text
    assert "91,000" in text or "91,001" in text
    assert "unknown" in text


def test_refusals_and_halts_are_shown(given: DecisionInput, rules: RuleSet) -> None:
    seen = look(given, rules)
    refusal = Refusal("leverage cap", "BTC/USDT:USDT", "cap_actions", "60 actions in the last hour")
    plan = msgspec.structs.replace(seen.decision.plan, refusals=(refusal,), halt="the drawdown stop fired")
    decision = msgspec.structs.replace(seen.decision, plan=plan)
    text = printed(msgspec.structs.replace(seen, decision=decision))
    assert "refused: leverage cap, BTC/USDT:USDT: 60 actions in the last hour" in text
    assert "then the account would be halted: the drawdown stop fired" in text


def test_another_plan_is_told(recorded: Path) -> None:
    with open_journal(recorded) as journal:
        entry, body, given = decision_of(journal)
        assert body.plan is not None
        other = msgspec.structs.replace(body, plan=msgspec.structs.replace(body.plan, halt="changed"))
        unread = msgspec.structs.replace(body, input=blob_digest(b"{}"))
        drafts = [Draft(given.at, "main", one, "other") for one in (other, unread)]
        journal.append(drafts, blobs=[b"{}"])
        changed, unreadable = journal.entries(kind=Kind.DECISION, newest=True, limit=2)[::-1]
        assert "ANOTHER plan" in decide_again(journal, changed).said
        assert "cannot read its input" in decide_again(journal, unreadable).said
        assert decide_again(journal, entry).same
        started = journal.entries(kind=Kind.FINDING)[0]
        with pytest.raises(TypeError, match="is no decision"):
            decide_again(journal, started)
        again = decide_again(journal, changed)
    lines = "\n".join(tell("other", [Chapter(changed, None, again)]))
    assert "what was seen can no longer be read" in lines
    assert "then halt: changed" in lines
    assert "0 of 1 decisions" in lines


def test_a_story_without_end_says_so(recorded: Path, given: DecisionInput) -> None:
    with open_journal(recorded, read_only=True) as journal:
        entries = [one for one in journal.entries(kind=Kind.FINDING) if one.episode]
        body = decision_of(journal)[1]
    (position,) = given.snapshot.positions
    many = msgspec.structs.replace(given.snapshot, positions=(position,) * 12)
    lines = "\n".join(tell(entries[0].episode, [Chapter(one, None, None) for one in entries[:1]]))
    assert "the episode is not over (firing)" in lines
    disarmed = msgspec.structs.replace(body, armed=False, plan=None)
    entry = entries[0]._replace(kind="decision", body=canonical(disarmed).decode())
    lines = "\n".join(tell(entries[0].episode, [Chapter(entry, many, None)]))
    assert "and 2 more" in lines
    assert "none" in lines
