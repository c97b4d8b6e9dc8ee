"""What the guard's log says of what could go unseen."""

from pathlib import Path

import structlog
from msgspec import structs

from bot.exchange.gateway import CcxtGateway
from bot.model import Difference, Target
from bot.rules import load_rules_text
from bot.telling import Teller
from tests.guard.support import bench

RULES = """
version: 1
rules:
  - name: room
    metric: position.liquidation_distance
    match: {symbol: [BTX/USDT:USDT, BTC/USDT:USDT]}
    min: 1%
    do: [notify]
"""


async def test_a_symbol_without_a_market_is_told_at_the_first_look_only(tmp_path: Path) -> None:
    async with bench(tmp_path, RULES) as it:
        assert isinstance(it.gateway, CcxtGateway)
        assert it.gateway.market_symbols() == frozenset()
        with structlog.testing.capture_logs() as logs:
            for _ in range(2):
                assert (await it.guard.cycle()).error == ""
        assert "BTC/USDT:USDT" in it.gateway.market_symbols()
        (told,) = [line for line in logs if line["event"] == "rule names no market"]
        assert (told["log_level"], told["rule"], told["symbol"]) == ("warning", "room", "BTX/USDT:USDT")
        assert told["nearest"] in it.gateway.market_symbols()


def test_figures_that_differ_are_told_when_new() -> None:
    teller = Teller("main", load_rules_text(RULES, "rules.yaml"), armed=True)
    apart = Difference(Target("main", "BTC/USDT:USDT", "long"), "liquidation_price", 1.0, 2.0, 0.5)
    other = structs.replace(apart, figure="maintenance_margin")
    seen = []
    for differences in ((apart,), (apart, other), (), (apart,)):
        with structlog.testing.capture_logs() as logs:
            teller.differences(differences)
        seen.append([line["figure"] for line in logs])
    assert seen == [[apart.figure], [other.figure], [], [apart.figure]]
