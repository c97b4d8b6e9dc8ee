"""Rules in the tempo of the demo."""

from datetime import timedelta

from bot.demo.tempo import hastened
from bot.rules import load_rules_text, profile_names, profile_path

TEXT = """\
version: 1
defaults: {for: 0s, cooldown: 30s}
rules:
  - name: leverage cap   # a cap
    metric: account.leverage
    max: 4
    restore: 3.5
    for: 1m
    do: [trim]
    trim: {max_slippage: 1%, escalate_after: 6s}
"""


def test_durations_are_divided_and_nothing_else() -> None:
    made = hastened(TEXT, 300, "profile mine")
    assert made.startswith("# The profile mine")
    rule = load_rules_text(made, "rules.yaml").rules[0]
    plain = load_rules_text(TEXT, "rules.yaml").rules[0]
    assert (rule.hold, rule.cooldown) == (timedelta(milliseconds=200), timedelta(milliseconds=100))
    assert rule.trim.escalate_after_seconds == 0.02
    assert (rule.limit, rule.goal, rule.permits) == (plain.limit, plain.goal, plain.permits)
    assert rule.trim.max_slippage == plain.trim.max_slippage


def test_every_profile_that_ships_can_be_played() -> None:
    for name in profile_names():
        text = profile_path(name).read_text()
        rules = load_rules_text(hastened(text, 300, name), name)
        assert [one.name for one in rules.rules] == [one.name for one in load_rules_text(text, name).rules]
