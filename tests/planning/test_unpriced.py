"""A coin of the wallet that nobody can value: what depends on it is unknown, and stops are placed nearer."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Figure, Position, ProtectionTerms, Side, Snapshot, StopRequest, Target, Unknown
from bot.planning.book import open_book
from bot.planning.check import Meter
from bot.planning.protection import protective_stops
from bot.planning.request import Watch
from bot.planning.sizing import CannotHelp, faces
from bot.risk.context import MetricContext
from bot.risk.definitions import METRICS
from bot.risk.metrics import measure
from bot.risk.shock import shocked
from tests.planning.build import (
    CRASH,
    NO_VENUE_FIGURE,
    NOW,
    context,
    demand,
    opened,
    position,
    request,
    stats_for,
    target,
)
from tests.planning.inverse import ETH, INVERSE, LINEAR, account, held

BESIDE = position(ETH, Side.LONG, "20", "3000")
ALL = ("account.net_leverage", "account.joint_distance", "account.stress_loss", "account.cushion")
DISTANCE = "position.liquidation_distance"


def unpriced(*others: Position, one: Position | None = None, **changes: Any) -> Snapshot:
    """An account whose bitcoin the venue gives no worth."""
    shot = account(*others, one=one)
    worth: dict[str, Figure] = {"BTC": NO_VENUE_FIGURE, "USDT": Decimal(0)}
    return replace(shot, balance=replace(shot.balance, worth=worth), **changes)


def about(shot: Snapshot) -> MetricContext:
    return replace(context(stats=stats_for(sorted(shot.marks))), scenarios=(CRASH,))


def watch(metric: str, where: Target | None = None) -> Watch:
    asked = demand(metric, 0.5, scenarios=(CRASH,))
    return Watch("rule", metric, METRICS[metric].sense, 0.5, 0.5, where or asked.target, asked.scenarios)


@pytest.mark.parametrize("metric", ALL)
def test_what_moves_with_the_whole_market_is_unknown_in_every_opinion(metric: str) -> None:
    shot = unpriced()
    asked = request(shot, about=about(shot))
    one = watch(metric)
    assert isinstance(measure(metric, asked.portfolio, asked.context), Unknown)
    second = Meter(asked).read(one, opened(asked))
    assert isinstance(second, Unknown)
    assert "BTC" in second.reason
    found = faces(one, open_book(asked))
    assert isinstance(found, CannotHelp)
    assert found.code == "unknown_figure"


@pytest.mark.parametrize(("symbol", "known"), [(INVERSE, False), (LINEAR, False), (ETH, True)])
def test_a_distance_is_unknown_where_the_coin_moves_along(symbol: str, known: bool) -> None:
    shot = unpriced(BESIDE, position(LINEAR, Side.LONG, "0.1", "100000"))
    asked, where = request(shot), target(symbol)
    assert where.position is not None
    moved = shocked(asked.portfolio, {"BTC": -0.01})
    one = watch(DISTANCE, where)
    for value in (
        measure(DISTANCE, asked.portfolio, asked.context, where.position),
        measure(DISTANCE, moved, asked.context, where.position),
        Meter(asked).read(one, opened(asked)),
    ):
        assert isinstance(value, Unknown) is not known
    assert isinstance(faces(one, open_book(asked)), CannotHelp) is not known
    assert not isinstance(measure("account.margin_ratio", asked.portfolio, asked.context), Unknown)


def test_the_venues_own_liquidation_price_still_counts() -> None:
    shot = unpriced(one=held(liquidation_price=Decimal(70_000)))
    asked = request(shot)
    assert measure(DISTANCE, asked.portfolio, asked.context, f"{INVERSE}#long") == pytest.approx(0.3)


def test_missing_stops_are_placed_with_half_of_the_room_and_resting_ones_stay() -> None:
    def stops(shot: Snapshot) -> tuple[dict[str, Decimal], list[tuple[str, str]]]:
        portfolio = request(shot, about=about(shot)).portfolio
        steps, refusals = protective_stops(portfolio, shot, ProtectionTerms(), NOW, 10.0)
        wanted = [step.request for step in steps if isinstance(step.request, StopRequest)]
        return {one.symbol: one.trigger_price for one in wanted}, [(one.item, one.code) for one in refusals]

    large = held(contracts="400000")
    usual, none = stops(account(one=large))
    careful, told = stops(unpriced(one=large))
    assert usual[INVERSE] < careful[INVERSE] < 100_000
    assert (none, told) == ([], [("BTC", "coin_unpriced")])
    resting = held(contracts="400000", stop_price=Decimal(82_000))
    assert INVERSE in stops(account(one=resting))[0]
    assert stops(unpriced(one=resting)) == ({}, [("BTC", "coin_unpriced")])


def test_without_a_margin_balance_nothing_is_counted_on() -> None:
    shot = unpriced()
    blind = replace(shot, balance=replace(shot.balance, margin_balance=NO_VENUE_FIGURE))
    steps, refusals = protective_stops(request(blind).portfolio, blind, ProtectionTerms(), NOW, 10.0)
    assert steps == ()
    assert {one.code for one in refusals} == {"coin_unpriced", "unprotected"}
