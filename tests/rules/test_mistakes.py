"""Rule files with mistakes: each is told with its place and what to write instead."""

import pytest

from bot.documents import MistakesError
from bot.rules import load_rules_text

BASES = "letters and digits such as BTC"
SCENARIOS = "expected a list such as [{BTC: -20%}, {BTC: -20%, ETH: -28%}]"
NAMED = (
    "expected moves such as {BTC: -20%}, or one of november 21, autumn 2025, october 10, march 2020, "
    "may 2021, volatility shock, BTC -5 %, "
    "BTC -10 %, BTC -15 %, BTC -20 %, BTC -30 %, BTC -40 %, BTC -50 %, BTC -60 %"
)
NO_REST = "0s leaves a passive order no time to rest"
ACTIONS = (
    "notify, cancel_orders, trim, close, close_all, hedge, add_margin, lower_leverage, secure, protect, halt"
)
DURATION = "expected a duration such as 5s, 10m, 1h30m or 2d"
NUMBER = "expected a number such as 5 or 15%"
CHURN = "(at the limit itself the next small move would fire again)"
STRESS = {"metric": "account.stress_loss", "max": "30%", "restore": "25%"}
SEVERITIES = "expected one of info, warning, critical"
NO_SYMBOL = "matches no symbol; expected a symbol such as BTC/USDT:USDT (or BTC* for all of BTC)"
RIGHT = "{name: a, metric: account.leverage, max: 5, do: [notify]}"


def mistakes(text: str) -> list[str]:
    with pytest.raises(MistakesError) as error:
        load_rules_text(text, "r")
    return str(error.value).splitlines()


def of_rule(**fields: str) -> list[str]:
    """Mistakes of a right rule with some fields written anew; '' takes a field out."""
    right = {"name": "a", "metric": "account.leverage", "max": "5", "restore": "4", "do": "[trim]"}
    lines = [f"{key}: {value}" for key, value in {**right, **fields}.items() if value]
    return [told.split(": ", 1)[1] for told in mistakes("version: 1\nrules:\n  - " + "\n    ".join(lines))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", ["r:1:1: this: a list is not right; expected a mapping"]),
        ("a", ["r:1:1: this: 'a' is not right; expected a mapping"]),
        ("version: 1", ["r:1:1: 'rules' is missing"]),
        (
            "rules: []",
            [
                "r:1:1: 'version' is missing (write version: 1)",
                "r:1:8: rules: a list is not a list of rules; expected a list of at least one rule",
            ],
        ),
        (
            "version: 1\nrules:",
            ["r:2:7: rules: nothing is not a list of rules; expected a list of at least one rule"],
        ),
        (
            "version: 2\nrules: x",
            [
                "r:1:10: version: 2 is not a version that is known; expected version: 1",
                "r:2:8: rules: 'x' is not a list of rules; expected a list of at least one rule",
            ],
        ),
        (
            "version: true\nrule: []",
            [
                "r:1:1: 'rules' is missing",
                "r:1:10: version: true is not a version that is known; expected version: 1",
                "r:2:1: unknown key 'rule' (did you mean 'rules'?)",
            ],
        ),
        (
            "version: 1.0\nrules: [x, 3]",
            [
                "r:1:10: version: 1.0 is not a version that is known; expected version: 1",
                "r:2:9: this: 'x' is not right; expected a mapping",
                "r:2:12: this: 3 is not right; expected a mapping",
            ],
        ),
        (f"version: 1\nrules: [{'x, ' * 201}]", ["r:2:8: rules: more than 200 rules"]),
        (
            f"version: 1\ndefaults: {{gates: off, if_blind: x}}\nrules: [{RIGHT}]",
            ["r:2:24: unknown key 'if_blind' (known: approve, cooldown, for, gates, severity)"],
        ),
        (
            f"version: 1\ndefaults: {{approve: 1}}\nrules: [{RIGHT}]",
            ["r:2:21: defaults.approve: 1 is not right; expected true or false"],
        ),
        (
            f"version: 1\ndefaults: {{gates: maybe}}\nrules: [{RIGHT}]",
            ["r:2:19: defaults.gates: 'maybe' is not known; expected one of on, off"],
        ),
        (
            f"version: 1\ndefaults: {{for: 5, cooldwn: 1s, severity: loud}}\nrules: [{RIGHT}]",
            [
                f"r:2:17: defaults.for: 5 has no unit; {DURATION} (write 5s for seconds)",
                "r:2:20: unknown key 'cooldwn' (did you mean 'cooldown'?)",
                "r:2:43: defaults.severity: 'loud' is not known; expected one of info, warning, critical",
            ],
        ),
    ],
)
def test_mistakes_of_the_file(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, ["'name' is missing"]),
        ({"name": "5"}, ["name: 5 is not a name; expected text such as leverage cap"]),
        ({"name": '"-"'}, ["name: '-' is not a name; expected words on one line"]),
        ({"name": r'"a\nb"'}, [r"name: 'a\nb' is not a name; expected words on one line"]),
        ({"name": "a" * 81}, ["name: the name is longer than 80 characters"]),
        ({"metric": ""}, ["'metric' is missing (a rule has a metric, a condition in when, or both)"]),
        ({"metric": "[1]"}, ["metric: a list is not a metric; expected a name such as account.leverage"]),
        (
            {"metric": "account.levrage"},
            ["metric: 'account.levrage' is not a metric (did you mean 'account.leverage'?)"],
        ),
        (
            {"metric": "acount.drawdwn", "max": ""},
            [
                "the limit is missing: write max or min",
                "metric: 'acount.drawdwn' is not a metric (did you mean 'account.drawdown'?)",
            ],
        ),
        ({"max": ""}, ["the limit is missing: write max"]),
        ({"min": "4"}, ["max and min are both given; expected one of them (write two rules)"]),
        ({"max": "", "min": "5"}, ["account.leverage fires above its limit: write max instead of min"]),
        (
            {"metric": "account.joint_distance", "max": "15%"},
            ["account.joint_distance fires below its limit: write min instead of max"],
        ),
        ({"max": "true"}, [f"max: true is not a number; {NUMBER}"]),
        ({"max": "[5]"}, [f"max: a list is not a number; {NUMBER}"]),
        ({"max": "~"}, [f"max: nothing is not a number; {NUMBER}"]),
        (
            {"max": "~", "min": "~"},
            [f"max: nothing is not a number; {NUMBER}", f"min: nothing is not a number; {NUMBER}"],
        ),
        (
            {"max": "~", "min": "5"},
            [
                f"max: nothing is not a number; {NUMBER}",
                "max and min are both given; expected one of them (write two rules)",
            ],
        ),
        ({"max": "many"}, ["max: 'many' is not a number; expected a number such as 5, 10_000 or 10k"]),
        ({"max": "-5"}, ["max: -5 is negative; expected a positive number"]),
        (
            {"max": "0", "restore": ""},
            [
                "'restore' is missing: a rule that trims says how far " + CHURN,
                "max: 0 is no limit; expected a limit above 0",
            ],
        ),
        ({"max": ".nan"}, ["max: nan is not a finite number; expected a number such as 5, 10_000 or 10k"]),
        ({"max": "500%"}, ["max: '500%': account.leverage is not a percentage; expected a number such as 5"]),
        (
            {"metric": "account.equity", "max": "", "min": "5%", "restore": "", "do": "[notify]"},
            ["min: '5%': account.equity is not a percentage; expected a number such as 10_000"],
        ),
        (
            {"metric": "account.margin_ratio", "max": "50", "restore": "35"},
            ["max: 50 means 5000 %: write 50%", "restore: 35 means 3500 %: write 35%"],
        ),
        (
            {"metric": "account.margin_ratio", "max": "100%", "restore": "35%"},
            ["max: 100 % is too late; expected less than 100 %"],
        ),
        ({"restore": ""}, ["'restore' is missing: a rule that trims says how far " + CHURN]),
        ({"restore": "6"}, ["restore: 6 is on the wrong side of max 5; expected less than 5"]),
        ({"restore": "5"}, ["restore: 5 is the limit itself; expected less than 5 " + CHURN]),
        ({"restore": "false"}, [f"restore: false is not a number; {NUMBER}"]),
        ({"restore": "-1"}, ["restore: -1 is negative; expected a positive number"]),
        (
            {"metric": "account.joint_distance", "max": "", "min": "15%", "restore": "10%"},
            ["restore: 10 % is on the wrong side of min 15 %; expected more than 15 %"],
        ),
        (
            {"metric": "account.equity", "max": "", "min": "10k", "restore": "9k", "do": "[halt]"},
            ["restore: 9,000 USD is on the wrong side of min 10,000 USD; expected more than 10,000 USD"],
        ),
        ({"for": "5"}, [f"for: 5 has no unit; {DURATION} (write 5s for seconds)"]),
        ({"for": "soon"}, [f"for: 'soon' is not a duration; {DURATION}"]),
        ({"for": "25h"}, ["for: '25h' is out of range; expected 0s to 1d"]),
        ({"cooldown": "-5s"}, [f"cooldown: '-5s' is not a duration; {DURATION}"]),
        ({"cooldown": "8d"}, ["cooldown: '8d' is out of range; expected 0s to 7d"]),
        ({"cooldown": "[1s]"}, [f"cooldown: a list is not a number; {DURATION}"]),
        ({"severity": "high"}, ["severity: 'high' is not known; expected one of info, warning, critical"]),
        (
            {"severity": "critcal"},
            [f"severity: 'critcal' is not known; {SEVERITIES} (did you mean 'critical'?)"],
        ),
        ({"severity": "5"}, ["severity: 5 is not known; expected one of info, warning, critical"]),
        ({"do": ""}, ["'do' is missing"]),
        ({"do": "[]"}, ["do: the list is empty (a rule that only tells has [notify])"]),
        (
            {"do": "trim"},
            ["do: 'trim' is not a list; expected a list such as [cancel_orders, trim] (write [trim])"],
        ),
        ({"do": "5"}, ["do: 5 is not a list; expected a list such as [cancel_orders, trim]"]),
        ({"do": "[trim, trim]"}, ["do: 'trim' is given twice"]),
        (
            {"do": "[tirm, 5, cancel]"},
            [
                f"do: 'tirm' is not known; expected one of {ACTIONS} (did you mean 'trim'?)",
                f"do: 5 is not known; expected one of {ACTIONS}",
                f"do: 'cancel' is not known; expected one of {ACTIONS} (did you mean 'cancel_orders'?)",
            ],
        ),
        (
            {"do": "[close]"},
            [
                (
                    "do: account.leverage names no position to close; "
                    "expected close_all, or a metric of a position"
                )
            ],
        ),
        (
            {"metric": "account.drawdown", "max": "25%", "restore": "25%"},
            [
                (
                    "do: trimming cannot bring account.drawdown back "
                    "(use close_all or halt, or a rule on account.cushion, which acts before the loss)"
                )
            ],
        ),
        (
            {"metric": "account.concentration", "max": "60%", "restore": "50%", "do": "[notify, halt]"},
            ["do: account.concentration is for alerts only, it cannot halt; expected [notify]"],
        ),
        ({"trim": "{max_share: 50%}", "do": "[halt]"}, ["trim: there is no trim in do"]),
        ({"trim": "hard"}, ["trim: 'hard' is not right; expected a mapping"]),
        ({"trim": "{max_shar: 50%}"}, ["unknown key 'max_shar' (did you mean 'max_share'?)"]),
        ({"trim": "{max_share: 50}"}, ["trim.max_share: 50 means 5000 %: write 50%"]),
        ({"trim": "{max_share: 150%}"}, ["trim.max_share: '150%' is out of range; expected 1% to 100%"]),
        (
            {"trim": "{max_slippage: 20%}"},
            ["trim.max_slippage: '20%' is out of range; expected 0.01% to 10%"],
        ),
        (
            {"trim": "{max_slippage: true}"},
            ["trim.max_slippage: true is not a number; expected a percentage such as 15%"],
        ),
        (
            {"trim": "{order: limit}"},
            ["trim.order: 'limit' is not known; expected one of ioc, market, passive"],
        ),
        (
            {"trim": "{order: passive, escalate_after: 0s}"},
            [f"trim.escalate_after: {NO_REST}; expected more than 0s (or write order: ioc)"],
        ),
        (
            {"trim": "{escalate_after: 5}"},
            [f"trim.escalate_after: 5 has no unit; {DURATION} (write 5s for seconds)"],
        ),
        (
            {"trim": "{escalate_after: 2h}"},
            ["trim.escalate_after: '2h' is out of range; expected 0s to 1h"],
        ),
        (
            {"scenarios": "[{BTC: -20%}]"},
            ["scenarios: account.leverage does not use it (account.stress_loss and account.cushion use it)"],
        ),
        (STRESS, [f"'scenarios' is missing: account.stress_loss needs it; {SCENARIOS}"]),
        (STRESS | {"scenarios": "[]"}, [f"scenarios: a list is not a list of scenarios; {SCENARIOS}"]),
        (STRESS | {"scenarios": "-20%"}, [f"scenarios: '-20%' is not a list of scenarios; {SCENARIOS}"]),
        (
            STRESS | {"scenarios": "[-20%, {}]"},
            [
                f"scenarios: '-20%' is no scenario that ships; {NAMED} (did you mean 'BTC -20 %'?)",
                f"scenarios: a mapping is not a scenario; {SCENARIOS}",
            ],
        ),
        (STRESS | {"scenarios": f"[{'{BTC: -1%},' * 51}]"}, ["scenarios: more than 50 scenarios"]),
        (STRESS | {"scenarios": "[{BTC: 0}]"}, [f"scenarios: the scenario moves nothing; {SCENARIOS}"]),
        (STRESS | {"scenarios": "[{BTC: -20}]"}, ["scenarios.BTC: -20 means -2000 %: write -20%"]),
        (
            STRESS | {"scenarios": "[{BTC: -101%}]"},
            ["scenarios.BTC: '-101%' is out of range; expected -100% to 1000%"],
        ),
        (
            STRESS | {"scenarios": "[{btc: -20%}]"},
            ["scenarios.btc: 'btc' is not a base currency (did you mean BTC?)"],
        ),
        (
            STRESS | {"scenarios": "[{BTC/USDT: -20%}]"},
            [f"scenarios.BTC/USDT: 'BTC/USDT' is not a base currency; expected {BASES}"],
        ),
        ({"match": "bybit"}, ["match: 'bybit' is not right; expected a mapping"]),
        (
            {"match": "{venu: x, tags: 5}"},
            [
                "unknown key 'venu' (did you mean 'venue'?)",
                "match.tags: 5 is not a pattern; expected text, where * stands for anything",
            ],
        ),
        (
            {"match": "{account: 5, venue: []}"},
            [
                "match.account: 5 is not a pattern; expected text, where * stands for anything",
                "match.venue: the list is empty (leave the key out to match everything)",
            ],
        ),
        (
            {"match": '{venue: [bybit, " "]}'},
            ["match.venue: ' ' is not a pattern; expected text, where * stands for anything"],
        ),
        (
            {"match": "{side: long}"},
            ["match.side: account.leverage is of the whole account; expected account, venue or tags"],
        ),
        (
            {
                "metric": "position.leverage",
                "match": "{symbol: [BTCUSDT, BTC/USDT], side: lnog, margin_mode: portfolio}",
            },
            [
                f"match.symbol: 'BTCUSDT' {NO_SYMBOL}",
                f"match.symbol: 'BTC/USDT' {NO_SYMBOL}",
                "match.side: 'lnog' is not known; expected one of long, short (did you mean 'long'?)",
                "match.margin_mode: 'portfolio' is not known; expected one of cross, isolated",
            ],
        ),
        ({"metrc": "x"}, ["unknown key 'metrc' (did you mean 'metric'?)"]),
        ({"hedge": "true"}, ["hedge: true is not right; expected a mapping"]),
    ],
)
def test_mistakes_of_a_rule(fields: dict[str, str], expected: list[str]) -> None:
    assert of_rule(**fields) == expected


def test_two_rules_of_one_name() -> None:
    entry = "metric: account.leverage, max: 5, do: [notify]}"
    text = f"version: 1\nrules:\n  - {{name: Cap, {entry}\n  - {{name: 'cap ', {entry}\n  - {{metric: x}}"
    assert mistakes(text)[0] == "r:4:12: name: 'cap ' is the name of another rule, in line 3"
    flow = f"{{version: 1, rules: [{{name: a, {entry}, {{name: a, {entry}]}}"
    assert mistakes(flow) == ["r:1:88: name: 'a' is the name of another rule, in line 1"]


def test_all_mistakes_of_all_rules_are_told_at_once_in_the_order_of_the_file() -> None:
    told = mistakes(
        "version: 1\nrules:\n"
        "  - {name: a, metric: account.leverge, max: 5, do: [trim]}\n"
        "  - {name: b, metric: account.margin_ratio, max: 50, restore: 60%, do: [trim]}\n"
        "  - {name: c, metric: account.leverage, max: 5, restore: 7, fro: 5s, do: [trim]}\n"
    )
    assert [line.split(": ")[0] for line in told] == ["r:3:23", "r:4:50", "r:5:58", "r:5:61"]


def test_the_right_place_is_shown_for_a_key_and_for_a_value() -> None:
    text = "version: 1\nrules:\n  - name: a\n    metric: account.leverage\n    min: 5\n    do: [notify]\n"
    assert mistakes(text)[0].startswith("r:5:5: ")
    assert mistakes(text.replace("min: 5", "max: 5%"))[0].startswith("r:5:10: ")
