"""`hedge` in a rule: what it means, and what is refused with the way out."""

import pytest

from bot.model import Action, HedgeTerms, OptionTerms, Right
from bot.risk.definitions import HEDGEABLE
from bot.rules import Rule, load_rules_text
from tests.rules.test_mistakes import mistakes

STRESS = "metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 35%, restore: 30%"
HELPS = "it helps account.net_leverage, account.joint_distance, account.stress_loss, account.cushion"
ELSE = "expected trim beside it, or a rule on another metric"


def rule(text: str) -> Rule:
    return load_rules_text(f"version: 1\nrules:\n  - {{name: a, {text}}}\n", "r").rules[0]


def told(text: str) -> list[str]:
    return [one.split(": ", 1)[1] for one in mistakes(f"version: 1\nrules:\n  - {{name: a, {text}}}\n")]


def test_without_a_word_the_defaults_hold() -> None:
    found = rule(f"{STRESS}, do: [trim, hedge]")
    assert found.permits == (Action.TRIM, Action.HEDGE)
    assert found.hedge == HedgeTerms()
    assert rule(f"{STRESS}, do: [trim]").hedge is None


def test_everything_that_can_be_said_is_meant() -> None:
    said = (
        "hedge: {with: [perp], venue: same, symbol: 'ETH/USDC:USDC', max_share: 80%, max_slippage: 1%, "
        "horizon: 3d, stop: 20%, unwind: restore}"
    )
    assert rule(f"{STRESS}, do: [hedge], {said}").hedge == HedgeTerms(
        symbol="ETH/USDC:USDC", max_share=0.8, horizon_seconds=259_200.0, max_slippage=0.01, stop=0.2
    )


@pytest.mark.parametrize("metric", HEDGEABLE)
def test_what_it_helps_may_be_hedged_alone(metric: str) -> None:
    scenarios = ", scenarios: [{BTC: -20%}]" if metric in ("account.stress_loss", "account.cushion") else ""
    limit = "min: 15%, restore: 20%" if metric.endswith("distance") else "max: 30%, restore: 20%"
    if metric == "account.net_leverage":
        limit = "max: 3, restore: 2"
    assert rule(f"metric: {metric}{scenarios}, {limit}, do: [hedge]").hedge is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "metric: account.leverage, max: 5, restore: 4, do: [hedge]",
            (
                f"do: a hedge cannot bring account.leverage back; {ELSE} "
                f"(it adds notional and maintenance margin; {HELPS})"
            ),
        ),
        (
            "metric: account.margin_ratio, max: 50%, restore: 40%, do: [hedge]",
            (
                f"do: a hedge cannot bring account.margin_ratio back; {ELSE} "
                f"(it adds notional and maintenance margin; {HELPS})"
            ),
        ),
        (
            "metric: position.liquidation_distance, min: 15%, restore: 20%, do: [hedge, notify]",
            f"do: a hedge cannot bring position.liquidation_distance back; {ELSE} ({HELPS})",
        ),
        (
            "metric: account.concentration, max: 60%, restore: 50%, do: [hedge]",
            "do: account.concentration is for alerts only, it cannot hedge; expected [notify]",
        ),
        (
            f"{STRESS}, do: [hedge, halt]",
            "do: a halted account could not unwind its hedge; expected hedge or halt (write two rules)",
        ),
        (f"{STRESS}, do: [trim], hedge: {{max_share: 20%}}", "hedge: there is no hedge in do"),
        (
            "metric: account.net_leverage, max: 5, do: [hedge]",
            (
                "'restore' is missing: a rule that hedges says how far "
                "(at the limit itself the next small move would fire again)"
            ),
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{with: [put], put: {{min_days: 0}}}}",
            "hedge.put.min_days: 0 is out of range; expected 1 to 120",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{with: [put], put: {{min_days: 14d}}}}",
            "hedge.put.min_days: '14d' is not a number of days; expected a whole number such as 14",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{with: [put], put: {{max_premium: 2}}}}",
            "hedge.put.max_premium: 2 means 200 %: write 2%",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{with: perp}}",
            "hedge.with: 'perp' is not a list; expected a list such as [perp]",
        ),
        (f"{STRESS}, do: [hedge], hedge: {{with: [perp, perp]}}", "hedge.with: 'perp' is given twice"),
        (
            f"{STRESS}, do: [hedge], hedge: {{venue: deribit}}",
            "hedge.venue: 'deribit' is not available in this version (known: same)",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{put: {{min_days: 14}}}}",
            "hedge.put: there is no put in hedge.with; expected with: [put]",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{max_shar: 20%}}",
            "unknown key 'max_shar' (did you mean 'max_share'?)",
        ),
        (f"{STRESS}, do: [hedge], hedge: {{max_share: 50}}", "hedge.max_share: 50 means 5000 %: write 50%"),
        (
            f"{STRESS}, do: [hedge], hedge: {{stop: 60%}}",
            "hedge.stop: '60%' is out of range; expected 1% to 50%",
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{horizon: 5}}",
            (
                "hedge.horizon: 5 has no unit; expected a duration such as 5s, 10m, 1h30m or 2d "
                "(write 5s for seconds)"
            ),
        ),
        (
            f"{STRESS}, do: [hedge], hedge: {{unwind: never}}",
            "hedge.unwind: 'never' is not known; expected one of restore",
        ),
        *(
            (
                f"{STRESS}, do: [hedge], hedge: {{symbol: {symbol}}}",
                f"hedge.symbol: {shown} is no perpetual; expected a symbol such as BTC/USDT:USDT",
            )
            for symbol, shown in (
                ("'BTC*'", "'BTC*'"),
                ("BTCUSDT", "'BTCUSDT'"),
                ("'BTC/USDT:USDT-261225'", "'BTC/USDT:USDT-261225'"),
                ("5", "5"),
            )
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(text: str, expected: str) -> None:
    assert told(text) == [expected]


def test_beside_a_trim_it_may_stand_on_any_limit() -> None:
    assert rule("metric: account.leverage, max: 5, restore: 4, do: [trim, hedge]").hedge is not None


def test_an_option_alone_stands_on_what_it_helps() -> None:
    joint = "metric: account.joint_distance, min: 15%, restore: 20%"
    expected = (
        "hedge.with: an option cannot bring account.joint_distance back; expected perp beside it, or a "
        "rule on another metric (it helps account.stress_loss, account.cushion)"
    )
    assert told(f"{joint}, do: [hedge], hedge: {{with: [put]}}") == [expected]
    for beside in ("do: [hedge, trim], hedge: {with: [put]}", "do: [hedge], hedge: {with: [perp, call]}"):
        assert rule(f"{joint}, {beside}").hedge is not None


def test_options_are_said_by_their_terms() -> None:
    own = "put: {protect_below: 15%, min_days: 7}"
    put = rule(f"{STRESS}, do: [hedge], hedge: {{with: [put, call], {own}}}")
    assert put.hedge is not None
    assert not put.hedge.perp
    assert put.hedge.options(Right.PUT) == OptionTerms(0.15, 7, 0.02)
    assert put.hedge.options(Right.CALL) == OptionTerms()
    assert OptionTerms(0.15, 7, 0.02).max_days == 21
