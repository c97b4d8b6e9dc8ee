"""The scenario and what is played with it."""

from decimal import Decimal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.demo import scene
from bot.demo.chapters import CHAPTERS, chapter
from bot.demo.hedged import SCENARIO, Hedging
from bot.demo.process import DemoError
from bot.rules import load_rules, rules_path
from bot.sandbox.engine.feeds import Feed
from bot.sandbox.engine.scenario import load_scenario
from bot.settings import load_settings

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def feed() -> Feed:
    """The shipped scenario."""
    return load_scenario(scene.scenario_file(), seed=3)


def btc(feed: Feed, minute: float) -> float:
    """The last price of BTC at a minute of the scenario."""
    return feed.tick("BTCUSDT", feed.start_ms + round(minute * MINUTE_MS)).last


def test_the_published_figures_are_met(feed: Feed) -> None:
    assert btc(feed, 6) == pytest.approx(126_223)
    assert (btc(feed, 22), btc(feed, 42)) == (pytest.approx(122_000), pytest.approx(105_000))
    assert btc(feed, 74) == pytest.approx(115_300)
    assert (btc(feed, 158), btc(feed, 162)) == (pytest.approx(85_000), pytest.approx(80_600))
    assert btc(feed, 175) == pytest.approx(84_000)
    prices = [btc(feed, minute / 2) for minute in range(351)]
    assert max(prices) < 127_500
    assert min(prices) > 79_800
    assert btc(feed, 162) / btc(feed, 158) < 0.95


def test_it_lasts_half_a_minute_at_the_usual_speed(feed: Feed) -> None:
    assert feed.end_ms is not None
    assert (feed.end_ms - feed.start_ms) / 1000 / scene.SPEED == 30


def test_what_is_written_about_speed_and_accounts_is_so() -> None:
    docs = (Path(__file__).resolve().parents[2] / "docs" / "demo.md").read_text()
    for text in (docs, scene.scenario_file().read_text()):
        assert f"{scene.SPEED:.0f} times as fast as a clock" in " ".join(text.replace("#", " ").split())
    longs = ", ".join(f"{one.qty} {one.symbol.removesuffix('USDT')}" for one in scene.POSITIONS)
    assert longs in docs
    assert f"{scene.DEPOSIT:,} USD" in docs


def test_chapters_begin_at_points_of_the_path() -> None:
    document = YAML(typ="safe").load(scene.scenario_file())
    minutes = {int(point[0].removesuffix("m")) * 60 for point in document["symbols"]["BTCUSDT"]["path"]}
    assert {offset for offset, _ in CHAPTERS} <= minutes
    assert chapter(-1) == CHAPTERS[0][1]
    assert "80,600" in chapter(160 * 60)


def test_both_accounts_begin_at_three_and_a_half_times_their_equity(feed: Feed) -> None:
    gross = sum(
        (one.qty * Decimal(feed.tick(one.symbol, feed.start_ms).last) for one in scene.POSITIONS), Decimal(0)
    )
    assert float(gross / scene.DEPOSIT) == pytest.approx(3.5, abs=0.01)
    assert len(scene.POSITIONS) == 3


def test_a_scenario_that_does_not_exist() -> None:
    with pytest.raises(DemoError, match="december"):
        scene.scenario_file("december")


def test_the_daemon_is_armed_by_a_config_without_secrets(tmp_path: Path) -> None:
    keys = scene.new_keys("guarded")
    file = scene.write_config(tmp_path, "http://127.0.0.1:4711")
    assert keys.api_key not in file.read_text()
    assert keys.secret not in repr(keys)
    assert keys != scene.new_keys("guarded")
    settings = load_settings(file, scene.environment(keys))
    assert settings.armed
    assert settings.network.value == "sandbox"
    assert [one.name for one in settings.accounts] == [scene.GUARDED]
    assert settings.accounts[0].base_url == "http://127.0.0.1:4711"
    assert load_rules(rules_path(settings.accounts[0].rules, tmp_path)).rules


@pytest.mark.parametrize("hedging", list(Hedging))
def test_a_hedged_demo_has_rules_of_its_own_and_no_stops(tmp_path: Path, hedging: Hedging) -> None:
    file = scene.write_config(tmp_path, "http://127.0.0.1:4711", hedging=hedging)
    settings = load_settings(file, scene.environment(scene.new_keys("guarded")))
    assert not settings.protection.enabled
    hedge, room = load_rules(rules_path(settings.accounts[0].rules, tmp_path)).rules
    assert hedge.hedge is not None
    assert hedge.hedge.perp is (hedging is Hedging.PERPETUAL)
    assert (hedge.hedge.put is not None) is (hedging is Hedging.PUT)
    assert hedge.trim.keep == room.trim.keep == ("*",)


def test_the_hedged_market_is_the_demos_until_it_comes_back(feed: Feed) -> None:
    played = load_scenario(scene.scenario_file(SCENARIO))
    for minute in (0, 6, 22, 42, 74, 108, 142, 158, 162):
        assert btc(played, minute) == pytest.approx(btc(feed, minute))
    assert btc(played, 230) > btc(played, 6)
    assert chapter(176 * 60).startswith("made up")


def test_keys_stay_in_the_daemons_own_environment(tmp_path: Path) -> None:
    keys = scene.new_keys("guarded")
    config = scene.write_config(tmp_path, "http://127.0.0.1:4711")
    assert keys.secret not in " ".join(scene.daemon_command(config))
    assert keys.secret in scene.environment(keys).values()
