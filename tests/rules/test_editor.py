"""The JSON Schema for editors: current, agreeing with what loads, and refusing what is plainly wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bot.documents import MistakesError
from bot.risk.definitions import METRICS, Unit
from bot.risk.market_definitions import MARKET_METRICS
from bot.rules import load_rules_text, profile_names, profile_path
from bot.rules.editor import rules_schema, schema_text
from bot.rules.hedges import HedgeShape, OptionShape
from bot.rules.moves import AddMarginShape, LowerLeverageShape, SecureShape
from bot.rules.schema import DefaultsShape, FileShape, IfBlindShape, MatchShape, RuleShape, TrimShape
from bot.rules.schema_hours import ActiveShape

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "config" / "rules.schema.json"
SCHEMA: Any = json.loads(COMMITTED.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
RIGHT = {"name": "a", "metric": "account.leverage", "max": 5, "restore": 4, "do": ["trim"]}
MARKET = {"name": "a", "metric": "market.fall_24h", "market": "BTC", "min": "10%", "do": ["notify"]}
WHEN = {"name": "a", "when": "account.leverage > 3", "do": ["close_all"]}


def loads(text: str) -> bool:
    try:
        load_rules_text(text, "r")
    except MistakesError:
        return False
    return True


def agrees(rule: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the schema takes a rule, and whether it loads."""
    whole = {"version": 1, "rules": [rule]}
    return VALIDATOR.is_valid(whole), loads(json.dumps(whole))


def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(), "reef rules schema > config/rules.schema.json"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(rules_schema())


@pytest.mark.parametrize("name", profile_names())
def test_shipped_files_name_it_and_are_right_by_it(name: str) -> None:
    path = profile_path(name)
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../config/rules.schema.json"
    assert (path.parent / "../config/rules.schema.json").resolve() == COMMITTED
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(path))


@pytest.mark.parametrize("block", (ROOT / "docs" / "rules.md").read_text().split("```yaml\n")[1:])
def test_the_examples_of_the_docs_are_right_by_it(block: str) -> None:
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(block.split("```")[0]))


def test_it_knows_every_key_and_no_other() -> None:
    rule = SCHEMA["properties"]["rules"]["items"]["properties"]
    assert set(SCHEMA["properties"]) == set(FileShape.known_keys())
    assert set(SCHEMA["properties"]["defaults"]["properties"]) == set(DefaultsShape.known_keys())
    assert set(rule) == set(RuleShape.known_keys())
    for key, shape in (
        ("match", MatchShape),
        ("trim", TrimShape),
        ("hedge", HedgeShape),
        ("add_margin", AddMarginShape),
        ("lower_leverage", LowerLeverageShape),
        ("secure", SecureShape),
        ("if_blind", IfBlindShape),
        ("active", ActiveShape),
    ):
        assert set(rule[key]["properties"]) == set(shape.known_keys())
    for key in ("put", "call"):
        assert set(rule["hedge"]["properties"][key]["properties"]) == set(OptionShape.known_keys())
    assert all("description" in one for one in rule.values())


@pytest.mark.parametrize("name", sorted({**METRICS, **MARKET_METRICS}))
def test_every_metric_is_taken(name: str) -> None:
    definition = {**METRICS, **MARKET_METRICS}[name]
    limit = "30%" if definition.unit is Unit.PERCENT else 3
    rule: dict[str, Any] = {"name": "a", "metric": name, definition.sense.value: limit, "do": ["notify"]}
    if "scenarios" in definition.parameters:
        rule["scenarios"] = [{"BTC": "-20%"}]
    if name in MARKET_METRICS:
        rule["market"] = "BTC"
    assert agrees(rule) == (True, True)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max": "5x"},
        {"max": "10_000"},
        {"for": "1h30m", "cooldown": 0, "severity": "info", "gates": "off", "approve": True},
        {"active": {"hours": "22:00-06:00", "days": ["mon"], "zone": "UTC"}},
        {"match": {"account": "a*", "venue": ["x"], "tags": "t"}},
        {"if_blind": {"after": "5s", "do": ["notify"]}},
        {"trim": {"max_share": "100%", "max_slippage": 0.01, "order": "market", "escalate_after": "5s"}},
        {"when": "account.leverage > 3"},
        {
            "metric": "account.net_leverage",
            "do": ["trim", "hedge"],
            "hedge": {"with": ["perp"], "stop": "5%"},
        },
        {"do": ["lower_leverage"], "lower_leverage": {"to": "5x"}, "restore": 4},
        {"do": ["secure"], "secure": {"keep": "50%", "convert": True}},
        {"do": ["secure"], "secure": {"keep": 2000, "max_per_day": "10k"}},
    ],
)
def test_what_is_right_is_right_for_both(changes: dict[str, Any]) -> None:
    assert agrees(RIGHT | changes) == (True, True)


def test_conditions_and_markets_are_right_for_both() -> None:
    assert agrees(WHEN) == (True, True)
    assert agrees(MARKET) == (True, True)


@pytest.mark.parametrize(
    "rule",
    [
        RIGHT | {"max": "15%"},
        RIGHT | {"metric": "account.margin_ratio", "max": 15},
        RIGHT | {"metric": "account.leverge"},
        RIGHT | {"min": 4},
        {"name": "a", "metric": "account.leverage", "min": 5, "do": ["notify"]},
        {"name": "a", "metric": "account.leverage", "do": ["notify"]},
        {"name": "a", "max": 5, "do": ["notify"]},
        {"metric": "account.leverage", "max": 5, "do": ["notify"]},
        {"name": "a", "metric": "account.leverage", "max": 5},
        RIGHT | {"do": []},
        RIGHT | {"do": "trim"},
        RIGHT | {"do": ["trim", "trim"]},
        RIGHT | {"do": ["trimm"]},
        RIGHT | {"do": ["close"]},
        RIGHT | {"market": "BTC"},
        RIGHT | {"scenarios": [{"BTC": "-20%"}]},
        RIGHT | {"nam": "b"},
        RIGHT | {"for": 5},
        RIGHT | {"for": "5 apples"},
        RIGHT | {"severity": "loud"},
        RIGHT | {"gates": "of"},
        RIGHT | {"approve": "yes"},
        RIGHT | {"active": {"hours": "8-22"}},
        RIGHT | {"active": {"days": ["monday"]}},
        RIGHT | {"active": {"hour": "08:00-22:00"}},
        RIGHT | {"match": {"side": "up"}},
        RIGHT | {"match": {"tag": "x"}},
        RIGHT | {"inhibited_by": []},
        RIGHT | {"if_blind": {"after": "5s"}},
        RIGHT | {"if_blind": {"do": ["trim"]}},
        RIGHT | {"trim": {"max_share": 50}},
        RIGHT | {"metric": "account.drawdown", "max": "25%", "restore": "20%"},
        {"name": "a", "metric": "account.cushion", "max": "25%", "do": ["notify"]},
        {"name": "a", "metric": "account.concentration", "max": "25%", "do": ["halt"]},
        WHEN | {"do": ["trim"]},
        WHEN | {"max": 5},
        WHEN | {"when": 5},
        WHEN | {"when": ""},
        WHEN | {"when": "x" * 501},
        MARKET | {"do": ["trim"]},
        MARKET | {"do": ["close"]},
        MARKET | {"min": 15},
        MARKET | {"market": "btc"},
        {"name": "a", "metric": "market.fall_24h", "min": "10%", "do": ["notify"]},
        5,
    ],
)
def test_what_is_plainly_wrong_is_wrong_for_both(rule: Any) -> None:
    assert agrees(rule) == (False, False)


@pytest.mark.parametrize(
    "text", ["rules: []", "version: 2", "version: 1\nrules: []", "version: 1\nrule: []", "[]"]
)
def test_a_file_that_is_plainly_wrong(text: str) -> None:
    assert not VALIDATOR.is_valid(YAML(typ="safe", pure=True).load(text))
