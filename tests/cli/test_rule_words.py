"""A rule that hedges, in plain words."""

import pytest
from msgspec.structs import replace

from bot.cli.rule_words import words_of
from bot.model import HedgeTerms, OptionTerms
from bot.rules import load_rules_text

TEXT = """version: 1
rules:
  - {name: a, metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 35%, restore: 30%, do: [hedge]}
"""


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (HedgeTerms(max_share=0.4), "open a perpetual against a position, for at most 40 % of it"),
        (
            HedgeTerms(perp=False, put=OptionTerms(0.2, 14, 0.02), call=OptionTerms(0.1, 7, 0.005)),
            (
                "buy puts against a long position that protect beyond a fall of 20 %, with 14 to 42 days "
                "left, for at most 2.00 % of equity; buy calls against a short position that protect beyond "
                "a rise of 10 %, with 7 to 21 days left, for at most 0.50 % of equity"
            ),
        ),
    ],
)
def test_it_says_what_is_opened_against_what(terms: HedgeTerms, words: str) -> None:
    rule = replace(load_rules_text(TEXT, "r").rules[0], hedge=terms)
    assert dict(words_of(rule))["may"] == words
