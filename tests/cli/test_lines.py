"""Words of entries that a quiet run does not write."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.cli.journal_lines import line, request_text
from bot.cli.output import level, measured, number, percent, price
from bot.cli.plan_view import order_text, proof_text, refusal_text, value_text
from bot.cli.status import hedge_text
from bot.cli.story import tell_body
from bot.journal import controls as c
from bot.journal import records as r
from bot.model import (
    BlindAction,
    CancelRequest,
    Churning,
    ConvertRequest,
    Difference,
    Finding,
    HedgeLink,
    LeverageRequest,
    LimitProof,
    MarginRequest,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    Refusal,
    Request,
    Sense,
    Severity,
    Shelter,
    Side,
    State,
    Step,
    StepKind,
    StopRequest,
    Style,
    Target,
    TransferRequest,
    Unanswered,
    Unknown,
    Verdict,
)
from bot.risk.carrying import HedgeShown

NOW = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
TARGET = Target("main", "BTC/USDT:USDT", "long")
FINDING = Finding(
    rule="cap",
    target=TARGET,
    metric="account.leverage",
    value=Unknown("no equity"),
    limit=5.0,
    goal=4.0,
    sense=Sense.MAX,
    state=State.UNKNOWN,
    severity=Severity.CRITICAL,
    since=NOW,
    episode="cap.main.1",
)


FIRING = c.Firing("cap", TARGET, "account.leverage", 6.0, 5.0, State.FIRING)
PROPOSED = c.Proposed(
    name="p-1",
    rules=("cap",),
    episodes=("cap.main.1",),
    what=("trim BTC", "and more"),
    why=("cap: too much",),
    items=(),
    cost=3.0,
    deadline=NOW,
    then=Unanswered.DROP,
)
CHURNING = Churning("cap", "BTC#long", 3, NOW, NOW)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            r.Clipped(Decimal(3), Decimal(2), "the position shrank"),
            "clipped from 3 to 2: the position shrank",
        ),
        (
            r.Resent(Decimal("0.5"), 2),
            "it never arrived: 0.5 contracts are sent again under the same id, time 2",
        ),
        (
            r.Outside("BTC", "long", Decimal(3), Decimal(1), Decimal("-0.5"), Decimal("-1.5"), ("ADL",)),
            "BTC long: 3 -> 1, others -1.5 (ADL), ours -0.5",
        ),
        (
            r.Outside("BTC", "long", Decimal(0), Decimal(1), Decimal(0), Decimal(0), (), "no execution"),
            "others +0 (no execution), ours +0; no execution",
        ),
        (r.Word(r.Command.HALT, "ann", "news"), "halt by ann: news"),
        (r.Failure("snapshot", Verdict.AUTH, "10003", "key refused"), "snapshot failed: key refused"),
        (r.FindingChanged(FINDING, State.FIRING), "firing -> unknown (account.leverage unknown, limit 5)"),
        (r.Decision("", "", True, (), None), "decided: no plan; nothing fires"),
        (
            r.DifferencesSeen((Difference(TARGET, "liquidation_price", 1.0, 2.0, 0.5),)),
            "main BTC/USDT:USDT long liquidation_price: ours 1.00, venue 2.00",
        ),
        (
            r.Protection("BTC/USDT:USDT", "long", Shelter.UNPROTECTED, None, None, "gone"),
            "BTC/USDT:USDT long: unprotected, stop at - gone",
        ),
        (r.Recovered((), ("x",), (), (), ()), "reconciled: 0 settled, 1 open"),
        (
            r.Blindness(NOW, None, "no answer", Verdict.UNKNOWN),
            "blind since 07:30:00 UTC: no answer",
        ),
        (
            r.Blindness(NOW, NOW, "key refused", Verdict.AUTH),
            "the venue refuses the key, so the owner must act",
        ),
        (
            r.Blindness(NOW, NOW, "no answer", None, NOW + timedelta(seconds=90)),
            "seen again after 90 s; blind since 07:30:00 UTC: no answer",
        ),
        (
            r.BlindRule("cap", TARGET, NOW, "no price", (BlindAction.NOTIFY, BlindAction.HALT)),
            "cap on main BTC/USDT:USDT long cannot be known: no price; if_blind: notify, halt",
        ),
        (r.Stopped("signal SIGTERM"), "stopped: signal SIGTERM"),
        (r.Word(r.Command.APPROVE, "ann", "agreed", "p-1"), "approve p-1 by ann: agreed"),
        (
            c.Preview(True, (FIRING,), (), 12.5, None),
            "at the start: cap on main BTC/USDT:USDT long (firing); 0 steps for about 12.50 USD",
        ),
        (
            c.Preview(False, (), (), 0.0, NOW),
            "0 steps for about 0.00 USD, and disarmed sends none; orders wait until 07:30:00 UTC",
        ),
        (
            PROPOSED,
            "asks for approval of p-1: trim BTC; and more, for about 3.00 USD; until 2025-11-21 07:30:00",
        ),
        (replace(PROPOSED, changed="it grew"), "Instead of the one before: it grew."),
        (c.Answered("p-1", c.Closing.DROPPED, "nobody", "late"), "proposal p-1 dropped by nobody: late"),
        (
            c.Reloaded("SIGHUP", "a" * 64, "b" * 64, ("added: x",), note="restart"),
            "rules reloaded (SIGHUP), aaaaaaaa -> bbbbbbbb: added: x; restart",
        ),
        (c.Reloaded("SIGHUP", "a" * 64, "a" * 64), "aaaaaaaa -> aaaaaaaa: as before"),
        (
            c.Reloaded("r.yaml changed", "a", "", mistakes=("r.yaml:1:1: no",)),
            "rules not reloaded (r.yaml changed), the old ones run on: r.yaml:1:1: no",
        ),
        (
            c.EpisodeEnded("cap.main.1", "cap", TARGET, "rule_gone"),
            "cap on main BTC/USDT:USDT long: the episode ended, rule gone",
        ),
        (
            c.Churned(CHURNING, True),
            "BTC long was filled up again 3 times after cap trimmed it; it waits until 07:30:00 UTC",
        ),
        (c.Churned(CHURNING, False), "the rule stands between the account and liquidation, and goes on"),
    ],
)
def test_says_in_words(body: object, words: str) -> None:
    assert words in line(body)


def test_a_story_tells_what_is_not_plain_sailing() -> None:
    ((label, text),) = tell_body(r.FindingChanged(FINDING, None))
    assert (label, text) == (
        "rule",
        "cap on main BTC/USDT:USDT long new -> unknown: account.leverage is unknown (no equity)",
    )
    pending = replace(FINDING, value=6.0, state=State.PENDING, note="mark is apart")
    ((_, text),) = tell_body(r.FindingChanged(pending, State.INACTIVE))
    assert text.endswith("inactive -> pending: account.leverage is 6.00; mark is apart")
    assert tell_body(r.Word(r.Command.HALT, "ann", "news"))[0][0] == "operator"
    unknown = r.Progress(state=r.IntentState.UNKNOWN, evidence="no answer")
    assert tell_body(unknown) == [("so far", "unknown: no answer")]
    assert tell_body(r.Stopped("x")) == [("", "stopped: x")]


def test_cancels_and_refusals_have_words() -> None:
    cancel = CancelRequest("reefx", "BTC/USDT:USDT", "42", False)
    assert order_text(cancel) == "cancel order 42 on BTC/USDT:USDT"
    assert refusal_text(Refusal("", "stop", "stale_data", "too old")) == "refused: protection, stop: too old"


def test_a_proof_says_where_it_is_at_expected_prices() -> None:
    proof = LimitProof("cap", "account.leverage", "main", "max", 6.2, 5.0, 4.0, 3.95, met=True)
    assert proof_text(proof) == "account.leverage 6.20 -> 3.95 (fires > 5, goal 4: met)"
    likely = proof_text(replace(proof, met=False, expected=True))
    assert likely == "account.leverage 6.20 -> 3.95 at expected prices (fires > 5, goal 4: not met yet)"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (price(Decimal("97783.2")), "97,783.20"),
        (price(2.5), "2.5000"),
        (price(0.00012), "0.000120"),
        (price(Unknown("x")), "unknown"),
        (level(97783.2), "97,783"),
        (level(3465), "3,465.0"),
        (level(180), "180.00"),
        (level(0.5), "0.500000"),
        (level(None), "-"),
        (number("text"), "text"),
        (percent(Unknown("x")), "unknown"),
        (measured("usd", 1.5), "1.50 USD"),
        (measured("usd", Unknown("x")), "unknown"),
        (value_text("account.leverage", Unknown("no equity")), "unknown (no equity)"),
    ],
)
def test_figures_are_written_for_people(shown: str, text: str) -> None:
    assert shown == text


def test_what_the_venue_listed_has_words() -> None:
    order = Order(
        order_id="42",
        client_order_id="reefx",
        symbol="BTC/USDT:USDT",
        side=OrderSide.SELL,
        kind=OrderKind.LIMIT,
        price=Decimal(90_000),
        trigger_price=None,
        trigger_by="",
        contracts=Decimal(1),
        filled=Decimal(0),
        reduce_only=True,
        attached=False,
        position_index=0,
        created_at=NOW,
    )
    assert line(r.Adopted(order, "found")) == "adopted order 42 on BTC/USDT:USDT: found"
    disagreed = r.Verification(
        symbol="BTC/USDT:USDT",
        side="long",
        planned=Decimal(1),
        executed=Decimal(1),
        before=Decimal(3),
        after=Decimal(4),
        agrees=False,
        note="it grew",
    )
    assert line(disagreed).endswith("DOES NOT AGREE: it grew")
    assert request_text(CancelRequest("reefx", "BTC/USDT:USDT", "42", False)) == (
        "cancel order 42 on BTC/USDT:USDT"
    )
    assert line(object) == "type"


def test_the_story_tells_of_a_proposal_and_its_answer() -> None:
    rows = tell_body(replace(PROPOSED, changed="it grew"))
    assert rows[:2] == [("asked", "p-1: trim BTC"), ("asked", "p-1: and more")]
    assert rows[-1] == ("changed", "it grew")
    assert tell_body(PROPOSED)[-1][0] == ""
    assert tell_body(c.Answered("p-1", c.Closing.APPROVED, "ann", "agreed"))[0][0] == "answer"
    assert tell_body(c.EpisodeEnded("cap.main.1", "cap", TARGET, "rule_gone"))[0][0] == "rule"


def test_requests_that_trade_nothing() -> None:
    margin = MarginRequest("m", "BTC/USDT:USDT", Side.LONG, 0, Decimal("12.50"), Decimal(5), Decimal(1))
    leverage = LeverageRequest("l", "BTC/USDT:USDT", Decimal("5.0"))
    transfer = TransferRequest("t", "USDT", Decimal(250))
    convert = ConvertRequest(
        "c", "ETH/USDT", "ETH", "USDT", Decimal("1.50"), Decimal("3980.1"), Decimal(4000)
    )
    told: dict[Request, str] = {
        margin: "add 12.50 margin to BTC/USDT:USDT long",
        leverage: "set the leverage of BTC/USDT:USDT to 5",
        transfer: "move 250 USDT into the funding wallet",
        convert: "sell 1.5 ETH for USDT at 3,980.1 or better",
    }
    for request, words in told.items():
        assert request_text(request) == order_text(request) == words
    outcome = r.Outcome(state=r.IntentState.FILLED, evidence="found", filled=Decimal(250))
    assert line(outcome) == "filled, 250 filled: found"


HEDGE = OrderRequest(
    client_order_id="reef0a",
    symbol="BTC/USDT:USDT",
    side=OrderSide.SELL,
    position_side=Side.SHORT,
    position_index=0,
    contracts=Decimal("0.6"),
    style=Style.IOC,
    price=Decimal(49_750),
    opens=True,
)
PARENT = "ETH/USDT:USDT#long"


def test_what_opens_is_told_from_what_reduces() -> None:
    assert request_text(HEDGE) == "sell 0.6 BTC/USDT:USDT at 49,750.00 or better, ioc, may open"
    unwinding = replace(HEDGE, side=OrderSide.BUY, opens=False)
    assert request_text(unwinding).endswith("ioc, reduce-only")
    stop = StopRequest("reefs", "BTC/USDT:USDT", Side.SHORT, 0, Decimal(55_000), Decimal(43_000))
    assert request_text(stop) == "stop for BTC/USDT:USDT short at mark 55,000.00, in gain at 43,000.00"


def test_an_order_of_a_hedge_names_its_parent() -> None:
    link = HedgeLink(PARENT, Decimal(40), Decimal(0), 0.1)
    step = Step(StepKind.HEDGE, "shock", "shock.1", 0, HEDGE, 30_000.0, 50.0, "why", link)
    (order, _) = tell_body(r.Prepared(step, None))
    assert order[1].endswith("ioc, may open; hedge of ETH/USDT:USDT long")


def test_what_becomes_of_a_hedge_is_told() -> None:
    body = r.HedgeChanged(
        "BTC/USDT:USDT", "short", PARENT, "shock", "shock.1", Decimal(1), Decimal(0), True, "closed"
    )
    words = "hedge BTC/USDT:USDT short of ETH/USDT:USDT long, by shock: 1 -> 0; closed"
    assert line(body) == words
    assert tell_body(body) == [("hedge", words)]
    found = r.Recovered((), (), (), (), (), (), ("BTC/USDT:USDT#short",))
    assert line(found).endswith("0 stops without position, 1 hedges without parent")


def test_status_names_a_hedge_its_parent_and_its_funding() -> None:
    shown = HedgeShown(
        "BTC/USDT:USDT#short", PARENT, "shock", "shock.1", Decimal("0.6"), Decimal(0), 30_000.0, 9.0, False
    )
    assert hedge_text(shown) == (
        "hedge BTC/USDT:USDT short 0.6 (30,000 USD) of ETH/USDT:USDT long, by shock: funding 9.00 USD a day"
    )
    assert "and 0.2 that may be filled" in hedge_text(replace(shown, pending=Decimal("0.2")))
    assert hedge_text(replace(shown, orphan=True)).endswith(
        "WITHOUT PARENT: ETH/USDT:USDT long is gone; it is closed"
    )
