"""Metrics on recorded payloads against the venue's own fields; what is missing is unknown."""

from pathlib import Path
from typing import Any

import pytest

from bot.exchange.errors import GatewayError
from bot.model import Side, Unknown, position_key
from bot.risk.reconcile import comparisons
from tests.recorded.support import Row, Seen, linear_positions, look, recorded, rows

FLAT_WALLETS = (5, 6, 7, 8)
HELD_WALLET, OF_THE_SAME_ACCOUNT = 18, 20
TWO_LEGS = 3
LITECOIN, INVERSE, ISOLATED, WITHOUT_PRICES = 0, 2, 11, 19


@pytest.fixture
def payloads(shared_dir: Path) -> list[dict[str, Any]]:
    return recorded(shared_dir)


@pytest.fixture
def wallet(payloads: list[dict[str, Any]]) -> dict[str, Any]:
    return rows(payloads[HELD_WALLET])[0]


def key_of(row: Row) -> str:
    base = row["symbol"].removesuffix("USDT")
    return position_key(f"{base}/USDT:USDT", Side.LONG if row["side"] == "Buy" else Side.SHORT)


def marked(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Positions that came with a mark price."""
    return [row for row in linear_positions(payloads) if row.get("markPrice")]


def notional_of(row: Row) -> float:
    return float(row["size"]) * float(row["markPrice"])


@pytest.mark.parametrize("index", FLAT_WALLETS)
async def test_an_account_without_positions(payloads: list[dict[str, Any]], index: int) -> None:
    wallet = rows(payloads[index])[0]
    seen = await look((), wallet)
    assert seen.known("account.equity") == float(wallet["totalEquity"])
    assert seen.known("account.margin_ratio") == float(wallet["accountMMRate"]) == 0
    assert seen.known("account.leverage") == 0
    assert seen.known("account.joint_distance") == 1


async def test_the_margin_ratio_is_the_venues_own(payloads: list[dict[str, Any]], wallet: Row) -> None:
    (row,) = rows(payloads[OF_THE_SAME_ACCOUNT])
    seen = await look([row], wallet)
    ratio = seen.known("account.margin_ratio")
    own = float(wallet["totalMaintenanceMargin"]) / float(wallet["totalMarginBalance"])
    assert ratio == pytest.approx(own, rel=1e-12)
    assert round(ratio, 4) == float(wallet["accountMMRate"])


async def test_every_recorded_position(payloads: list[dict[str, Any]], wallet: Row) -> None:
    held = marked(payloads)
    assert len(held) >= 6
    for row in held:
        seen = await look([row], wallet)
        key, notional, equity = key_of(row), notional_of(row), float(wallet["totalEquity"])
        holding = seen.portfolio.holding(key)
        assert holding is not None
        assert holding.notional == pytest.approx(notional, rel=1e-12)
        assert seen.known("account.leverage") == pytest.approx(notional / equity, rel=1e-12)
        assert seen.known("position.leverage", key) == pytest.approx(notional / equity, rel=1e-12)
        assert seen.known("position.equity_share", key) == pytest.approx(notional / equity, rel=1e-12)
        assert holding.maintenance >= float(row.get("positionMM") or 0)
        venue = float(row.get("liqPrice") or 0)
        if venue:
            room = (float(row["markPrice"]) - venue) * holding.sign / float(row["markPrice"])
            assert seen.known("position.liquidation_distance", key) <= room * (1 + 1e-12)


async def test_an_isolated_position_stands_alone(payloads: list[dict[str, Any]], wallet: Row) -> None:
    (row,) = rows(payloads[ISOLATED])
    profit, size = float(row["unrealisedPnl"]), float(row["size"])
    mark = float(row["entryPrice"]) + profit / size
    key = key_of(row)
    seen = await look([{**row, "markPrice": f"{mark:.2f}"}], wallet)
    carried = float(row["positionBalance"]) + profit
    assert seen.known("position.leverage", key) == pytest.approx(size * mark / carried, rel=1e-6)
    assert seen.known("position.leverage", key) == pytest.approx(float(row["leverage"]), rel=0.01)
    venue = (mark - float(row["liqPrice"])) / mark
    assert seen.known("position.liquidation_distance", key) == pytest.approx(venue, rel=1e-6)
    (ours,) = [one for one in comparisons(seen.snapshot, seen.portfolio) if one.figure == "liquidation_price"]
    assert 0 < ours.share < 0.01


async def test_unrealised_pnl_follows_from_entry_and_mark(
    payloads: list[dict[str, Any]], wallet: Row
) -> None:
    checked = 0
    for row in marked(payloads):
        if row.get("unrealisedPnl") in (None, ""):
            continue
        seen = await look([row], wallet)
        (position,) = seen.snapshot.positions
        assert not isinstance(position.unrealised_pnl, Unknown)
        entry = float(row.get("avgPrice") or row["entryPrice"])
        gain = (float(row["markPrice"]) - entry) * float(row["size"]) * position.side.sign
        assert float(position.unrealised_pnl) == pytest.approx(gain, rel=1e-6, abs=1e-3)
        value = float(row["positionValue"])
        assert value == pytest.approx(entry * float(row["size"]), rel=1e-6)
        checked += 1
    assert checked >= 5


async def test_two_positions_with_the_venues_liquidation_prices(
    payloads: list[dict[str, Any]], wallet: Row
) -> None:
    held = [row for row in rows(payloads[TWO_LEGS]) if float(row["size"])]
    seen = await look(rows(payloads[TWO_LEGS]), wallet)
    assert len(seen.snapshot.positions) == len(held) == 2
    gross = sum(notional_of(row) for row in held)
    assert seen.known("account.leverage") == pytest.approx(gross / float(wallet["totalEquity"]), rel=1e-12)
    for row in held:
        mark, venue = float(row["markPrice"]), float(row["liqPrice"])
        found = seen.known("position.liquidation_distance", key_of(row))
        assert found == pytest.approx(abs(mark - venue) / mark, rel=1e-12)
        assert row["stopLoss"] in [f"{one.stop_price:.2f}" for one in seen.snapshot.positions]


async def test_a_liquidation_price_that_the_venue_leaves_empty_is_recomputed(
    payloads: list[dict[str, Any]], wallet: Row
) -> None:
    (row,) = rows(payloads[LITECOIN])
    seen = await look([row], {**wallet, "totalEquity": "30", "totalMarginBalance": "30"})
    (position,) = seen.snapshot.positions
    assert isinstance(position.liquidation_price, Unknown)
    distance = seen.known("position.liquidation_distance", key_of(row))
    assert 0 < distance < 30 / notional_of(row)
    figures = {one.figure: one for one in comparisons(seen.snapshot, seen.portfolio) if one.target.symbol}
    assert isinstance(figures["liquidation_price"].venue, Unknown)


async def test_figures_that_a_payload_lacks_are_unknown(payloads: list[dict[str, Any]], wallet: Row) -> None:
    (row,) = rows(payloads[WITHOUT_PRICES])
    seen = await look([row], wallet)
    (position,) = seen.snapshot.positions
    for figure in (position.unrealised_pnl, position.liquidation_price):
        assert isinstance(figure, Unknown)
    assert seen.known("position.equity_share", key_of(row)) > 0


ACCOUNT_FIGURES = (
    ("totalEquity", ("account.equity", "account.leverage", "account.net_leverage")),
    ("totalMarginBalance", ("account.margin_ratio", "account.joint_distance")),
)


@pytest.mark.parametrize("blank", ["", None, "NaN", "n/a"])
@pytest.mark.parametrize(("field", "metrics"), ACCOUNT_FIGURES)
async def test_without_the_venues_account_figure(
    payloads: list[dict[str, Any]], wallet: Row, field: str, metrics: tuple[str, ...], blank: str | None
) -> None:
    seen = await look(rows(payloads[TWO_LEGS]), {**wallet, field: blank})
    for metric in metrics:
        assert isinstance(seen.metric(metric), Unknown), metric
    for metric in ("position.liquidation_distance",):
        assert seen.known(metric, "BTC/USDT:USDT#long") == pytest.approx(5500 / 50500, rel=1e-12)


async def test_without_margin_balance_and_liquidation_price(
    payloads: list[dict[str, Any]], wallet: Row
) -> None:
    blind = [{**row, "liqPrice": ""} for row in rows(payloads[TWO_LEGS])]
    seen = await look(blind, {**wallet, "totalMarginBalance": ""})
    assert isinstance(seen.metric("position.liquidation_distance", "BTC/USDT:USDT#long"), Unknown)


async def test_a_payload_without_a_mark_is_a_gap(payloads: list[dict[str, Any]], wallet: Row) -> None:
    bare = [row for row in linear_positions(payloads) if not row.get("markPrice")]
    assert bare
    for row in bare:
        seen = await look([row], wallet)
        assert list(seen.portfolio.missing) == [key_of(row)]
        assert isinstance(seen.metric("account.leverage"), Unknown)
        assert isinstance(seen.metric("position.liquidation_distance", key_of(row)), Unknown)


@pytest.mark.parametrize("blank", ["", "0"])
async def test_without_a_mark_the_whole_account_is_unknown(
    payloads: list[dict[str, Any]], wallet: Row, blank: str
) -> None:
    bitcoin, ether, flat = rows(payloads[TWO_LEGS])
    held = [bitcoin, {**ether, "markPrice": blank}, flat]
    seen = await look(held, wallet)
    assert list(seen.portfolio.missing) == ["ETH/USDT:USDT#short"]
    for metric in ("account.leverage", "account.margin_ratio", "account.joint_distance"):
        assert isinstance(seen.metric(metric), Unknown), metric
    assert isinstance(seen.metric("position.equity_share", "ETH/USDT:USDT#short"), Unknown)
    assert seen.known("position.equity_share", "BTC/USDT:USDT#long") > 0


async def test_an_inverse_position_is_a_gap_not_nothing(payloads: list[dict[str, Any]], wallet: Row) -> None:
    seen = await look(rows(payloads[INVERSE]), wallet)
    assert len(seen.portfolio.missing) == 1
    assert isinstance(seen.metric("account.leverage"), Unknown)
    assert isinstance(seen.metric("account.margin_ratio"), Unknown)


async def test_a_wallet_with_unrealised_pnl_is_not_flat(wallet: Row) -> None:
    with pytest.raises(GatewayError, match="list of positions is empty"):
        await look((), wallet)


async def test_nothing_differs_where_the_venue_was_read_in_one_moment(
    payloads: list[dict[str, Any]], wallet: Row
) -> None:
    (row,) = rows(payloads[OF_THE_SAME_ACCOUNT])
    seen: Seen = await look([row], wallet)
    account = [one for one in comparisons(seen.snapshot, seen.portfolio) if not one.target.symbol]
    assert [one.figure for one in account] == ["maintenance_margin"]
    assert account[0].share < 0.01
