"""Scenario files and the feed that plays them."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.engine import quantities
from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.scenario import ScenarioError, load_scenario, read_scenario
from bot.sandbox.engine.script import ScenarioFeed
from tests.sandbox.engine.support import BTC, BUY, ETH, dec, open_desk

GOOD = """\
name: fall
start: 2025-11-01T00:00:00Z
duration: 2h
symbols:
  BTCUSDT:
    path:
      - [0s, 110_000]
      - [1h, 100,000]
      - [90m, 81k]
      - [2h, 85000]
    noise: 5%
    basis: [[0s, 0%], [1h, -0.2%]]
    funding: 0.03%
    half_spread: [[0s, 0.01%], [90m, 0.5%]]
    depth: [[0s, 40M], [90m, 2M]]
  ETHUSDT: {follows: BTCUSDT, beta: 1.5, start: 4000, noise: 1%}
  SOLUSDT: {follows: ETHUSDT, beta: 1.2, start: 180}
"""
POINTS = {0: 110_000, 3600: 100_000, 5400: 81_000, 7200: 85_000}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def feed(tmp_path: Path) -> ScenarioFeed:
    return load_scenario(written(tmp_path, GOOD.replace("100,000", "'100,000'")), seed=7)


def test_points_are_hit_exactly(feed: ScenarioFeed) -> None:
    for seconds, price in POINTS.items():
        assert feed.tick(BTC, feed.start_ms + seconds * 1000).last == pytest.approx(price, rel=1e-12)
    desk = open_desk(feed=feed, start_ms=feed.start_ms, market_step_ms=7000)
    for before, after in zip([0, 3600, 5400], [3600, 5400, 7200], strict=True):
        desk.run(after - before)
        assert desk.engine.ticker(BTC).last_price == POINTS[after]
    desk.run(600)
    assert desk.engine.ticker(BTC).last_price == 85_000


def test_noise_lies_between_the_points_and_is_the_seeds(feed: ScenarioFeed, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    times = [feed.start_ms + at for at in range(0, 7_200_000, 30_000)]
    prices = [feed.tick(BTC, at).last for at in times]
    same, other = load_scenario(path, 7), load_scenario(path, 8)
    assert prices == [same.tick(BTC, at).last for at in times]
    assert prices != [other.tick(BTC, at).last for at in times]
    assert any(after > before for before, after in pairwise(prices))


def test_followers_move_by_beta(feed: ScenarioFeed) -> None:
    low = feed.start_ms + 5_400_000
    eth = feed.tick(ETH, low).last
    assert eth == pytest.approx(4000 * (81 / 110) ** 1.5, rel=0.02)
    sol = feed.tick("SOLUSDT", low).last
    assert sol == pytest.approx(180 * (eth / 4000) ** 1.2, rel=1e-9)
    assert feed.tick("SOLUSDT", feed.start_ms).last == pytest.approx(180, rel=1e-12)
    assert feed.beta("SOLUSDT") == pytest.approx(1.8)
    assert feed.beta(BTC) == 1.0


def test_a_path_may_say_how_its_history_follows_the_market(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: a\nstart: 2025-10-06T00:00:00Z\nduration: 1h\nsymbols:\n"
        "  BTCUSDT: {path: [[0h, 100000]]}\n"
        "  SOLUSDT: {path: [[0h, 200], [1h, 100]], beta: 1.5}\n"
    )
    feed = load_scenario(path)
    assert (feed.beta(BTC), feed.beta("SOLUSDT")) == (1.0, 1.5)
    assert feed.tick("SOLUSDT", feed.start_ms + 3_600_000).last == pytest.approx(100)


def test_basis_funding_and_liquidity_change_over_time(feed: ScenarioFeed) -> None:
    first, last = feed.tick(BTC, feed.start_ms), feed.tick(BTC, feed.start_ms + 7_000_000)
    assert first.index == first.last
    assert last.last / last.index - 1 == pytest.approx(-0.002)
    assert last.funding_rate == pytest.approx(0.0003)
    assert (first.half_spread, first.depth_usd) == (0.0001, 40e6)
    assert (last.half_spread, last.depth_usd) == (0.005, 2e6)
    middle = feed.tick(BTC, feed.start_ms + 2_700_000)
    assert middle.depth_usd == pytest.approx(21e6)
    desk = open_desk(feed=feed, start_ms=feed.start_ms)
    before = desk.engine.ticker(BTC)
    desk.run(5400)
    after = desk.engine.ticker(BTC)
    assert before.ask_price is not None
    assert after.ask_price is not None
    assert after.ask_price / after.last_price > before.ask_price / before.last_price
    assert after.ask_qty < before.ask_qty
    assert abs(after.mark_price / after.last_price - 1) < dec("0.0001")
    assert after.mark_price < after.index_price
    assert after.funding_rate == dec("0.0003")


def test_breakpoints_are_the_points(feed: ScenarioFeed) -> None:
    found, at = [], feed.start_ms
    while (following := feed.next_breakpoint(at)) is not None:
        found.append((following - feed.start_ms) // 1000)
        at = following
    assert found == [3600, 5400, 7200]
    desk = open_desk(feed=feed, start_ms=feed.start_ms, market_step_ms=7_000_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.35"))
    desk.run(7200)
    assert desk.engine.liquidations()[0].market_ms == feed.start_ms + 5_400_000


def test_two_runs_agree_to_the_last_digit(feed: ScenarioFeed, tmp_path: Path) -> None:
    def run() -> list[object]:
        own = load_scenario(tmp_path / "scenario.yaml", 7)
        desk = open_desk(feed=own, start_ms=own.start_ms, market_step_ms=10_000)
        desk.engine.open_position(desk.account, BTC, BUY, dec("0.3"))
        desk.run(100)
        desk.place(ETH, BUY, "0.1")
        desk.run(7000)
        return [desk.engine.state(), desk.engine.executions(desk.account)]

    assert run() == run()


def test_scenario_can_start_now(feed: ScenarioFeed) -> None:
    clock = VirtualClock(2_000_000_000_000)
    engine = Engine(clock, feed, rebase_feed=True)
    assert engine.ticker(BTC).last_price == 110_000
    clock.advance(5400)
    engine.advance()
    assert engine.ticker(BTC).last_price == 81_000
    assert engine.state().feed_end_ms == 2_000_000_000_000 + 7_200_000


def test_all_mistakes_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
name: bad
start: yesterday
duration: 1h
tempo: 3
symbols:
  BTCUSDT:
    path:
      - [5s, 100]
      - [5s, 0]
      - [90m, 50]
      - [10s]
    nose: 5%
    noise: 5
  ETHUSDT:
    follows: BTCUSTD
    beta: x
  SOLUSDT: {path: [[0s, 1]], follows: BTCUSDT, start: 3}
  XRPUSDT: {follows: DOGEUSDT, start: 1}
  DOGEUSDT: {follows: XRPUSDT, start: 1}
  ADAUSDT: 5
  LTCUSDT: {path: [], noise: -1%}
"""
    with pytest.raises(ScenarioError) as caught:
        read_scenario(written(tmp_path, text))
    found = [(one.line, one.message) for one in caught.value.problems]
    expected = [
        (2, "expected a time"),
        (4, "unknown key 'tempo'"),
        (8, "first offset must be 0"),
        (9, "expected a positive number"),
        (10, "beyond the duration"),
        (11, "expected [offset, value]"),
        (12, "did you mean 'noise'"),
        (13, "is the % sign missing"),
        (14, "needs its own start price"),
        (15, "did you mean 'BTCUSDT'"),
        (16, "expected a number"),
        (17, "not both"),
        (18, "a circle"),
        (19, "a circle"),
        (20, "expected a mapping for ADAUSDT"),
        (21, "at least one"),
        (21, "not negative"),
    ]
    for line, words in expected:
        assert any(at == line and words in message for at, message in found), (line, words, found)
    assert len(found) == len(expected)
    assert str(caught.value).count("\n") == len(expected) - 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- a\n- b\n", 1, "expected a mapping"),
        ("name: a\nname: b\n", 2, "duplicate key"),
        ("name: [\n", 2, "expected"),
        ("name: a\nstart: 2025-01-01T00:00:00Z\nduration: 0s\nsymbols: {}\n", 3, "must be positive"),
        (
            "name: a\nstart: 2025-01-01T00:00:00Z\nsymbols:\n  BTCUSDT: {path: 5}\n",
            1,
            "'duration' is missing",
        ),
        ("name: a\nstart: 2025-01-01\nduration: 1h\nsymbols: 3\n", 4, "at least one symbol"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(written(tmp_path, text))
    assert any(p.line == line and words in p.message for p in caught.value.problems), caught.value.problems


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_scenario(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_scenario(tmp_path / "binary.yaml")


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_durations_as_people_write_them(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    assert quantities.duration_ms(f"{days}d {hours}h{minutes}m {seconds}s") == expected


def test_quantities() -> None:
    assert quantities.duration_ms(0) == 0
    assert quantities.duration_ms("1.5s") == 1500
    assert quantities.number("126,223") == 126_223
    assert quantities.number("2.5B") == 2.5e9
    assert quantities.share("0.5%") == 0.005
    assert quantities.share(0.02) == 0.02
    for wrong in ("5", "five", "inf%", True):
        with pytest.raises(ValueError):
            quantities.share(wrong)
    for wrong in ("5", "5 minutes", "", "-5s"):
        with pytest.raises(ValueError):
            quantities.duration_ms(wrong)
    with pytest.raises(ValueError):
        quantities.number("nan")
    assert quantities.instant_ms("1970-01-01T00:00:01") == 1000
