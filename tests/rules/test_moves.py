"""The parts of a rule for actions that are no orders: what they mean, and every mistake in them."""

import pytest

from bot.model import Action, Keep, MarginTerms, MoveTerms, SecureTerms, Stable
from bot.rules import load_rules_text
from tests.rules.test_mistakes import CHURN, of_rule

FAR = {"metric": "position.liquidation_distance", "max": "", "min": "15%", "restore": "20%"}
FREE = {"metric": "account.available", "max": "50k", "restore": "40k", "do": "[secure]"}
ADD = {**FAR, "do": "[add_margin]"}
NO_KEEP = (
    "'secure.keep' is missing: the free margin that stays; "
    "expected secure: {keep: 2000} or secure: {keep: 50%}"
)
LOWER = {"do": "[lower_leverage]"}


def moves_of(**fields: str) -> MoveTerms:
    """The terms of a right rule."""
    lines = "\n    ".join(f"{key}: {value}" for key, value in {"name": "a", **fields}.items() if value)
    (rule,) = load_rules_text(f"version: 1\nrules:\n  - {lines}\n", "r").rules
    return rule.moves


def test_what_a_rule_means_that_says_nothing() -> None:
    assert moves_of(**ADD) == MoveTerms(MarginTerms(0.3, None, Keep(share=0.05)), 0.0, None)


def test_what_a_rule_may_say() -> None:
    assert moves_of(**ADD, add_margin="{max_share: 10%, max_per_day: 2k, keep: 500}").margin == MarginTerms(
        0.1, 2000.0, Keep(usd=500.0)
    )
    assert moves_of(metric="account.leverage", max="5", do="[lower_leverage]", lower_leverage="{to: 3x}") == (
        MoveTerms(leverage_to=3.0)
    )
    told = "{keep: 25%, to: fund, convert: true, stable: USDC, max_per_day: 1M, max_slippage: 1%}"
    assert moves_of(**FREE, secure=told).secure == SecureTerms(
        Keep(share=0.25), convert=True, stable=Stable.USDC, max_per_day=1e6, max_slippage=0.01
    )


def test_protect_needs_nothing_more() -> None:
    text = "version: 1\nrules:\n  - {name: a, metric: account.leverage, max: 5, do: [protect]}\n"
    assert load_rules_text(text, "r").rules[0].permits == (Action.PROTECT,)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"do": "[add_margin]"},
            [
                (
                    "do: more margin does not move account.leverage; expected a metric such as "
                    "position.leverage, position.liquidation_distance"
                )
            ],
        ),
        (
            {"do": "[secure]", "metric": "account.margin_ratio", "max": "50%", "restore": "40%"},
            [
                NO_KEEP,
                (
                    "do: money is not moved out on account.margin_ratio; expected one of account.available, "
                    "account.equity, account.leverage, account.net_leverage, account.drawdown, "
                    "account.daily_loss"
                ),
            ],
        ),
        (
            {**FREE, "do": "[trim]"},
            ["do: to trim only makes account.available larger; expected notify or secure"],
        ),
        (
            {"do": "[secure, trim]", "secure": "{keep: 5}"},
            [
                (
                    "do: secure takes strength from the account, and the rest of the list gives it some; "
                    "expected two rules"
                )
            ],
        ),
        (
            {**FAR, "restore": "", "do": "[add_margin]"},
            [f"'restore' is missing: a rule that adds margin says how far {CHURN}"],
        ),
        (LOWER, ["'lower_leverage.to' is missing: the leverage to set; expected lower_leverage: {to: 5}"]),
        (
            {**LOWER, "lower_leverage": "{}"},
            ["'lower_leverage.to' is missing: the leverage to set; expected lower_leverage: {to: 5}"],
        ),
        (
            {**FREE, "secure": "{convert: true}"},
            [NO_KEEP],
        ),
        ({"add_margin": "{}"}, ["add_margin: there is no add_margin in do"]),
        ({"lower_leverage": "{to: 5}"}, ["lower_leverage: there is no lower_leverage in do"]),
        ({"secure": "{keep: 5}"}, ["secure: there is no secure in do"]),
        ({**ADD, "add_margin": "much"}, ["add_margin: 'much' is not right; expected a mapping"]),
        (
            {**ADD, "add_margin": "{max_shar: 5%}"},
            ["unknown key 'max_shar' (did you mean 'max_share'?)"],
        ),
        ({**ADD, "add_margin": "{max_share: 30}"}, ["add_margin.max_share: 30 means 3000 %: write 30%"]),
        (
            {**ADD, "add_margin": "{max_per_day: 0}"},
            ["add_margin.max_per_day: 0 is out of range; expected 1 to 1e+12"],
        ),
        (
            {**ADD, "add_margin": "{keep: [5]}"},
            ["add_margin.keep: a list is not an amount; expected USD such as 2000, or a share such as 30%"],
        ),
        ({**ADD, "add_margin": "{keep: -5}"}, ["add_margin.keep: -5 is out of range; expected 0 to 1e+12"]),
        (
            {**ADD, "add_margin": "{keep: 2000%}"},
            ["add_margin.keep: '2000%' is out of range; expected 0% to 1000%"],
        ),
        (
            {**LOWER, "lower_leverage": "{to: 0.5}"},
            ["lower_leverage.to: 0.5 is out of range; expected 1 to 200"],
        ),
        (
            {**FREE, "secure": "{keep: 5, to: bank}"},
            ["secure.to: 'bank' is not known; expected one of fund"],
        ),
        (
            {**FREE, "secure": "{keep: 5, stable: DAI}"},
            ["secure.stable: 'DAI' is not known; expected one of USDT, USDC"],
        ),
        (
            {**FREE, "secure": "{keep: 5, convert: maybe}"},
            ["secure.convert: 'maybe' is not right; expected true or false"],
        ),
        (
            {"do": "add_margin"},
            [
                (
                    "do: 'add_margin' is not a list; expected a list such as [cancel_orders, trim] "
                    "(write [add_margin])"
                )
            ],
        ),
    ],
)
def test_mistakes(fields: dict[str, str], expected: list[str]) -> None:
    assert of_rule(**fields) == expected
