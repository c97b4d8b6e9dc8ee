"""Words of `match` that name nothing."""

from pathlib import Path

import pytest

from bot.documents import MistakesError
from bot.rules import Names, load_choices, load_rules_text, unknown_symbols

NAMES = Names(("main", "fund"), ("bybit",))
SYMBOLS = ("BTC/USDT:USDT", "TRX/USDT:USDT", "ETH/USDT:USDT", "kPEPE/USDT:USDT")


def rules_of(match: str, metric: str = "position.liquidation_distance") -> str:
    return (
        f"version: 1\nrules:\n  - name: room\n    metric: {metric}\n"
        f"    match: {match}\n    min: 15%\n    do: [notify]\n"
    )


def told(text: str) -> list[str]:
    with pytest.raises(MistakesError) as error:
        load_rules_text(text, "r.yaml", NAMES)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    "match",
    [
        "{account: main}",
        "{account: [fund, main], venue: ByBit}",
        '{account: "m*", venue: "by?it"}',
        "{account: [nobody*]}",
        "{side: long}",
    ],
)
def test_names_of_the_config_and_patterns_are_right(match: str) -> None:
    text = rules_of(match)
    assert load_rules_text(text, "r.yaml", NAMES) == load_rules_text(text, "r.yaml")


def test_a_name_is_not_checked_without_a_config() -> None:
    assert load_rules_text(rules_of("{account: mian}"), "r.yaml").rules


def test_every_misspelt_name_is_told_at_its_place() -> None:
    nothing = "so the rule would guard nothing"
    assert told(rules_of("{account: [main, mian], venue: bibyt}")) == [
        f"r.yaml:5:29: match.account: the config has no account 'mian', {nothing} (did you mean 'main'?)",
        f"r.yaml:5:43: match.venue: the config has no venue 'bibyt', {nothing} (did you mean 'bybit'?)",
    ]
    assert told(rules_of("{account: zzz}")) == [
        f"r.yaml:5:22: match.account: the config has no account 'zzz', {nothing} (known: fund, main)"
    ]


def test_other_mistakes_do_not_hide_a_misspelt_name() -> None:
    lines = told(rules_of("{account: mian}", "position.nonsense") + "  - 5\n  - {name: b, match: 7}\n")
    assert any("'mian'" in line for line in lines)
    assert any("position.nonsense" in line for line in lines)


@pytest.mark.parametrize(
    "text", ["5", "version: 1", "version: 1\nrules: 5", "rules: [{match: {account: ['']}}]"]
)
def test_what_is_not_even_rules_is_told_as_before(text: str) -> None:
    assert not any("the config has no" in line for line in told(text))


def test_choices_are_loaded_once_and_all_mistakes_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(rules_of("{account: mian}"))
    (tmp_path / "b.yaml").write_text(rules_of("{account: fund}"))
    loaded, mistakes = load_choices(["a.yaml", "b.yaml", "a.yaml", "balancd"], tmp_path, NAMES)
    assert list(loaded) == ["b.yaml"]
    assert ["mian" in one.what for one in mistakes] == [True, False]
    assert "balanced" in mistakes[1].hint


def test_a_symbol_that_no_market_has_is_told_with_the_nearest() -> None:
    rules = load_rules_text(rules_of("{symbol: [BTX/USDT:USDT, eth/usdt:usdt, kpepe/usdt:usdt, SO*]}"), "r")
    (one,) = unknown_symbols(rules, "main", "bybit", SYMBOLS)
    assert (one.symbol, one.nearest) == ("BTX/USDT:USDT", "BTC/USDT:USDT")
    assert (
        one.text == "room: match.symbol BTX/USDT:USDT is no market of the venue; did you mean BTC/USDT:USDT?"
    )


@pytest.mark.parametrize(
    ("symbol", "meant"),
    [
        ("BTC/USDC:USDT", "BTC/USDT:USDT"),
        ("XTH/USDT:USDT", "ETH/USDT:USDT"),
        ("kpep/usdt:usdt", "kPEPE/USDT:USDT"),
        ("DOGE/USDT:USDT", None),
    ],
)
def test_the_nearest_symbol_is_sought_by_base_then_by_the_rest(symbol: str, meant: str | None) -> None:
    rules = load_rules_text(rules_of(f"{{symbol: {symbol}}}"), "r")
    (one,) = unknown_symbols(rules, "main", "bybit", SYMBOLS)
    assert one.nearest == meant


def test_a_symbol_that_is_near_to_none() -> None:
    (one,) = unknown_symbols(load_rules_text(rules_of("{symbol: Q/Q:Q}"), "r"), "main", "bybit", SYMBOLS)
    assert one.nearest is None
    assert one.text.endswith("no market of the venue")


@pytest.mark.parametrize("match", ["account: fund", "venue: okx"])
def test_symbols_of_other_accounts_and_venues_are_not_judged(match: str) -> None:
    rules = load_rules_text(rules_of(f"{{symbol: BTX/USDT:USDT, {match}}}"), "r")
    assert unknown_symbols(rules, "main", "bybit", SYMBOLS) == ()
