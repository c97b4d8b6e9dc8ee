"""Rules whose metric cannot be known: `if_blind` of one symbol and of a whole account, by one clock."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import BlindAction, State, Target, Unknown
from bot.rules import BlindCall, BlindLook, IfBlind, Match, Rule, RulesMemory, evaluate, evaluate_blind
from tests.rules.build import AT, BTC, MAIN, context, portfolio, rule, ruleset, seconds, snapshot

UNSEEN = Unknown("the account is blind since 07:30")
DO = (BlindAction.NOTIFY, BlindAction.PROTECT)
CAP = replace(rule(), if_blind=IfBlind(timedelta(seconds=60), DO))
SIZE = replace(
    rule("size", "position.equity_share", 2.0, 1.0),
    if_blind=IfBlind(timedelta(0), (BlindAction.HALT,)),
)


def unseen(*rules: Rule, memory: RulesMemory | None = None, after: float = 0.0) -> BlindLook:
    return evaluate_blind(
        ruleset(*rules), "main", "bybit", memory or RulesMemory(), UNSEEN, AT + seconds(after)
    )


def seen(
    *rules: Rule, missing: bool = False, memory: RulesMemory | None = None, after: float = 0.0
) -> RulesMemory:
    return evaluate(
        ruleset(*rules),
        snapshot(BTC),
        portfolio({} if missing else {BTC: 6000.0}, missing={BTC: "no price"} if missing else {}),
        context(),
        memory or RulesMemory(),
        AT + seconds(after),
    ).memory


def test_every_rule_is_unknown_and_keeps_its_episode() -> None:
    firing = seen(CAP, SIZE)
    found = unseen(CAP, SIZE, memory=firing, after=5)
    assert [finding.state for finding in found.findings] == [State.UNKNOWN, State.UNKNOWN]
    assert [one.episode for one in found.findings] == [one.episode for one in firing.standings]
    assert all(one.note.startswith(f"{UNSEEN.reason}; the episode goes on") for one in found.findings)
    assert unseen(CAP, memory=unseen(CAP).memory, after=5).findings[0].note == UNSEEN.reason
    assert [one.target.position for one in found.findings] == [None, BTC]


def test_what_did_not_change_is_the_same_memory() -> None:
    first = unseen(rule(), memory=seen(rule()), after=1)
    again = unseen(rule(), memory=first.memory, after=2)
    assert again.memory is first.memory


def test_rules_on_the_account_begin_unknown_where_they_apply() -> None:
    other = replace(rule("other"), match=Match(account=("x*",)))
    found = unseen(CAP, SIZE, other)
    assert [(one.rule, one.target) for one in found.findings] == [("leverage cap", MAIN)]


def test_what_is_remembered_of_rules_that_are_gone_is_left_alone() -> None:
    firing = seen(CAP, rule("gone"))
    found = unseen(CAP, memory=firing, after=1)
    assert [one.rule for one in found.findings] == ["leverage cap"]
    assert found.memory.standings[1] is firing.standings[1]
    measured = replace(CAP, metric="account.net_leverage")
    assert unseen(measured, memory=firing, after=1).findings == ()


def test_the_action_is_due_after_its_time_and_new_once() -> None:
    memory = seen(CAP)
    calls: list[tuple[BlindCall, ...]] = []
    for after in (1.0, 60.0, 61.0, 90.0):
        found = unseen(CAP, memory=memory, after=after)
        memory = RulesMemory.from_json(found.memory.to_json())
        calls.append(found.blind)
    assert calls[:2] == [(), ()]
    ((first,), (second,)) = calls[2:]
    assert (first.rule, first.target, first.since, first.do) == ("leverage cap", MAIN, AT + seconds(1), DO)
    assert (first.first, second.first, first.reason) == (True, False, UNSEEN.reason)
    assert first.name == second.name
    assert first.episode == memory.standings[0].episode
    assert first.text.startswith(
        "leverage cap: not known for main since 2025-11-21 07:30:01 UTC: the account"
    )


def test_one_symbol_without_data_runs_the_same_clock() -> None:
    blind = seen(CAP, SIZE, missing=True)
    found = evaluate(
        ruleset(CAP, SIZE),
        snapshot(BTC),
        portfolio({}, missing={BTC: "no price"}),
        context(),
        blind,
        AT + seconds(61),
    )
    assert [(one.rule, one.reason) for one in found.blind] == [
        ("leverage cap", "no price"),
        ("size", "no price"),
    ]
    assert [one.first for one in found.blind] == [True, False]
    mixed = unseen(CAP, memory=seen(CAP, missing=True), after=61)
    assert [one.reason for one in mixed.blind] == [UNSEEN.reason]


def test_a_look_that_sees_ends_it_and_the_next_blindness_is_another() -> None:
    first = unseen(CAP, memory=unseen(CAP).memory, after=61)
    back = seen(CAP, memory=first.memory, after=62)
    assert not back.standings[0].blind_told
    again = unseen(CAP, memory=unseen(CAP, memory=back, after=63).memory, after=124)
    assert again.blind[0].first
    assert again.blind[0].name != first.blind[0].name


def test_a_clock_that_was_set_back_counts_anew() -> None:
    blind = unseen(CAP, after=100)
    back = unseen(CAP, memory=blind.memory, after=0)
    assert unseen(CAP, memory=back.memory, after=59).blind == ()
    assert unseen(CAP, memory=back.memory, after=60).blind != ()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 50), st.booleans()), max_size=30))
def test_the_action_is_new_once_in_each_blindness(moments: list[tuple[float, bool]]) -> None:
    memory, after, since, told = RulesMemory(), 0.0, 0.0, False
    blind = False
    for step, sees in moments:
        after += step
        if sees:
            memory, blind, told = seen(CAP, memory=memory, after=after), False, False
            continue
        if not blind:
            blind, since = True, after
        found = unseen(CAP, memory=memory, after=after)
        memory = found.memory
        due = seconds(after) - seconds(since) >= seconds(60)
        assert bool(found.blind) == due
        assert [one.first for one in found.blind] == ([not told] if due else [])
        told = told or due
        assert found.findings[0].target == Target("main")
