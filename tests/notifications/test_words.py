"""What each entry is told as, word for word where it matters."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from bot.journal import Draft, open_journal
from bot.journal import records as r
from bot.journal.told import Silenced
from bot.model import (
    BlindAction,
    CancelRequest,
    Difference,
    LimitProof,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    Plan,
    Refusal,
    Severity,
    Shelter,
    Side,
    State,
    Step,
    StepKind,
    StopRequest,
    Style,
    Target,
    Unknown,
    Verdict,
)
from bot.notifications.notice import Notice, Phase
from bot.notifications.reading import WORDS, read_news
from bot.notifications.sources import Standing
from bot.tellers import gauge
from tests.notifications.support import BLIND, BTC, EPISODE, START, finding, fired, restored, started

ARMED = Standing(armed=True)
SELL = OrderRequest(
    "reef1", BTC, OrderSide.SELL, Side.LONG, 0, Decimal("0.50"), Style.IOC, Decimal("89500.5")
)
STOP = StopRequest("reef2", BTC, Side.LONG, 0, Decimal(85_000))
CANCEL = CancelRequest("reef3", BTC, "42", False)
PROOF = LimitProof("leverage cap", "account.leverage", "main", "max", 6.2, 5.0, 4.0, 3.95, True)


def step(kind: StepKind, request: object) -> Step:
    return Step(kind, "leverage cap", EPISODE, 0, request, 45000.0, 25.0, "leverage 6.2 over 5")  # type: ignore[arg-type]


def told(
    folder: Path,
    *bodies: r.Record,
    standing: Standing = ARMED,
    account: str = "main",
    prepared: Step | None = None,
) -> list[Notice]:
    """Word entries of one episode and intent."""
    with open_journal(folder / f"words{len(list(folder.iterdir()))}.sqlite") as journal:
        first: list[r.Record] = [] if prepared is None else [r.Prepared(prepared, None)]
        at = START
        for body in (*first, *bodies):
            intent = "reef1" if prepared is not None else ""
            journal.append((Draft(at, account, body, EPISODE, intent),))
            at += timedelta(seconds=10)
        return list(read_news(journal, 0, standing, gauge()).notices)


def outcome(state: r.IntentState = r.IntentState.FILLED, filled: str = "0.5", **more: object) -> r.Outcome:
    return r.Outcome(
        state=state,
        evidence="the venue lists it",
        filled=Decimal(filled),
        average_price=Decimal("89480"),
        fee=Decimal("24.61"),
        notional=Decimal("44740"),
        loss=Decimal("310.5"),
        **more,  # type: ignore[arg-type]
    )


def decided(
    *steps: Step, armed: bool = True, refusals: tuple[Refusal, ...] = (), halt: str = ""
) -> r.Decision:
    plan = Plan("main", START, steps, refusals, (PROOF,), halt)
    return r.Decision("", "", armed, (finding(),), plan)


def test_every_kind_of_record_is_told_or_left_out_on_purpose() -> None:
    left_out = {
        r.Kind.PREPARED,
        r.Kind.CLIPPED,
        r.Kind.SUBMITTED,
        r.Kind.RESENT,
        r.Kind.NOTIFIED,
        r.Kind.PRUNED,
    }
    assert {r.KINDS[body] for body in WORDS} == set(r.Kind) - left_out


def test_a_firing_says_what_is_measured_and_what_comes_next(tmp_path: Path) -> None:
    (one,) = told(tmp_path, fired(symbol=BTC))
    assert one.subject == f"main: leverage cap fires on {BTC} long"
    assert one.body == (
        "account.leverage is 6.20; fires over 5, goal 4.\n"
        "Next: what the rule permits, until it is back at 4.\n"
        f"`reef explain {EPISODE}` tells the whole of it."
    )
    assert (one.severity, one.phase, one.rule) == (Severity.CRITICAL, Phase.BEGINS, "leverage cap")


def test_a_firing_of_a_disarmed_guard_says_so(tmp_path: Path) -> None:
    (one,) = told(tmp_path, fired(), standing=Standing())
    assert "Reef is disarmed: it plans, and sends nothing." in one.body


def test_what_only_moves_within_an_episode_is_not_told(tmp_path: Path) -> None:
    for state in (State.PENDING, State.RESTORING):
        assert told(tmp_path, r.FindingChanged(finding(state), State.FIRING)) == []


def test_a_restored_rule_sums_up_what_it_cost(tmp_path: Path) -> None:
    notices = told(tmp_path, outcome(), restored(), prepared=step(StepKind.TRIM, SELL))
    one = notices[-1]
    assert one.subject == "main: leverage cap is restored"
    assert (
        "It took 20 s. 1 order filled: 44,740 USD traded, fees 24.61 USD, realised loss and cost 310.50 USD."
        in (one.body)
    )


def test_percentages_and_money_are_written_as_such(tmp_path: Path) -> None:
    share = structs.replace(finding(), metric="account.drawdown", value=0.2512, limit=0.25, goal=0.2)
    (one,) = told(tmp_path, r.FindingChanged(share, State.INACTIVE))
    assert "account.drawdown is 25.12 %; fires over 25 %, goal 20 %." in one.body
    usd = structs.replace(finding(), metric="account.equity", value=900.0, limit=1000.0, goal=1100.0)
    (one,) = told(tmp_path, r.FindingChanged(usd, None))
    assert "account.equity is 900.00 USD; fires over 1,000 USD" in one.body


def test_a_rule_that_cannot_be_known_is_told_and_again_when_it_can(tmp_path: Path) -> None:
    unknown = structs.replace(finding(State.UNKNOWN), value=Unknown("no price"))
    known = r.FindingChanged(finding(State.FIRING), State.UNKNOWN)
    one, end, fires = told(tmp_path, r.FindingChanged(unknown, State.FIRING), known)
    assert one.subject == "main: leverage cap cannot be known"
    assert "account.leverage is unknown (no price)" in one.body
    assert "Its episode goes on" in one.body
    assert one.severity is Severity.WARNING
    assert (end.subject, end.key, end.phase) == ("main: leverage cap is known again", one.key, Phase.ENDS)
    assert fires.phase is Phase.BEGINS


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ((BlindAction.NOTIFY,), "Nothing else is done about it."),
        ((BlindAction.NOTIFY, BlindAction.PROTECT), "The rule asks for protect as well."),
    ],
)
def test_if_blind_is_told_where_it_asks_for_telling(
    tmp_path: Path, do: tuple[BlindAction, ...], words: str
) -> None:
    (one,) = told(tmp_path, r.BlindRule("cap", Target("main"), START, "no price", do))
    assert (one.subject, one.severity) == ("main: cap has been blind for too long", Severity.CRITICAL)
    assert words in one.body


def test_if_blind_that_does_not_ask_for_telling_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, r.BlindRule("cap", Target("main"), START, "x", (BlindAction.HALT,))) == []


def test_the_first_plan_of_an_episode_is_told_and_no_other(tmp_path: Path) -> None:
    sell, stop = step(StepKind.TRIM, SELL), step(StepKind.PROTECT, STOP)
    many = [step(StepKind.CANCEL, CANCEL)] * 9
    notices = told(tmp_path, decided(sell, stop), decided(sell), decided(*many))
    (one,) = notices
    assert one.subject == "main: leverage cap: 1 step planned"
    assert one.body == (
        f"- trim {BTC}: sell 0.5 at 89,500.5 or better\n"
        "About 45,000 USD, estimated cost 25.00 USD.\n"
        "account.leverage: 6.20 -> 3.95.\n"
        "Next: it is sent, and what becomes of it is told."
    )
    assert one.severity is Severity.CRITICAL


def test_a_plan_at_expected_prices_says_so(tmp_path: Path) -> None:
    body = decided(step(StepKind.TRIM, SELL))
    assert body.plan is not None
    likely = structs.replace(PROOF, met=False, expected=True)
    (one,) = told(tmp_path, structs.replace(body, plan=structs.replace(body.plan, proofs=(likely,))))
    assert "account.leverage: 6.20 -> 3.95 at expected prices, not yet at its goal.\n" in one.body


def test_a_long_plan_of_a_disarmed_guard(tmp_path: Path) -> None:
    (one,) = told(tmp_path, decided(*[step(StepKind.CANCEL, CANCEL)] * 9, armed=False, halt="drawdown"))
    assert "and 1 more steps" in one.body
    assert "Disarmed: nothing of it is sent." in one.body
    assert "Then the account is halted: drawdown" in one.body


def test_a_refusal_is_told_with_its_reason(tmp_path: Path) -> None:
    refusal = Refusal("leverage cap", f"{BTC}#long", "cap_loss", "the day's loss is used up")
    bare = Refusal("", "stop", "owners_stop", "yours stands there")
    one, other = told(tmp_path, decided(refusals=(refusal, bare)))
    assert one.subject == f"main: leverage cap: not done for {BTC} long"
    assert "the day's loss is used up (cap_loss)" in one.body
    assert (one.symbol, one.severity) == (BTC, Severity.CRITICAL)
    assert (other.subject, other.severity) == ("main: protection: not done for stop", Severity.WARNING)


def test_a_decision_without_a_plan_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, r.Decision("", "", True, (), None)) == []


def test_an_order_that_is_filled_says_what_it_cost(tmp_path: Path) -> None:
    (one,) = told(tmp_path, outcome(), prepared=step(StepKind.TRIM, SELL))
    assert one.subject == f"main: trim {BTC}: sold 0.5 of 0.5 at 89,480"
    assert one.body == (
        "Rule leverage cap: leverage 6.2 over 5\n"
        "44,740 USD traded, fee 24.61 USD, realised loss and cost 310.50 USD.\n"
        "Next: the next look at the account shows what is still to be done."
    )
    assert one.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (r.IntentState.CANCELLED, Severity.INFO),
        (r.IntentState.REJECTED, Severity.WARNING),
        (r.IntentState.ABANDONED, Severity.WARNING),
    ],
)
def test_an_order_that_did_nothing(tmp_path: Path, state: r.IntentState, severity: Severity) -> None:
    body = outcome(state, "0", code="170131")
    (one,) = told(tmp_path, body, prepared=step(StepKind.TRIM, structs.replace(SELL, side=OrderSide.BUY)))
    assert one.subject == f"main: trim {BTC}: nothing bought of 0.5: {state.value}"
    assert "the venue lists it 170131" in one.body
    assert one.severity is severity


def test_cancels_are_told(tmp_path: Path) -> None:
    (one,) = told(tmp_path, outcome(filled="0"), prepared=step(StepKind.CANCEL, CANCEL))
    assert (one.subject, one.severity) == (f"main: order 42 on {BTC} is cancelled", Severity.INFO)
    (one,) = told(tmp_path, outcome(r.IntentState.REJECTED, "0"), prepared=step(StepKind.CANCEL, CANCEL))
    assert (one.subject, one.severity) == (
        f"main: order 42 on {BTC} could not be cancelled",
        Severity.WARNING,
    )


def test_a_stop_is_told_only_where_it_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, outcome(filled="0"), prepared=step(StepKind.PROTECT, STOP)) == []
    (one,) = told(tmp_path, outcome(r.IntentState.REJECTED, "0"), prepared=step(StepKind.PROTECT, STOP))
    assert one.subject == f"main: the stop for {BTC} long at 85,000 was refused"


def test_the_end_of_what_the_journal_had_adopted(tmp_path: Path) -> None:
    (one,) = told(tmp_path, outcome())
    assert one.subject == "main: an order that the journal did not prepare: filled"


def test_an_order_of_which_nobody_knows(tmp_path: Path) -> None:
    unknown = r.Progress(state=r.IntentState.UNKNOWN, evidence="no answer")
    accepted = r.Progress(state=r.IntentState.ACCEPTED, evidence="acknowledged")
    (one,) = told(tmp_path, unknown, accepted, prepared=step(StepKind.TRIM, SELL))
    assert one.subject == f"main: trim {BTC}: nobody knows yet what became of it"
    assert "`reef abandon reef1`" in one.body


def test_a_position_that_did_not_change_as_it_should(tmp_path: Path) -> None:
    body = r.Verification(BTC, "long", Decimal(1), Decimal(1), Decimal(3), Decimal(4), False, "it grew")
    (one,) = told(tmp_path, body, structs.replace(body, agrees=True))
    assert "3 -> 4, executed 1 of 1 planned. it grew" in one.body


def test_protection_is_an_alarm_only_where_stops_are_placed(tmp_path: Path) -> None:
    bare = r.Protection(BTC, "long", Shelter.UNPROTECTED, None, None, "no stop rests at the venue")
    safe = r.Protection(BTC, "long", Shelter.VERIFIED, Decimal(85_000), Decimal(85_000))
    one, end = told(tmp_path, bare, safe)
    assert (one.subject, one.severity) == (f"main: {BTC} long is unprotected", Severity.CRITICAL)
    assert (end.body, end.key) == ("A stop rests at 85,000.", one.key)
    (one,) = told(tmp_path, bare, standing=Standing())
    assert one.severity is Severity.WARNING


def test_blindness_says_who_must_act(tmp_path: Path) -> None:
    refused = structs.replace(BLIND, verdict=Verdict.AUTH)
    ended = structs.replace(BLIND, ended=START + timedelta(minutes=3))
    one, other, end = told(tmp_path, BLIND, refused, ended)
    assert (one.subject, one.severity) == ("main: is blind", Severity.CRITICAL)
    assert "only you can mend" not in one.body
    assert "only you can mend that" in other.body
    assert end.body == "It was blind for 3 min, since 2025-11-21 07:30:00 UTC."


@pytest.mark.parametrize(
    ("kinds", "severity"),
    [(("trade",), Severity.WARNING), ((), Severity.WARNING), (("ADL",), Severity.CRITICAL)],
)
def test_what_others_did(tmp_path: Path, kinds: tuple[str, ...], severity: Severity) -> None:
    body = r.Outside(BTC, "long", Decimal(3), Decimal(1), Decimal(0), Decimal(-2), kinds)
    (one,) = told(tmp_path, body)
    assert one.severity is severity
    assert "3 -> 1 contracts; others -2, the guard +0." in one.body


def test_figures_that_are_apart(tmp_path: Path) -> None:
    body = r.DifferencesSeen((Difference(Target("main", BTC, "long"), "liquidation_price", 1.0, 2.0, 0.5),))
    (one,) = told(tmp_path, body)
    assert one.subject == f"main: liquidation price of {BTC} is not the venue's"
    assert "Recomputed 1.00, the venue says 2.00 (50.0 % apart)." in one.body


def test_an_order_that_the_journal_did_not_know(tmp_path: Path) -> None:
    order = Order(
        "42", "reefx", BTC, OrderSide.SELL, OrderKind.LIMIT, Decimal(1), None, "", Decimal(1), Decimal(0),
        True, False, 0, START,
    )  # fmt: skip
    (one,) = told(tmp_path, r.Adopted(order, "found", followed=True))
    assert one.body == "found\nNext: it is followed until it ends."


def test_what_start_up_could_not_settle(tmp_path: Path) -> None:
    (one,) = told(
        tmp_path, r.Recovered((), (), (), (), ()), r.Recovered((), ("reef9",), (), (), ("7",), ("no answer",))
    )
    assert "Orders of which nobody knows yet: reef9." in one.body
    assert "Stops without a position: 7." in one.body


@pytest.mark.parametrize(
    ("verdict", "severity"), [(Verdict.UNKNOWN, Severity.WARNING), (Verdict.AUTH, Severity.CRITICAL)]
)
def test_failures(tmp_path: Path, verdict: Verdict, severity: Severity) -> None:
    (one,) = told(tmp_path, r.Failure("positions", verdict, "10003", "the key is refused"))
    assert (one.subject, one.severity) == ("main: positions failed (10003)", severity)


@pytest.mark.parametrize(
    ("command", "who", "account", "subject", "severity"),
    [
        (r.Command.HALT, "ann", "main", "main: halted by ann", Severity.WARNING),
        (r.Command.HALT, "ann", "", "all accounts halted by ann", Severity.WARNING),
        (r.Command.HALT, "the rules", "main", "main: halted by the rules", Severity.CRITICAL),
        (r.Command.RESUME, "ann", "main", "main: resumed by ann", Severity.WARNING),
        (r.Command.ABANDON, "ann", "main", "main: intent  given up by ann", Severity.WARNING),
    ],
)
def test_words_of_operators_and_rules(
    tmp_path: Path, command: r.Command, who: str, account: str, subject: str, severity: Severity
) -> None:
    (one,) = told(tmp_path, r.Word(command, who, "news"), account=account)
    assert (one.subject, one.severity) == (subject, severity)
    assert "Why: news" in one.body


def test_silences_are_told(tmp_path: Path) -> None:
    body = Silenced("cap", START + timedelta(hours=1), "ann", "known")
    one, end = told(tmp_path, body, structs.replace(body, rule="", ended=True))
    assert one.subject == "main: notifications of rule cap silenced until 2025-11-21 08:30 UTC"
    assert "Only telling stops" in one.body
    assert end.subject == "main: notifications of main are wanted again"


def test_a_daemon_that_follows_a_crash_says_so(tmp_path: Path) -> None:
    first, second, end, third = told(
        tmp_path, started("observe"), started(), r.Stopped("asked to"), started(), account=""
    )
    assert "plans and sends nothing (mode observe)" in first.body
    assert "crashed" not in first.body
    assert "crashed" in second.body
    assert (second.severity, third.severity) == (Severity.WARNING, Severity.INFO)
    assert "Protective stops stay at the venue." in end.body
