"""The worked figures of docs/margin.md, computed again with the guard's own mathematics."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.model import Side, Tier, Unknown
from bot.risk.joint import joint_distance
from bot.risk.margin import inverse_brackets, liquidation_price, maintenance_of
from bot.risk.portfolio import Bracket, Holding, Portfolio

PAGE = (Path(__file__).parents[1] / "docs" / "margin.md").read_text()
FLAT = (Bracket(0.0, 0.005, 0.0),)
TIERED = (Bracket(0.0, 0.005, 0.0), Bracket(2_000_000.0, 0.01, 10_000.0))


def long(base: str, size: float, price: float, isolated: float | None = None, beta: float = 1.0) -> Holding:
    notional = size * price
    return Holding(
        symbol=f"{base}/USDT:USDT",
        base=base,
        side=Side.LONG,
        size=size,
        price=price,
        notional=notional,
        isolated_equity=isolated,
        brackets=FLAT,
        maintenance=maintenance_of(FLAT, notional),
        maintenance_excess=0.0,
        liquidation_price=Unknown("not needed"),
        beta=beta,
        residual=0.0,
        trade_cost=0.001,
        releases_margin=True,
    )


def joint(*holdings: Holding, equity: float = 30_000.0) -> float:
    at = datetime(2025, 10, 10, tzinfo=UTC)
    found = joint_distance(Portfolio("main", at, holdings, equity, equity, 0.0, "BTC", ()))
    assert isinstance(found, float)
    return found


def distance(holding: Holding, free: float) -> float:
    return 1 - liquidation_price(1, (holding,), free) / holding.price


def inverse(
    contracts: float,
    side: Side = Side.LONG,
    coins: float = 1.0,
    credit: float = 1.0,
    price: float = 100_000.0,
) -> float:
    """Liquidation price of contracts that were entered at mark, with nothing but bitcoin behind them."""
    brackets = inverse_brackets(
        (Tier(Decimal(0), None, Decimal("0.005"), Decimal(0)),), 0.0006, contracts, contracts / price
    )
    one = replace(
        long("BTC", contracts / price, price), side=side, notional=contracts, brackets=brackets, inverse=True
    )
    margin = coins * credit * price
    return liquidation_price(one.sign, (one,), margin, margin)


def percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


BTC, ETH = long("BTC", 1.0, 100_000.0), long("ETH", 20.0, 4_000.0)
FIGURES = {
    "isolated price": f"{liquidation_price(1, (BTC,), 10_000.0):,.2f}",
    "isolated 10x": f"**{percent(distance(BTC, 10_000.0))}**",
    "isolated 20x": f"{liquidation_price(1, (BTC,), 5_000.0):,.2f} or {percent(distance(BTC, 5_000.0))}",
    "isolated 50x": f"at 50x it is {percent(distance(BTC, 2_000.0))}",
    "cross price": f"{liquidation_price(1, (BTC,), 30_000.0):,.2f}",
    "cross distance": f"**{percent(distance(BTC, 30_000.0))}**",
    "BTC of two": f"| 1 BTC | 100,000 | {percent(distance(BTC, 30_000.0 - ETH.maintenance))} |",
    "ETH of two": f"| 20 ETH | 80,000 | {percent(distance(ETH, 30_000.0 - BTC.maintenance))} |",
    "both": f"**{percent(joint(BTC, ETH))}**",
    "both, ETH with beta 1.5": f"**{percent(joint(BTC, long('ETH', 20.0, 4_000.0, beta=1.5)))}**",
    "inverse": f"**{inverse(100_000.0):,.2f}**, a distance of {percent(1 - inverse(100_000.0) / 100_000.0)}",
    "inverse closed form": f"= {100_000 * (1 + 0.0056) / 2:,.2f}",
    "inverse 3x": f"it is {inverse(300_000.0):,.2f}",
    "inverse 3x with a haircut": f"**{inverse(300_000.0, credit=0.8):,.2f}**",
    "inverse short": f"a rise to **{inverse(300_000.0, Side.SHORT):,.2f}**",
    "tiers": f"**{maintenance_of(TIERED, 10_000_000.0):,.0f}**",
    "cushion at the peak": f"**{0.25 / 0.20:.2f}**",
    "cushion below the peak": f"**{(1 - 0.75 / 0.90) / 0.20:.2f}**",
    "room below the peak": percent(1 - 0.75 / 0.90),
    "trim": f"**{(180_000 - 4 * 30_000) / (1 - 4 * 0.001):,.2f}**",
    "dear trim": f"{(180_000 - 4 * 30_000) / (1 - 4 * 0.02):,.2f}",
    "funding": f"{0.0003 * 3 * 5 * 100:.2f} %",
}


def test_contracts_for_all_coins_move_nothing() -> None:
    assert inverse(100_000.0, Side.SHORT) == 11 * 100_000.0


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_says_what_the_guard_computes(name: str) -> None:
    assert FIGURES[name] in " ".join(PAGE.split())
