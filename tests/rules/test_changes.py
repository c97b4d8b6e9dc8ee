"""What changed between two versions of rules, in words."""

from bot.rules import load_rules_text, rule_changes

BEFORE = """
version: 1
rules:
  - {name: cap, metric: account.leverage, max: 5, restore: 4, do: [trim]}
  - {name: room, metric: position.liquidation_distance, min: 15%, restore: 20%, for: 5s, do: [trim]}
  - {name: old, metric: account.drawdown, max: 25%, do: [notify]}
"""
AFTER = """
version: 1
rules:
  - {name: new, metric: account.drawdown, max: 20%, do: [notify]}
  - {name: cap, metric: account.leverage, max: 4.5, restore: 4, do: [trim, halt], approve: true}
  - {name: room, metric: position.liquidation_distance, min: 12%, restore: 18%, for: 1m, do: [trim]}
"""


def test_rules_that_came_went_and_moved() -> None:
    before, after = load_rules_text(BEFORE, "a"), load_rules_text(AFTER, "a")
    assert rule_changes(before, after) == (
        "removed: old",
        "added: new",
        "cap: max 5 -> 4.5, do [trim] -> [trim, halt], approve False -> True",
        "room: min 15 % -> 12 %, restore 20 % -> 18 %, for 5s -> 60s",
    )


def test_only_the_text_changed() -> None:
    before, after = load_rules_text(BEFORE, "a"), load_rules_text(f"# a word\n{BEFORE}", "a")
    assert rule_changes(before, after) == ("nothing but the text",)
