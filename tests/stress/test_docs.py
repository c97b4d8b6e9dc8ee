"""docs/stress.md says what the code and the shipped scenarios are."""

from pathlib import Path

from bot.rules import load_rules_text
from bot.scenarios.loading import load_stress, load_stress_text, shipped_file
from bot.scenarios.schema import FileShape, FundingShape, LadderShape, ScenarioShape

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "stress.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells if row[0].startswith("`") and len(row) > 1}


def test_every_shipped_scenario_is_told_and_no_other() -> None:
    shipped = {one.name: one.about for one in load_stress(shipped_file())}
    assert {name: row[0] for name, row in rows("Scenarios that ship").items()} == shipped


def test_every_key_is_documented_and_no_other() -> None:
    scenario = [key for key in ScenarioShape.known_keys() if key != "funding"]
    assert set(rows("Your own scenarios")) == {
        *FileShape.known_keys(),
        *scenario,
        *(f"funding.{key}" for key in FundingShape.known_keys()),
        *(f"ladder.{key}" for key in LadderShape.known_keys()),
    }


def test_the_example_loads() -> None:
    block = TEXT.split("## Your own scenarios", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
    assert len(load_stress_text(block, "docs/stress.md")) == 5


def test_the_rule_loads() -> None:
    section = TEXT.split("## Scenarios that ship", 1)[1]
    block = section.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert len(load_rules_text(block, "docs/stress.md").rules[0].scenarios) == 4


def test_twelve_scenarios_and_more_ship() -> None:
    shipped = load_stress(shipped_file())
    assert len(shipped) >= 12
    assert {-0.05, -0.6} <= {one.moves.get("BTC") for one in shipped}
