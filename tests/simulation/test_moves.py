"""The judge of margin and money finds what nobody asked for, what was done twice, and what was not told."""

import re
import uuid
from decimal import Decimal
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.journal import open_journal
from bot.journal.records import IntentState, Outcome, Prepared
from bot.model import MarginRequest, Step, StepKind, TransferRequest
from bot.model import Side as PositionSide
from bot.sandbox.engine.clocks import ScaledClock
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.moves import SpotRequest
from bot.sandbox.engine.types import MarginMode, Side
from tests.replay.bench import Bench
from tests.replay.intents import IntentBook, Tracked
from tests.replay.truth import Truth
from tests.sandbox.support import PRICES, START_MS, open_account
from tests.simulation.cast import make_cast
from tests.simulation.moves import Ledger, MoveJudge

BTC, ETH = "BTCUSDT", "ETHUSDT"
ADDED, MOVED = Decimal(500), Decimal(1000)


class Court:
    """A venue with one account, and its judge."""

    def __init__(self, folder: Path) -> None:
        clock = ScaledClock(START_MS, 1.0)
        self.venue = Ledger(clock, ManualFeed(START_MS, PRICES))
        coins = {"ETH": Decimal(2)}
        self.account = open_account(self.venue, margin_mode=MarginMode.ISOLATED, coins=coins).account_id
        self.venue.open_position(self.account, BTC, Side.BUY, Decimal(1), None, Decimal(10))
        self.bench = Bench(SystemClock())
        journal = open_journal(folder / "journal.sqlite")
        truth = Truth(self.venue, self.account)
        self.book = IntentBook(truth, journal, self.bench, alone=True)
        self.judge = MoveJudge(self.account, self.venue, self.book, self.bench.must)

    def asked(self, request: MarginRequest | TransferRequest, kind: StepKind) -> Tracked:
        """Let an intent be prepared."""
        step = Step(kind, "r", "e", 0, request, notional=0.0, cost=0.0, reason="")
        tracked = Tracked(Prepared(step, None), request.amount)
        self.book.intents[request.client_order_id] = tracked
        return tracked

    def margin(self) -> None:
        self.venue.add_isolated_margin(self.account, BTC, ADDED)

    def move(self) -> None:
        self.venue.move_between_wallets(self.account, str(uuid.uuid4()), "USDT", MOVED, "UNIFIED", "FUND")

    @property
    def found(self) -> set[int]:
        """The numbers of what is broken by now."""
        return {int(re.findall(r"invariant (\d+)", one)[0]) for one in self.bench.violations}


@pytest.fixture
def court(tmp_path: Path) -> Court:
    return Court(tmp_path)


def lifting(name: str = "reefa") -> MarginRequest:
    symbol = "BTC/USDT:USDT"
    return MarginRequest(name, symbol, PositionSide.LONG, 0, ADDED, Decimal(10_000), Decimal(1))


def ended(tracked: Tracked, state: IntentState, filled: Decimal = Decimal(0)) -> None:
    tracked.outcome = Outcome(state=state, filled=filled, evidence="told")


def test_what_was_asked_for_and_done_and_told_is_right(court: Court) -> None:
    ended(court.asked(lifting(), StepKind.ADD_MARGIN), IntentState.FILLED)
    ended(court.asked(TransferRequest("reefb", "USDT", MOVED), StepKind.SECURE), IntentState.FILLED, MOVED)
    court.margin()
    court.move()
    court.judge.at_end()
    assert court.bench.violations == []
    assert court.judge.count() == {"margins": 1, "leverages": 0, "transfers": 1, "conversions": 0}


def test_margin_and_money_that_went_twice(court: Court) -> None:
    court.asked(lifting(), StepKind.ADD_MARGIN)
    court.asked(TransferRequest("reefb", "USDT", MOVED), StepKind.SECURE)
    court.margin()
    court.move()
    court.judge.after_cycle()
    assert court.found == set()
    court.margin()
    court.move()
    court.judge.after_cycle()
    assert court.found == {3}
    assert len(court.bench.violations) == 2


def test_a_leverage_that_nobody_asked_for_and_that_rises(court: Court) -> None:
    court.venue.set_leverage(court.account, BTC, Decimal(20))
    court.judge.after_cycle()
    assert court.found == {1, 2}


def test_coins_that_nobody_asked_to_sell(court: Court) -> None:
    sale = SpotRequest(symbol=ETH, side=Side.SELL, qty=Decimal(1), client_id="reefx")
    court.venue.trade_spot(court.account, sale)
    court.judge.after_cycle()
    assert court.found == {2}


@pytest.mark.parametrize("state", [IntentState.FILLED, IntentState.REJECTED])
def test_what_the_journal_tells_otherwise(court: Court, state: IntentState) -> None:
    ended(court.asked(lifting(), StepKind.ADD_MARGIN), state)
    money = court.asked(TransferRequest("reefb", "USDT", MOVED), StepKind.SECURE)
    ended(money, state, MOVED if state is IntentState.FILLED else Decimal(0))
    if state is IntentState.REJECTED:
        court.margin()
        court.move()
    court.judge.at_end()
    assert court.found == {6}
    assert len(court.bench.violations) == 2


def test_every_fifth_cast_has_an_account_that_moves_margin_and_money() -> None:
    roles = [role for seed in range(1, 101) for role in make_cast(seed) if role.rules == "moved"]
    assert len(roles) == 20
    assert {role.margin for role in roles} == {MarginMode.ISOLATED, MarginMode.CROSS}
    assert any(role.coins for role in roles)
    assert any("transfer" not in role.permissions for role in roles)
