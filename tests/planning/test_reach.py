"""Which limits no trims bring back: for them the closed forms need not be asked."""

from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Demand, Side
from bot.planning.book import Book, open_book
from bot.planning.caps import Allowance
from bot.planning.check import Meter
from bot.planning.drafting import Prices
from bot.planning.hedged import plan_with_hedges
from bot.planning.programme import loop
from bot.planning.programme.reach import all_beyond
from bot.planning.recomputation import state_before
from bot.planning.request import PlanRequest
from bot.planning.settling import settle
from tests.planning.build import demand, position, request, snapshot, target
from tests.planning.hedges import account, hedge, short
from tests.planning.hedges import asked as hedgeable
from tests.planning.portfolios import KINDS, SEED, Kind, portfolio

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
CAP = demand("account.leverage", 1.0)


def beyond(given: PlanRequest, *unmet: Demand) -> bool:
    return all_beyond(unmet, given.demands, open_book(given), Prices(given))


def test_what_the_largest_shares_leave_is_beyond() -> None:
    few = replace(CAP, trim=replace(CAP.trim, max_share=0.4))
    assert beyond(request(snapshot(HELD, 25_000), [few]), few)
    assert not beyond(request(snapshot(HELD, 70_000), [few]), few)
    assert not beyond(request(snapshot(HELD, 25_000), [CAP]), CAP)


def test_a_close_may_take_more_than_a_share() -> None:
    few = replace(CAP, trim=replace(CAP.trim, max_share=0.4), permits=(Action.TRIM, Action.CLOSE))
    assert not beyond(request(snapshot(HELD, 25_000), [few]), few)


def test_a_position_that_may_go_whole_is_not_beyond() -> None:
    share = demand("position.equity_share", 0.01, target=target(BTC))
    assert not beyond(request(snapshot(HELD, 25_000), [share]), share)


def test_what_no_trim_undoes_is_beyond() -> None:
    lost = demand("account.drawdown", 0.1)
    assert beyond(request(snapshot(HELD, 25_000), [lost, CAP]), lost)


def test_a_position_that_is_no_number_counts_for_nothing() -> None:
    given = request(snapshot(HELD, 25_000), [CAP])
    dark = replace(given, portfolio=replace(given.portfolio, holdings=given.portfolio.holdings[:1]))
    assert not beyond(dark, CAP)


def test_hedges_go_with_their_parents() -> None:
    given = hedgeable(account(short("0.6")), CAP, hedges=(hedge(),), unbound=True)
    assert not beyond(given, CAP)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_closed_forms_bring_nothing_back_that_is_beyond(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[Demand, ...], tuple[Demand, ...], PlanRequest]] = []

    def spied(unmet: Any, demands: Any, book: Book, prices: Prices) -> bool:
        found = all_beyond(unmet, demands, book, prices)
        if found:
            asked.append((tuple(unmet), tuple(demands), book.request))
        return found

    monkeypatch.setattr(loop, "all_beyond", spied)
    for seed in range(SEED, SEED + 25):
        plan_with_hedges(portfolio(seed, kind))
    assert asked
    for unmet, demands, given in asked:
        allowance = Allowance(given.caps, given.usage)
        attempt, _ = settle(given, demands, state_before(given), allowance, Prices(given), Meter(given))
        met = attempt.met
        assert not any((one.rule, one.target) in met for one in unmet)
