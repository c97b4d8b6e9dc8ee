"""Rules met with snapshots: targets, findings, demands, memory, ends of episodes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Action, MarginMode, Number, Scenario, Sense, Severity, State, Unknown
from bot.risk.metrics import MetricContext, measure
from bot.risk.portfolio import Portfolio
from bot.rules import (
    EndReason,
    Evaluation,
    Match,
    MemoryUnreadableError,
    Rule,
    RulesMemory,
    evaluate,
)
from tests.rules.build import AT, BTC, MAIN, context, portfolio, rule, ruleset, seconds, snapshot

ETH = "ETH/USDT:USDT#short"
SOL = "SOL/USDT:USDT#long"
ROOM = rule("size", "position.equity_share", 2.0, 1.0)


def look(
    *rules: Rule,
    notionals: dict[str, float] | None = None,
    equity: Number = 1000.0,
    memory: RulesMemory | None = None,
    after: float = 0.0,
    missing: dict[str, str] | None = None,
    modes: dict[str, MarginMode] | None = None,
    drawdown: float = 0.0,
) -> Evaluation:
    given_notionals = notionals or {}
    keys = [*given_notionals, *(missing or {})]
    return evaluate(
        ruleset(*rules),
        snapshot(*keys, modes=modes),
        portfolio(given_notionals, equity, missing),
        context(1.0 - drawdown),
        memory or RulesMemory(),
        AT + seconds(after),
    )


def told(found: Evaluation) -> list[tuple[str, str, State]]:
    return [(finding.rule, finding.target.text, finding.state) for finding in found.findings]


def test_an_account_rule_fires_and_demands() -> None:
    found = look(rule(), notionals={BTC: 6000.0})
    (finding,) = found.findings
    assert (finding.target, finding.value, finding.state) == (MAIN, 6.0, State.FIRING)
    assert (finding.limit, finding.goal, finding.sense, finding.severity) == (
        5,
        4,
        Sense.MAX,
        Severity.CRITICAL,
    )
    assert (finding.metric, finding.since, finding.note) == ("account.leverage", AT, "")
    (demand,) = found.demands
    assert (demand.episode, demand.value, demand.limit, demand.goal) == (finding.episode, 6.0, 5.0, 4.0)
    assert demand.permits == (Action.CANCEL_ORDERS, Action.TRIM)
    assert (demand.acting_since, demand.drawdown_budget, demand.target) == (AT, 0.0, MAIN)


def test_a_position_rule_looks_at_every_position_in_the_order_of_their_keys() -> None:
    found = look(ROOM, rule(), notionals={SOL: 500.0, BTC: 3000.0, ETH: 500.0})
    assert told(found) == [
        ("size", "main BTC/USDT:USDT long", State.FIRING),
        ("size", "main ETH/USDT:USDT short", State.INACTIVE),
        ("size", "main SOL/USDT:USDT long", State.INACTIVE),
        ("leverage cap", "main", State.INACTIVE),
    ]
    assert [demand.target.position for demand in found.demands] == [BTC]


@pytest.mark.parametrize(
    ("match", "keys"),
    [
        (Match(), {BTC, ETH, SOL}),
        (Match(account=("m*",), venue=("by*",)), {BTC, ETH, SOL}),
        (Match(account=("other",)), set()),
        (Match(venue=("okx", "binance")), set()),
        (Match(symbol=("BTC/USDT:USDT",)), {BTC}),
        (Match(symbol=("*/USDC:USDC", "S*")), {SOL}),
        (Match(side=("short",)), {ETH}),
        (Match(margin_mode=("isolated",)), {SOL}),
        (Match(side=("long",), margin_mode=("cross",)), {BTC}),
    ],
)
def test_match_chooses_the_targets(match: Match, keys: set[str]) -> None:
    sized = replace(ROOM, match=match)
    modes = {SOL: MarginMode.ISOLATED}
    found = look(sized, notionals=dict.fromkeys((BTC, ETH, SOL), 1.0), modes=modes)
    assert {finding.target.position for finding in found.findings} == keys


def test_an_account_rule_that_does_not_match_says_nothing() -> None:
    assert look(rule(match=Match(account=("x*",))), notionals={BTC: 9000.0}).findings == ()


def test_an_unreadable_position_is_unknown_and_never_gone() -> None:
    firing = look(ROOM, notionals={BTC: 3000.0})
    found = look(ROOM, missing={BTC: "no mark price"}, memory=firing.memory, after=1)
    (finding,) = found.findings
    assert finding.state is State.UNKNOWN
    assert isinstance(finding.value, Unknown)
    assert finding.note == "no mark price; the episode goes on and does nothing until the data are back"
    assert finding.episode == firing.findings[0].episode
    assert found.demands == ()
    assert found.ended == ()
    back = look(ROOM, notionals={BTC: 3000.0}, memory=found.memory, after=2)
    assert back.demands[0].acting_since == AT
    assert back.demands[0].episode == finding.episode


def test_an_unknown_equity_is_told_with_its_reason() -> None:
    (finding,) = look(rule(), notionals={BTC: 1.0}, equity=Unknown("no equity")).findings
    assert (finding.state, finding.note, finding.episode) == (State.UNKNOWN, "no equity", "")


def test_not_a_number_is_unknown() -> None:
    (finding,) = look(rule("money", "account.equity", 1.0, 2.0), equity=float("nan")).findings
    assert finding.state is State.UNKNOWN
    assert finding.note == "account.equity is not a number"


def test_an_episode_ends_where_the_goal_is_reached() -> None:
    first = look(rule(cooldown=30), notionals={BTC: 6000.0})
    second = look(rule(cooldown=30), notionals={BTC: 4500.0}, memory=first.memory, after=1)
    assert second.findings[0].state is State.RESTORING
    assert second.demands[0].value == 4.5
    third = look(rule(cooldown=30), notionals={BTC: 4000.0}, memory=second.memory, after=2)
    assert third.demands == ()
    (ended,) = third.ended
    assert (ended.episode, ended.rule, ended.target) == (first.findings[0].episode, "leverage cap", MAIN)
    assert ended.reason is EndReason.RESTORED
    assert (third.findings[0].state, third.findings[0].episode) == (State.COOLING, "")
    again = look(rule(cooldown=30), notionals={BTC: 6000.0}, memory=third.memory, after=3)
    assert again.findings[0].note == "past the limit again, waits for the end of the cooldown"
    calm = look(rule(cooldown=30), notionals={BTC: 4000.0}, memory=again.memory, after=4)
    assert calm.findings[0].note == ""


@pytest.mark.parametrize(
    ("after", "keys", "reason"),
    [
        (ROOM, set(), EndReason.POSITION_GONE),
        (replace(ROOM, match=Match(side=("short",))), {BTC}, EndReason.NOT_MATCHED),
        (replace(ROOM, metric="position.leverage", limit=9.0), {BTC}, EndReason.RULE_GONE),
        (replace(ROOM, name="other", limit=9.0), {BTC}, EndReason.RULE_GONE),
    ],
)
def test_why_an_episode_ends_that_is_not_restored(after: Rule, keys: set[str], reason: EndReason) -> None:
    firing = look(ROOM, notionals={BTC: 3000.0})
    found = look(after, notionals=dict.fromkeys(keys, 3000.0), memory=firing.memory, after=1)
    assert [(one.episode, one.reason) for one in found.ended] == [(firing.findings[0].episode, reason)]
    assert found.demands == ()
    assert len(found.memory.standings) == len(found.findings)
    gone = "rule 'size' is gone: what was remembered of it on 1 target(s) is dropped"
    assert found.notes == ((gone,) if after.name == "other" else ())


def test_what_is_gone_without_an_episode_ends_nothing() -> None:
    calm = look(ROOM, notionals={BTC: 1.0, ETH: 1.0})
    found = look(notionals={BTC: 1.0}, memory=calm.memory, after=1)
    assert found.ended == ()
    assert found.notes == ("rule 'size' is gone: what was remembered of it on 2 target(s) is dropped",)
    assert found.memory == RulesMemory()


def test_nothing_new_gives_the_same_memory() -> None:
    first = look(ROOM, rule(), notionals={BTC: 3000.0, ETH: 1.0})
    second = look(ROOM, rule(), notionals={BTC: 3100.0, ETH: 2.0}, memory=first.memory, after=60)
    assert second.memory is first.memory
    third = look(ROOM, rule(), notionals={BTC: 3000.0}, memory=second.memory, after=61)
    assert third.memory is not first.memory


def test_a_position_between_two_others_takes_nothing_from_what_is_remembered_of_them() -> None:
    first = look(ROOM, rule(), notionals={BTC: 3000.0, SOL: 3000.0})
    more = look(ROOM, rule(), notionals={BTC: 3000.0, ETH: 3000.0, SOL: 3000.0}, memory=first.memory, after=1)
    btc, eth, sol, account = more.memory.standings
    assert (btc, sol, account) == first.memory.standings
    assert (eth.target.position, eth.since) == (ETH, AT + seconds(1))
    assert more.ended == ()
    fewer = look(ROOM, rule(), notionals={BTC: 3000.0, SOL: 3000.0}, memory=more.memory, after=2)
    assert fewer.memory.standings == first.memory.standings
    assert [one.episode for one in fewer.ended] == [eth.episode]


def test_the_memory_of_another_account_is_refused() -> None:
    foreign = evaluate(
        ruleset(rule()), snapshot(account="other"), portfolio({}), context(), RulesMemory(), AT
    )
    with pytest.raises(MemoryUnreadableError, match="of account 'other', not of 'main'"):
        look(rule(), memory=foreign.memory)


def test_memory_survives_json() -> None:
    first = look(ROOM, rule(hold=5, cooldown=30), notionals={BTC: 6000.0, ETH: 1.0})
    text = first.memory.to_json()
    assert RulesMemory.from_json(text) == first.memory
    assert RulesMemory.from_json(text).to_json() == text
    assert RulesMemory.from_json(RulesMemory().to_json()) == RulesMemory()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"standings": [{"rule": "x"}]}', '{"standings": null}', "\ud800"],
)
def test_memory_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(MemoryUnreadableError, match="cannot be read"):
        RulesMemory.from_json(text)


def test_a_time_without_a_zone_is_refused() -> None:
    text = look(rule(), notionals={BTC: 6000.0}).memory.to_json()
    assert "07:30:00Z" in text
    with pytest.raises(MemoryUnreadableError):
        RulesMemory.from_json(text.replace("07:30:00Z", "07:30:00"))


def test_each_rule_has_its_own_scenarios_and_the_cushion_its_budget() -> None:
    fall, crash = Scenario("fall", {"BTC": -0.1}), Scenario("crash", {"BTC": -0.3})
    found = look(
        rule("fall", "account.stress_loss", 0.5, 0.4, scenarios=(fall,)),
        rule("crash", "account.stress_loss", 0.5, 0.4, scenarios=(crash,)),
        rule("cushion", "account.cushion", 0.25, 0.2, scenarios=(crash,)),
        notionals={BTC: 2000.0},
        drawdown=0.1,
    )
    assert [finding.value for finding in found.findings] == pytest.approx([0.2, 0.6, 1 - 0.9 * 0.4])
    assert [(demand.rule, demand.drawdown_budget) for demand in found.demands] == [
        ("crash", 0.0),
        ("cushion", 0.2),
    ]
    assert found.demands[0].scenarios == (crash,)


def test_each_metric_is_measured_once_for_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str | None, int]] = []

    def counted(name: str, book: Portfolio, terms: MetricContext, key: str | None = None) -> Number:
        calls.append((name, key, len(terms.scenarios)))
        return measure(name, book, terms, key)

    monkeypatch.setattr("bot.rules.gauge.measure", counted)
    fall = Scenario("fall", {"BTC": -0.1})
    look(
        *(rule(f"cap {number}", limit=number + 1.0, goal=0.5) for number in range(3)),
        *(replace(ROOM, name=f"size {number}") for number in range(3)),
        *(rule(f"fall {n}", "account.stress_loss", 0.5, 0.4, scenarios=(fall,)) for n in range(2)),
        rule("both", "account.stress_loss", 0.5, 0.4, scenarios=(fall, fall)),
        notionals={BTC: 1.0, ETH: 1.0},
    )
    assert sorted(calls, key=str) == sorted(
        [
            ("account.leverage", None, 0),
            ("position.equity_share", BTC, 0),
            ("position.equity_share", ETH, 0),
            ("account.stress_loss", None, 1),
            ("account.stress_loss", None, 2),
        ],
        key=str,
    )


MOMENTS = st.lists(
    st.tuples(
        st.floats(0.001, 20),
        st.dictionaries(st.sampled_from([BTC, ETH, SOL]), st.floats(1.0, 4000.0), max_size=3),
        st.sets(st.sampled_from([BTC, ETH, SOL]), max_size=1),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(MOMENTS)
def test_what_always_holds(moments: list[tuple[float, dict[str, float], set[str], bool]]) -> None:
    rules = (replace(ROOM, hold=seconds(3), cooldown=seconds(10)), rule(limit=3.0, goal=2.0))
    memory = RulesMemory()
    running: set[str] = set()
    seen: set[str] = set()
    after = 0.0
    for step, notionals, unread, restart in moments:
        after += step
        readable = {key: value for key, value in notionals.items() if key not in unread}
        if restart:
            memory = RulesMemory.from_json(memory.to_json())
        found = look(
            *rules,
            notionals=readable,
            missing=dict.fromkeys(sorted(unread), "gap"),
            memory=memory,
            after=after,
        )
        acting = [one for one in found.findings if one.state in {State.FIRING, State.RESTORING}]
        assert [one.episode for one in found.demands] == [one.episode for one in acting]
        assert len(found.findings) == 1 + len(readable) + len(unread)
        named = {one.episode for one in found.findings if one.episode}
        ended = {one.episode for one in found.ended}
        assert running == (named & running) | ended
        assert not named & ended
        assert not (named - running) & seen
        for one in found.findings:
            if one.state is State.UNKNOWN:
                assert (one.episode in running) == bool(one.episode)
            if one.target.position in unread:
                assert one.state is State.UNKNOWN
        seen |= named
        running = named
        memory = found.memory


def test_twenty_rules_on_twenty_positions_are_quick() -> None:
    keys = [f"C{number:02}/USDT:USDT#long" for number in range(20)]
    rules = [replace(ROOM, name=f"size {number}", limit=number + 1.0) for number in range(20)]
    memory = RulesMemory()
    spent = []
    for turn in range(30):
        book = dict.fromkeys(keys, 1.0 + turn)
        seen, numbers, more = snapshot(*keys), portfolio(book), context()
        begun = time.perf_counter()
        memory = evaluate(ruleset(*rules), seen, numbers, more, memory, AT + seconds(turn)).memory
        spent.append(time.perf_counter() - begun)
    assert min(spent) < 0.02
