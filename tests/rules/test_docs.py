"""docs/rules.md says what the code does."""

from pathlib import Path

import pytest

from bot.model import Action, BlindAction, Severity, State
from bot.risk.market_definitions import MARKET_METRICS
from bot.risk.metrics import METRICS, Scope
from bot.rules import load_rules_text, profile_names
from bot.rules.hedges import HedgeShape, OptionShape
from bot.rules.limits import TRADING_CANNOT_MOVE
from bot.rules.moves import MOVE_WORDS
from bot.rules.schema import DefaultsShape, FileShape, IfBlindShape, MatchShape, RuleShape, TrimShape
from bot.rules.schema_hours import ActiveShape

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
TEXT = (DOCS / "rules.md").read_text()
HEDGING = (DOCS / "hedging.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells of the tables below a heading, by their first cell."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].replace("\\|", "/")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return {row[0].strip("`"): row[1:] for row in cells if row[0].startswith("`")}


def test_every_field_is_documented_and_no_other() -> None:
    assert set(rows("The file")) == {
        *FileShape.known_keys(),
        *(f"defaults.{key}" for key in DefaultsShape.known_keys()),
    }
    assert set(rows("A rule")) == {
        *RuleShape.known_keys(),
        *(f"match.{key}" for key in MatchShape.known_keys()),
        *(f"trim.{key}" for key in TrimShape.known_keys()),
        *(f"hedge.{key}" for key in HedgeShape.known_keys()),
        *(f"put.{key}" for key in OptionShape.known_keys()),
        *(f"if_blind.{key}" for key in IfBlindShape.known_keys()),
        *(f"active.{key}" for key in ActiveShape.known_keys()),
        *(f"{part[0]}.{key}" for part, keys in MOVE_WORDS.items() for key in keys),
    }


def test_every_word_is_documented() -> None:
    assert set(rows("Actions")) == {action.value for action in Action}
    assert set(rows("Profiles")) == set(profile_names())
    for word in BlindAction:
        assert f"\n| {word.value} |" in TEXT.split("## What cannot be seen", 1)[1].split("\n## ", 1)[0]
    states = TEXT.split("## What a rule does over time", 1)[1]
    for state in State:
        assert f"\n| {state.value} |" in states
    for severity in Severity:
        assert f"`{severity.value}`" in rows("A rule")["severity"][1]


def test_every_metric_is_documented_as_it_is() -> None:
    told = rows("Metrics")
    assert set(told) == set(METRICS)
    for name, (limit, _, permits, meaning) in told.items():
        definition = METRICS[name]
        assert limit == f"`{definition.sense.value}`"
        assert meaning.startswith(definition.description.replace("|", "/"))
        assert ("`scenarios`" in meaning) is ("scenarios" in definition.parameters)
        if definition.alert_only:
            assert permits == "notify"
        elif name == "account.available":
            assert permits == "all but trades"
        elif name in TRADING_CANNOT_MOVE:
            assert permits == "all but trim and close"
        else:
            assert permits == ("all" if definition.scope is Scope.POSITION else "all but close")


def test_every_metric_of_a_market_is_documented_as_it_is() -> None:
    told = rows("Metrics of a market")
    assert set(told) == set(MARKET_METRICS)
    for name, (_, meaning) in told.items():
        assert meaning == MARKET_METRICS[name].description


@pytest.mark.parametrize("block", TEXT.split("```yaml\n")[1:])
def test_the_examples_load(block: str) -> None:
    assert load_rules_text(block.split("```")[0], "docs/rules.md").rules


def test_the_examples_of_hedging_load() -> None:
    blocks = HEDGING.split("```yaml\n")[1:]
    assert blocks
    assert all(load_rules_text(block.split("```")[0], "docs/hedging.md").rules for block in blocks)
