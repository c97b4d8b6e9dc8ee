"""Conditions through a whole decision: what is planned, told, and looked ahead."""

import asyncio
import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bot.cli.check_view import show
from bot.cli.journal_lines import line
from bot.cli.story import tell_body
from bot.decision import Decision, DecisionInput, decide, watches
from bot.inspection import Inspection, account_metrics
from bot.journal.records import Decision as DecisionRecord
from bot.journal.records import FindingChanged, Kind, canonical
from bot.model import State, StepKind, Surroundings, Unknown
from bot.outlook import RuleOutlook, idle_rules, outlook
from bot.rules import RuleSet, load_rules_text
from bot.sandbox.engine.types import Side
from tests.guard.support import bench

WILD = Surroundings({"BTC": {"fall_24h": 0.12}})


async def _record(folder: Path) -> DecisionInput:
    async with bench(
        folder, "version: 1\nrules: [{name: a, metric: account.leverage, max: 1, do: [notify]}]"
    ) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        assert (await it.guard.cycle()).error == ""
        entry = it.journal.entries(kind=Kind.DECISION)[0]
        assert isinstance(entry.record, DecisionRecord)
        blob = it.journal.blob(entry.record.input)
        assert blob is not None
        return msgspec.json.decode(blob, type=DecisionInput)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> DecisionInput:
    """A long of about eight times the equity."""
    found = asyncio.run(_record(tmp_path_factory.mktemp("recorded")))
    return msgspec.structs.replace(found, surroundings=WILD, memory=type(found.memory)())


def rules(*entries: str) -> RuleSet:
    return load_rules_text("version: 1\nrules:\n" + "".join(f"  - {{{one}}}\n" for one in entries), "r")


ASKS = 'market("BTC").fall_24h > 0.1 && account.leverage > 3'
FEAR = f"name: fear, when: {ASKS}, do: [cancel_orders, close_all, halt]"
CAP = (
    'name: cap, metric: account.leverage, max: 3, restore: 2, do: [trim], when: market("BTC").fall_24h > 0.1'
)
STOP = "name: stop, metric: market.fall_24h, market: BTC, max: 10%, do: [notify], inhibited_by: fear"


def test_a_condition_closes_everything_and_halts(given: DecisionInput) -> None:
    found = rules(FEAR)
    made = decide(given, found)
    kinds = [step.kind for step in made.plan.steps if step.kind is not StepKind.PROTECT]
    assert kinds == [StepKind.CLOSE]
    assert made.plan.halt.startswith('fear: market("BTC").fall_24h > 0.1 && account.leverage > 3 is true: ')
    assert canonical(decide(given, found)) == canonical(made)


def test_it_survives_being_recorded(given: DecisionInput) -> None:
    again = msgspec.json.decode(canonical(given), type=DecisionInput)
    assert again.surroundings == WILD
    assert canonical(decide(again, rules(FEAR, CAP)).plan) == canonical(decide(given, rules(FEAR, CAP)).plan)


def test_without_surroundings_it_is_unknown_and_nothing_is_planned(given: DecisionInput) -> None:
    made = decide(msgspec.structs.replace(given, surroundings=Surroundings()), rules(FEAR))
    assert [one.state for one in made.evaluation.findings] == [State.UNKNOWN]
    assert not made.evaluation.demands


def test_a_limit_whose_condition_is_false_holds_no_plan_up(given: DecisionInput) -> None:
    found = rules(CAP, FEAR, STOP)
    assert [one.rule for one in watches(found, decide(given, found).evaluation)] == ["cap"]
    calm = msgspec.structs.replace(given, surroundings=Surroundings({"BTC": {"fall_24h": 0.01}}))
    assert watches(found, decide(calm, found).evaluation) == ()


def test_tags_of_the_account_reach_the_rules(given: DecisionInput) -> None:
    found = rules("name: a, metric: account.leverage, max: 1, do: [notify], match: {tags: fund}")
    assert decide(given, found).evaluation.findings == ()
    tagged = msgspec.structs.replace(given, tags=("fund",))
    assert len(decide(tagged, found).evaluation.findings) == 1


def look(given: DecisionInput, found: RuleSet) -> tuple[Decision, tuple[RuleOutlook, ...]]:
    made = decide(given, found)
    return made, outlook(made, found, given.surroundings)


def test_the_price_at_which_a_condition_becomes_true(given: DecisionInput) -> None:
    far = rules(
        'name: a, when: market("BTC").fall_24h > 0.1 && account.leverage > 12, do: [notify]',
        "name: b, metric: account.leverage, max: 12, do: [notify]",
        'name: c, metric: account.leverage, max: 12, when: market("BTC").fall_24h > 0.1, do: [notify]',
        'name: d, metric: account.leverage, max: 12, when: market("BTC").fall_24h > 0.2, do: [notify]',
        "name: e, when: position.leverage > 12 && account.equity > 0, do: [close]",
        'name: f, when: market("BTC").fall_24h > 0.2, do: [notify]',
        'name: g, when: market("ETH").fall_24h > 0.2 && account.leverage > 12, do: [notify]',
    )
    _, looks = look(given, far)
    at = {one.finding.rule: one.fires_at for one in looks}
    assert isinstance(at["b"], float)
    assert at["a"] == pytest.approx(at["b"], rel=1e-4)
    assert at["c"] == pytest.approx(at["b"], rel=1e-4)
    assert at["e"] == pytest.approx(at["b"], rel=1e-3)
    assert (at["d"], at["f"]) == (None, None)
    assert isinstance(at["g"], Unknown)


def test_what_is_passed_and_what_applies_to_nothing(given: DecisionInput) -> None:
    found = rules(FEAR, STOP, 'name: idle, when: position.leverage > 1, match: {symbol: "X*"}, do: [notify]')
    made, looks = look(given, found)
    assert [one.past for one in looks] == [True, True]
    assert [one.rule for one in idle_rules(made, found)] == ["idle"]
    calm = msgspec.structs.replace(given, surroundings=Surroundings({"BTC": {"fall_24h": 0.01}}))
    assert [one.past for one in look(calm, found)[1]] == [False, False]


def test_check_shows_conditions(given: DecisionInput) -> None:
    found = rules(
        FEAR, STOP, CAP, 'name: idle, when: position.leverage > 1, match: {symbol: "X*"}, do: [notify]'
    )
    made, looks = look(given, found)
    out = io.StringIO()
    seen = Inspection("main", given.snapshot, made, looks, account_metrics(made), idle_rules(made, found))
    show(Console(file=out, width=200), seen, armed=True)
    text = out.getvalue()
    assert (
        'fear: market("BTC").fall_24h > 0.1 && account.leverage > 3 is true: market("BTC").fall_24h 12 %'
        in text
    )
    assert "true" in text
    assert "then the account would be halted: fear: " in text
    calm = msgspec.structs.replace(given, surroundings=Surroundings({"BTC": {"fall_24h": 0.01}}))
    made, looks = look(calm, rules(FEAR))
    out = io.StringIO()
    show(Console(file=out, width=200), Inspection("main", given.snapshot, made, looks, {}), armed=True)
    assert "false" in out.getvalue()


def test_the_journal_tells_what_a_condition_saw(given: DecisionInput) -> None:
    made = decide(given, rules(FEAR, STOP, CAP))
    fear, stop, cap = (FindingChanged(one, None) for one in made.evaluation.findings)
    said = 'market("BTC").fall_24h > 0.1 && account.leverage > 3 is true: '
    assert line(fear).startswith(f"fear on main: new -> firing ({said}")
    assert line(stop) == (
        'stop on main: new -> firing (market("BTC").fall_24h 0.12, limit 0.1); '
        "not told of while fear is firing"
    )
    ((_, told),) = tell_body(fear)
    assert told.startswith(f"fear on main fires: when is true; {said}")
    ((_, told),) = tell_body(stop)
    assert told == (
        'stop on main fires: market("BTC").fall_24h is 12.00 %, over its limit of 10 %; acts until 10 %; '
        "not told of while fear is firing"
    )
    ((_, told),) = tell_body(cap)
    assert told.endswith('acts until 2; market("BTC").fall_24h > 0.1 is true: market("BTC").fall_24h 12 %')
    over = msgspec.structs.replace(made.evaluation.findings[0], state=State.INACTIVE, value=0.0, note="")
    ((_, told),) = tell_body(FindingChanged(over, State.FIRING))
    assert told == "fear on main restored: when is false; the episode is over"
