"""Rows beside the venue's recorded ones, and figures beside formulas worked out here."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.bybit.formats import number, number_or_blank, places, ratio
from bot.sandbox.bybit.pages import page
from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import Side
from bot.sandbox.host import Sandbox
from tests.sandbox.support import START_MS, call, make_engine, open_account

OPEN = {"category": "linear", "settleCoin": "USDT"}
NOT_MODELLED = {"spotBorrow"}
TOLERANCE = Decimal("1e-9")


def ready(deposit: str = "100000") -> tuple[Sandbox, Engine, str]:
    engine = make_engine(VirtualClock(START_MS))
    account = open_account(engine, deposit)
    return Sandbox(engine), engine, account.account_id


def rows(sandbox: Sandbox, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    found = call(sandbox, "GET", path, params)["result"]["list"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("description", "path", "params"),
    [
        ("Fetch linear position", "/v5/position/list", OPEN),
        ("linear position (flat)", "/v5/position/list", {"category": "linear", "symbol": "SOLUSDT"}),
        ("linear long+short", "/v5/position/list", OPEN),
        ("UTA wallet-balance", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}),
        ("UTA wallet-balance 2 coins", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}),
        ("open orders", "/v5/order/realtime", OPEN),
        ("risk limit", "/v5/market/risk-limit", {"category": "linear", "symbol": "BTCUSDT"}),
    ],
)
def test_every_recorded_field_is_there(
    shared_dir: Path, description: str, path: str, params: dict[str, Any]
) -> None:
    recorded = json.loads((shared_dir / "fixtures" / "bybit.json").read_text())
    (entry,) = [one for one in recorded if one.get("description") == description]
    wanted = entry["httpResponse"]["result"]["list"][0]
    sandbox, engine, account_id = ready()
    engine.open_position(account_id, "BTCUSDT", Side.BUY, Decimal("0.1"))
    order = {"symbol": "ETHUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "3000"}
    call(sandbox, "POST", "/v5/order/create", {"category": "linear", **order})
    row = rows(sandbox, path, params)[0]
    assert set(wanted) - set(row) <= NOT_MODELLED
    if "coin" in wanted and isinstance(wanted["coin"], list):
        assert set(wanted["coin"][0]) - set(row["coin"][0]) <= NOT_MODELLED


def maintenance(engine: Engine, symbol: str, value: Decimal) -> Decimal:
    """Sum over the slices of the tiers, each at its own rate, plus the fee to close."""
    instrument, floor, total = engine.instrument(symbol), Decimal(0), Decimal(0)
    for tier in instrument.tiers:
        total += max(Decimal(0), min(value, tier.cap) - floor) * tier.maintenance_rate
        floor = tier.cap
    return total + value * instrument.taker_fee


legs = st.tuples(
    st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.integers(1, 400),
    st.integers(-15, 15),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(legs, min_size=1, max_size=4, unique_by=lambda leg: leg[0]))
def test_reported_figures_agree_with_the_formulas(portfolio: list[tuple[str, Side, int, int]]) -> None:
    sandbox, engine, account_id = ready("50000000")
    profit = Decimal(0)
    for symbol, side, thousands, percent in portfolio:
        instrument, mark = engine.instrument(symbol), engine.ticker(symbol).mark_price
        qty = round(thousands * 10_000 / mark / instrument.qty_step) * instrument.qty_step
        entry = round(mark * (100 + percent) / 100 / instrument.tick) * instrument.tick
        engine.open_position(account_id, symbol, side, qty, entry)
        profit += side.sign * qty * (mark - entry)
    (wallet,) = rows(sandbox, "/v5/account/wallet-balance", {"accountType": "UNIFIED"})
    positions = rows(sandbox, "/v5/position/list", OPEN)
    needed = {
        row["symbol"]: maintenance(engine, row["symbol"], Decimal(row["size"]) * Decimal(row["markPrice"]))
        for row in positions
    }
    equity, total = Decimal(50_000_000) + profit, sum(needed.values())
    assert Decimal(wallet["totalEquity"]) == pytest.approx(equity, rel=TOLERANCE)
    assert Decimal(wallet["totalMaintenanceMargin"]) == pytest.approx(total, rel=TOLERANCE)
    assert Decimal(wallet["accountMMRate"]) == pytest.approx(total / equity, rel=TOLERANCE)
    for row in positions:
        assert Decimal(row["positionMM"]) == pytest.approx(needed[row["symbol"]], rel=TOLERANCE)
        if row["liqPrice"]:
            sign = 1 if row["side"] == "Buy" else -1
            size, mark, liquidation = (Decimal(row[name]) for name in ("size", "markPrice", "liqPrice"))
            left = equity + sign * size * (liquidation - mark)
            others = total - needed[row["symbol"]]
            there = others + maintenance(engine, row["symbol"], size * liquidation)
            assert left == pytest.approx(there, rel=Decimal("1e-8"), abs=size * liquidation * TOLERANCE)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8))
def test_numbers_keep_their_value_in_plain_text(value: Decimal) -> None:
    text = number(value)
    assert "E" not in text
    assert Decimal(text) == pytest.approx(value, rel=Decimal("1e-16"))
    assert text == "0" or not (text.endswith(".") or ("." in text and text.endswith("0")))


def test_numbers_that_are_not_there() -> None:
    assert (number(None), number_or_blank(Decimal(0)), number(Decimal("0E-8"))) == ("", "", "0")
    assert (number(Decimal("1E+3")), places(Decimal("0.010")), places(Decimal(10))) == ("1000", 2, 0)
    assert ratio(Decimal(1), Decimal(0)) == 0


@given(st.lists(st.integers(0, 999), unique=True, max_size=60), st.integers(1, 20), st.booleans())
def test_pages_give_every_row_once_in_order(values: list[int], limit: int, descending: bool) -> None:
    seen: list[int] = []
    cursor = ""
    while True:
        shown, cursor = page(values, lambda value: f"{value:04d},x", cursor, limit, descending=descending)
        seen += shown
        assert len(shown) <= limit
        if not cursor:
            break
    assert seen == sorted(values, reverse=descending)


def test_a_row_that_goes_between_pages_hides_no_other() -> None:
    shown, cursor = page(["a", "b", "c", "d"], str, "", 2)
    assert shown == ["a", "b"]
    assert page(["a", "c", "d"], str, cursor, 2)[0] == ["c", "d"]
