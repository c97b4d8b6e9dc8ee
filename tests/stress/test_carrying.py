"""Steps of a plan on the account of a stress: each kind does what the venue would do."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    CancelRequest,
    ConvertRequest,
    HedgeLink,
    LeverageRequest,
    MarginMode,
    MarginRequest,
    OrderRequest,
    OrderSide,
    Side,
    Step,
    StepKind,
    StopRequest,
    Style,
    TransferRequest,
)
from bot.risk.assemble import build_portfolio
from bot.risk.terms import venue_terms
from bot.stress.account import Account, open_account
from bot.stress.carrying import Porter
from tests.planning.build import mark, market, position, snapshot, tiers
from tests.stress.test_properties import BTC, ETH, outcome, rules_of, seen
from tests.stress.test_properties import fall as a_fall

TERMS = venue_terms("bybit")
KEY = f"{BTC}#long"
HEDGED = """
version: 1
rules:
  - name: survive
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 35%
    restore: 30%
    do: [hedge]
    hedge: {with: [perp], max_share: 90%}
"""


def ported(**changes: Any) -> tuple[Porter, Account]:
    held = position(BTC, Side.LONG, "100", "100", entry_price=Decimal(100), **changes)
    shot = snapshot([held], "10000")
    shot = replace(
        shot,
        markets={**shot.markets, ETH: market(ETH)},
        marks={**shot.marks, ETH: mark(ETH, Decimal(50))},
        tiers={**shot.tiers, ETH: tiers()},
    )
    given = seen(shot)
    account = open_account(shot, build_portfolio(shot, given.stats, TERMS, 0.0005), TERMS)
    assert isinstance(account, Account)
    return Porter(account, given, TERMS), account


def step(kind: StepKind, request: Any, cost: float = 5.0, notional: float = 1000.0, **more: Any) -> Step:
    return Step(kind, "rule", "rule.1", 1, request, notional, cost, "because", **more)


def order(symbol: str, side: Side, contracts: str, *, opens: bool = False) -> OrderRequest:
    sells = (side is Side.LONG) is not opens
    way = OrderSide.SELL if sells else OrderSide.BUY
    return OrderRequest("id", symbol, way, side, 0, Decimal(contracts), Style.MARKET, None, opens=opens)


def test_a_trim_pays_its_cost_and_counts_for_the_caps() -> None:
    porter, account = ported()
    assert porter.carry(step(StepKind.TRIM, order(BTC, Side.LONG, "40")), porter.given)
    assert account.legs[KEY].contracts == 60
    assert account.equity == pytest.approx(9_995)
    usage = porter.given.usage
    assert (usage.actions_last_hour, usage.notional_today, usage.loss_today) == (1, 1000, 5)


def test_an_isolated_trim_gives_margin_back() -> None:
    porter, account = ported(margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(2_000))
    before = account.cash
    porter.carry(step(StepKind.TRIM, order(BTC, Side.LONG, "50")), porter.given)
    assert account.legs[KEY].equity == pytest.approx(1_000)
    assert account.cash == pytest.approx(before + 995)


def test_margin_is_added_out_of_the_account() -> None:
    porter, account = ported(margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(2_000))
    request = MarginRequest("id", BTC, Side.LONG, 0, Decimal(500), Decimal(2_000), Decimal(100))
    porter.carry(step(StepKind.ADD_MARGIN, request, 0.0), porter.given)
    assert account.legs[KEY].equity == pytest.approx(2_500)
    assert account.equity == pytest.approx(10_000)
    assert porter.given.usage.margin_today == {"rule": Decimal(500)}


def test_a_hedge_has_a_life() -> None:
    porter, account = ported()
    link = HedgeLink(parent=KEY, parent_contracts=Decimal(100), held=Decimal(0), stop=0.1)
    opened = step(StepKind.HEDGE, order(ETH, Side.SHORT, "80", opens=True), hedge=link)
    porter.carry(opened, porter.given)
    hedge = account.legs[f"{ETH}#short"]
    assert (hedge.contracts, hedge.price, hedge.sign) == (80, 50.0, -1)
    (lot,) = porter.given.hedges
    assert (lot.parent, lot.contracts, lot.ratio) == (KEY, 80, Decimal("0.8"))
    porter.carry(step(StepKind.UNWIND, order(ETH, Side.SHORT, "30"), hedge=link), porter.given)
    assert porter.given.hedges[0].contracts == 50
    porter.carry(step(StepKind.UNWIND, order(ETH, Side.SHORT, "50"), hedge=link), porter.given)
    assert porter.given.hedges == ()
    assert not hedge.contracts


def test_money_moves_and_settings() -> None:
    porter, account = ported()
    shown = porter.given
    porter.carry(step(StepKind.SECURE, TransferRequest("id", "USDT", Decimal(700)), 0.0), shown)
    assert (account.equity, account.moved_out) == (pytest.approx(9_300), 700.0)
    assert porter.given.usage.secured_today == {"rule": Decimal(700)}
    account.purse("BTC").worth = 1_000.0
    convert = ConvertRequest("id", "BTC/USDT", "BTC", "USDT", Decimal(10), Decimal(99), Decimal(100))
    porter.carry(step(StepKind.CONVERT, convert), shown)
    assert account.coins["BTC"].worth == pytest.approx(0.0)
    assert account.cash == pytest.approx(10_295)
    porter.carry(step(StepKind.CANCEL, CancelRequest("id", BTC, "o1", False), 0.0), shown)
    assert account.cancelled == {"o1"}
    assert porter.carry(step(StepKind.LOWER_LEVERAGE, LeverageRequest("id", BTC, Decimal(5)), 0.0), shown)


def test_a_stop_rests_and_is_known_as_our_own() -> None:
    porter, account = ported()
    request = StopRequest("id", BTC, Side.LONG, 0, Decimal(70))
    porter.carry(step(StepKind.PROTECT, request, 0.0), porter.given)
    assert account.legs[KEY].stop == 70.0
    assert porter.given.own_stops == {KEY: Decimal(70)}
    assert porter.given.usage.actions_last_hour == 0
    porter.carry(step(StepKind.PROTECT, replace(request, symbol=ETH), 0.0), porter.given)


def test_the_real_plan_hedges_in_a_stress() -> None:
    held = position(ETH, Side.LONG, "400", "100", entry_price=Decimal(100))
    shot = snapshot([held], "20000")
    shot = replace(
        shot,
        markets={**shot.markets, BTC: market(BTC)},
        marks={**shot.marks, BTC: mark(BTC, Decimal(1000))},
        tiers={**shot.tiers, BTC: tiers()},
    )
    one = outcome(seen(shot), rules_of(HEDGED), a_fall(0.2))
    assert "hedge" in {act.kind for act in one.guarded.acts}
    assert one.guarded.kept > one.unguarded.equity
