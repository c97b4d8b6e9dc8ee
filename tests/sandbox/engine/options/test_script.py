"""Options in scenario files."""

import time
from pathlib import Path

import pytest

from bot.sandbox.command import SandboxOptions, build
from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.engine.scenario import ScenarioError, read_scenario
from tests.sandbox.engine.support import dec

MARKET = """
name: market
start: 2025-11-21T04:30:00Z
duration: 2h
symbols:
  BTCUSDT: {path: [[0s, 100000], [2h, 80000]]}
"""
PUTS = Path(__file__).parents[4] / "config" / "scenarios" / "november-2025-puts.yaml"


def read(tmp_path: Path, options: str) -> OptionSettings | None:
    path = tmp_path / "scenario.yaml"
    path.write_text(MARKET + options, encoding="utf-8")
    return read_scenario(path).options


def mistakes(tmp_path: Path, options: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, options)
    return [one.message for one in caught.value.problems]


def test_in_scaled_time_no_option_has_expired_by_the_clock_of_who_asks() -> None:
    engine = build(SandboxOptions(scenario=PUTS, time="scaled", speed=100.0, paused=True)).engine
    now_ms = time.time_ns() // 1_000_000
    assert abs(engine.market_ms - now_ms) < 60_000
    assert min(one.expiry_ms for one in engine.options.listed()) > now_ms
    assert float(engine.ticker("BTCUSDT").last_price) == pytest.approx(125_600, rel=0.01)


def test_a_scenario_without_options_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None


def test_what_is_not_written_is_usual(tmp_path: Path) -> None:
    assert read(tmp_path, "options: {BTC: {}}") == OptionSettings(coins={"BTC": CoinOptions()})


def test_every_key_is_read_as_people_write_it(tmp_path: Path) -> None:
    text = """
options:
  credit: 1
  BTC: {settle: [USDT, USDC], expiries: [1d, 7d], step: 1%, reach: 20%, level: 60%, term: 0, skew: -0.1,
        curve: 0.01, rise: 1.2, memory: 6h, carry: 5%, spread: 2%, stress: 4, size: 1M}
"""
    expected = CoinOptions(
        settles=("USDT", "USDC"),
        expiries=(DAY_MS, 7 * DAY_MS),
        step=0.01,
        reach=0.2,
        level=0.6,
        term=0.0,
        skew=-0.1,
        curve=0.01,
        rise=1.2,
        memory_ms=DAY_MS // 4,
        carry=0.05,
        spread=0.02,
        stress=4.0,
        size_usd=1e6,
    )
    assert read(tmp_path, text) == OptionSettings(coins={"BTC": expected}, credit=dec(1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("options: 3", ["expected coins"]),
        ("options: {}", ["name a coin"]),
        ("options: {BTX: {}}", ["unknown key 'BTX'; did you mean 'BTC'", "name a coin"]),
        ("options: {ETH: {}}", ["ETH needs a script of ETHUSDT"]),
        ("options: {BTC: 4}", ["expected a mapping for BTC"]),
        ("options: {credit: 2, BTC: {}}", ["from 0 to 1"]),
        ("options: {BTC: {levle: 50%}}", ["did you mean 'level'"]),
        ("options: {BTC: {level: 900%, step: 0, reach: 2}}", ["1% to 500%", "at least 0.1%", "% sign"]),
        ("options: {BTC: {settle: [USDX], expiries: [900d]}}", ["no settlement in 'USDX'", "at most 400d"]),
        ("options: {BTC: {settle: USDT, memory: 0s}}", ["expected a list", "a time above 0"]),
        ("options: {BTC: {rise: -1, size: 0, spread: -1%}}", ["not negative", "positive", "not negative"]),
    ],
)
def test_mistakes_are_told_all_at_once(tmp_path: Path, options: str, told: list[str]) -> None:
    found = mistakes(tmp_path, options)
    assert len(found) == len(told)
    assert all(any(words in one for one in found) for words in told)


def test_the_scenario_that_ships_lists_a_chain_that_moves_with_the_crash() -> None:
    sandbox = build(SandboxOptions(scenario=PUTS, time="virtual"))
    options = sandbox.engine.options
    assert {one.base for one in options.listed()} == {"BTC", "ETH", "SOL"}
    for coin in ("BTC", "ETH", "SOL"):
        assert sum(one.base == coin for one in options.listed()) <= 500
    puts = [one for one in options.listed() if one.base == "BTC" and not one.is_call]
    below = [one for one in puts if one.strike == 100_000]
    before = [options.quote(one.symbol) for one in below]
    clock = sandbox.engine.clock
    clock.advance(42 * 60)  # type: ignore[attr-defined]
    sandbox.advance()
    after = [options.quote(one.symbol) for one in below]
    for old, new in zip(before, after, strict=True):
        assert new.mark > 1.5 * float(old.mark)
        assert new.mark_volatility > old.mark_volatility
        assert new.bid is not None
