"""Drafts for the tests of the journal."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.journal import Draft
from bot.journal.records import (
    Decision,
    IntentState,
    Outcome,
    PositionSeen,
    Prepared,
    Progress,
    Stopped,
)
from bot.model import OrderRequest, OrderSide, Plan, Refusal, Side, Step, StepKind, StopRequest, Style

START = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
BTC = "BTC/USDT:USDT"
EPISODE = "leverage-cap.main.20251121T073000Z"


def prepared(
    name: str,
    *,
    at: datetime = START,
    account: str = "main",
    episode: str = EPISODE,
    number: int = 0,
    kind: StepKind = StepKind.TRIM,
) -> Draft:
    """A prepared intent."""
    request: OrderRequest | StopRequest = OrderRequest(
        name, BTC, OrderSide.SELL, Side.LONG, 0, Decimal("0.5"), Style.IOC, Decimal("89500.5")
    )
    if kind is StepKind.PROTECT:
        request = StopRequest(name, BTC, Side.LONG, 0, Decimal(85000))
    step = Step(kind, "leverage cap", episode, number, request, 45000.0, 25.0, "leverage 6.2 over 5")
    before = PositionSeen(Decimal(1), Decimal(1), Decimal(100000), Decimal(90000), at)
    return Draft(at, account, Prepared(step, before), episode, name)


def outcome(name: str, *, at: datetime = START, account: str = "main", state: str = "filled") -> Draft:
    """An ended intent."""
    body = Outcome(
        state=IntentState(state), evidence="the venue lists it", notional=Decimal(44000), loss=Decimal(70)
    )
    return Draft(at, account, body, EPISODE, name)


def progress(name: str, *, at: datetime = START, account: str = "main") -> Draft:
    """An accepted intent."""
    body = Progress(state=IntentState.ACCEPTED, evidence="acknowledged")
    return Draft(at, account, body, EPISODE, name)


def decision(
    digest: str = "", *, at: datetime = START, rules: str = "", episode: str = EPISODE, account: str = "main"
) -> Draft:
    """A decision that names an episode."""
    steps = (prepared("reef1", episode=episode).body,)
    step = steps[0].step if isinstance(steps[0], Prepared) else None
    plan = Plan(account, at, (step,) if step else (), (Refusal("r", "i", "cap_actions", "why"),), (), "")
    return Draft(at, account, Decision(digest, rules, True, (), plan))


def stopped(reason: str = "asked to", *, minutes: int = 0, account: str = "main") -> Draft:
    """An entry without intent or episode."""
    return Draft(START + timedelta(minutes=minutes), account, Stopped(reason))
