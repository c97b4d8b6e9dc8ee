"""Mistakes in `when`, `market`, `active`, `inhibited_by`, `tags` and `approve`, each with what to write."""

import pytest

from bot.rules import load_rules_text
from tests.rules.test_mistakes import mistakes, of_rule

ALONE = "notify, cancel_orders, close, close_all, lower_leverage, secure, protect, halt"
LEVEL = f"expected some of {ALONE} (or give a metric of the account or a position with its limit beside it)"
MARKET = {"metric": "market.fall_24h", "max": "10%", "restore": "", "do": "[notify]", "market": "BTC"}
WHEN = {"metric": "", "max": "", "restore": "", "do": "[notify]", "when": "account.leverage > 3"}
DAYS = "expected some of mon, tue, wed, thu, fri, sat, sun"
HOURS = "expected hours such as 08:00-22:00"
ZONE = "expected Europe/Berlin or UTC"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"when": "5"}, ["when: 5 is not a condition; expected text such as account.leverage > 3"]),
        ({"when": "[a]"}, ["when: a list is not a condition; expected text such as account.leverage > 3"]),
        (
            WHEN | {"when": "account.levrage > 3"},
            ["when: 'account.levrage' is not a metric (did you mean 'account.leverage'?)"],
        ),
        (
            WHEN | {"max": "5", "restore": "4", "scenarios": "[{BTC: -20%}]", "market": "BTC"},
            [
                f"{key}: there is no metric that it could be of (add metric, or take it out)"
                for key in ("max", "restore", "scenarios", "market")
            ],
        ),
        (
            WHEN | {"do": "[trim, close]"},
            [
                f"do: trim needs a level to go back to, and when gives none; {LEVEL}",
                "do: when names no position to close; expected close_all, or a metric of a position",
            ],
        ),
        (
            WHEN | {"do": "[hedge]"},
            [f"do: hedge needs a level to go back to, and when gives none; {LEVEL}"],
        ),
        (WHEN | {"trim": "{max_share: 50%}"}, ["trim: there is no trim in do"]),
        (
            WHEN | {"match": "{side: long}"},
            ["match.side: when is of the whole account; expected account, venue or tags"],
        ),
        (
            {"when": "position.leverage > 3"},
            [
                (
                    "when: it asks for figures of a position, but account.leverage is not of one; "
                    "expected a metric of a position, or figures of the account"
                )
            ],
        ),
        (
            MARKET | {"when": "position.leverage > 3"},
            [
                (
                    "when: it asks for figures of a position, but market.fall_24h is not of one; "
                    "expected a metric of a position, or figures of the account"
                )
            ],
        ),
        (
            {"metric": "nonsense.x", "when": "account.leverage > 3 &&", "restore": ""},
            ["metric: 'nonsense.x' is not a metric", "when: the end is not right here"],
        ),
        (
            MARKET | {"market": ""},
            [
                (
                    "'market' is missing: market.fall_24h is of one market; "
                    "expected a base currency such as BTC (write market: BTC)"
                )
            ],
        ),
        (MARKET | {"market": "btc"}, ["market: 'btc' is not a base currency (did you mean BTC?)"]),
        (
            MARKET | {"market": "BTC/USDT"},
            ["market: 'BTC/USDT' is not a base currency; expected letters and digits such as BTC"],
        ),
        (
            {"market": "BTC"},
            ["market: account.leverage is of no market (metrics such as market.price use it)"],
        ),
        (MARKET | {"metric": "market.fal_24h"}, ["metric: 'market.fal_24h' is not a metric (did you mean *"]),
        (MARKET | {"max": "15"}, ["max: 15 means 1500 %: write 15%"]),
        (MARKET | {"max": "100%"}, ["max: 100 % is too late; expected less than 100 %"]),
        (MARKET | {"max": ""}, ["the limit is missing: write max or min"]),
        (MARKET | {"min": "5%"}, ["max and min are both given; expected one of them (write two rules)"]),
        (
            MARKET | {"restore": "12%"},
            ["restore: 12 % is on the wrong side of max 10 %; expected less than 10 %"],
        ),
        (
            MARKET | {"max": "", "min": "10%", "restore": "8%"},
            ["restore: 8 % is on the wrong side of min 10 %; expected more than 10 %"],
        ),
        (
            MARKET | {"do": "[trim, close]"},
            [
                f"do: trim needs a level to go back to, and market.fall_24h gives none; {LEVEL}",
                "do: market.fall_24h names no position to close; expected close_all, or a metric *",
            ],
        ),
        (
            MARKET | {"metric": "market.rsi_14h", "max": "70%"},
            ["max: '70%': market.rsi_14h is not a percentage; expected a number such as 5"],
        ),
        ({"active": "always"}, ["active: 'always' is not right; expected a mapping"]),
        ({"active": "{hour: 08:00-22:00}"}, ["unknown key 'hour' (did you mean 'hours'?)"]),
        ({"active": "{hours: 8-22}"}, [f"active.hours: '8-22' is not a span of hours; {HOURS}"]),
        ({"active": "{hours: 5}"}, [f"active.hours: 5 is not a span of hours; {HOURS}"]),
        (
            {"active": "{hours: 08:00-25:00}"},
            ["active.hours: '08:00-25:00' is no time of day; expected times between 00:00 and 24:00"],
        ),
        (
            {"active": "{hours: 08:61-09:00}"},
            ["active.hours: '08:61-09:00' is no time of day; expected times between 00:00 and 24:00"],
        ),
        (
            {"active": "{hours: 08:00-08:00}"},
            [f"active.hours: the hours are empty; {HOURS} (leave hours out for the whole day)"],
        ),
        ({"active": "{days: []}"}, ["active.days: the list is empty (leave days out for every day)"]),
        ({"active": "{days: [mon, mon]}"}, ["active.days: 'mon' is given twice"]),
        (
            {"active": "{days: [monday, 5, xx]}"},
            [
                f"active.days: 'monday' is not a day; {DAYS} (did you mean 'mon'?)",
                f"active.days: 5 is not a day; {DAYS}",
                f"active.days: 'xx' is not a day; {DAYS}",
            ],
        ),
        (
            {"active": "{zone: Europe/Berln}"},
            [f"active.zone: 'Europe/Berln' is not a time zone; {ZONE} (did you mean 'Europe/Berlin'?)"],
        ),
        ({"active": "{zone: Qqq}"}, [f"active.zone: 'Qqq' is not a time zone; {ZONE}"]),
        ({"active": "{zone: 2}"}, [f"active.zone: 2 is not a time zone; {ZONE}"]),
        ({"active": "{zone: ../x}"}, [f"active.zone: '../x' is not a time zone; {ZONE}"]),
        ({"inhibited_by": "b"}, ["inhibited_by: there is no rule 'b'"]),
        ({"inhibited_by": "a"}, ["inhibited_by goes in a circle: a -> a; expected a stronger rule"]),
        ({"inhibited_by": "[]"}, ["inhibited_by: the list is empty (leave the key out)"]),
        (
            {"inhibited_by": "[b, b]"},
            [f"inhibited_by: {wrong}" for wrong in ("'b' is given twice", *["there is no rule 'b'"] * 2)],
        ),
        ({"inhibited_by": "5"}, ["inhibited_by: 5 is not a name; expected text such as leverage cap"]),
        ({"approve": "yes"}, ["approve: 'yes' is not right; expected true or false"]),
        ({"match": "{tags: []}"}, ["match.tags: the list is empty (leave the key out to match everything)"]),
    ],
)
def test_mistakes_of_a_rule(fields: dict[str, str], expected: list[str]) -> None:
    found = of_rule(**fields)
    assert len(found) == len(expected), found
    for line, wanted in zip(found, expected, strict=True):
        assert line.startswith(wanted.rstrip("*")), line
        assert line == wanted or wanted.endswith("*") or "nonsense" in str(fields), line


def rules(*entries: str) -> str:
    return "version: 1\nrules:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


def rule(name: str, more: str) -> str:
    return f"name: {name}, metric: account.leverage, max: 5, do: [notify], {more}"


def test_inhibited_by_in_a_circle_and_by_nobody() -> None:
    text = rules(
        rule("a", "inhibited_by: [d, b]"),
        rule("b", "inhibited_by: c"),
        rule("c", "inhibited_by: [e, a]"),
        rule("d", "inhibited_by: leverage"),
        rule("leverage cap", "inhibited_by: []"),
        rule("e", "severity: info"),
    )
    told = [line for line in mistakes(text) if "inhibited_by" in line and "empty" not in line]
    assert told == [
        "r:3:81: inhibited_by goes in a circle: a -> b -> c -> a; expected a stronger rule",
        "r:4:77: inhibited_by goes in a circle: b -> c -> a -> b; expected a stronger rule",
        "r:5:81: inhibited_by goes in a circle: c -> a -> b -> c; expected a stronger rule",
        "r:6:77: inhibited_by: there is no rule 'leverage' (did you mean 'leverage cap'?)",
    ]


def test_two_ways_to_one_stronger_rule_are_no_circle() -> None:
    text = rules(
        rule("a", "inhibited_by: b"),
        rule("b", "inhibited_by: [c, d]"),
        rule("c", "inhibited_by: e"),
        rule("d", "inhibited_by: e"),
        rule("e", "severity: info"),
    )
    assert len(load_rules_text(text, "r").rules) == 5


def test_names_are_looked_at_in_rules_that_are_wrong_otherwise() -> None:
    told = mistakes(rules("name: a, metric: x, inhibited_by: b") + "  - 5\n  - {name: 7}\n")
    assert any("there is no rule 'b'" in line for line in told)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("when: account.leverage > 3 && account.levrage > 2", "5:35"),
        ("when: 'account.leverage > 3 && account.levrage > 2'", "5:36"),
        ('when: "account.leverage > 3 && account.levrage > 2"', "5:36"),
        ("when: account.leverage > 3\n      && account.levrage > 2", "6:10"),
        ("when: |\n      account.leverage > 3\n\n      && account.levrage > 2", "8:10"),
        ("when: >-\n      account.leverage > 3 &&\n      account.levrage > 2", "7:7"),
        ("when: 'signal(''a'') > 3 && account.levrage > 2'", "5:33"),
        (r'when: "signal(\"a\") > 3 && account.levrage > 2"', "5:33"),
    ],
)
def test_a_place_in_a_condition_is_the_place_in_the_file(written: str, place: str) -> None:
    text = f"version: 1\nrules:\n  - name: a\n    do: [notify]\n    {written}\n"
    (told,) = mistakes(text)
    assert told == f"r:{place}: when: 'account.levrage' is not a metric (did you mean 'account.leverage'?)"


def test_the_end_of_a_condition_has_a_place_too() -> None:
    text = "version: 1\nrules:\n  - name: a\n    when: 'account.leverage >'\n    do: [notify]\n"
    assert mistakes(text)[0].startswith("r:4:30: when: the end is not right here; expected a number, or a ")
    empty = text.replace("account.leverage >", "")
    assert mistakes(empty)[0].startswith("r:4:12: when: the condition is empty; expected a comparison")
    nothing = "version: 1\nrules:\n  - name: a\n    do: [notify]\n    when: |\n"
    assert mistakes(nothing)[0].startswith("r:5:11: when: the condition is empty")
    folded = text.replace("'account.leverage >'", "|\n      account.leverage >")
    assert mistakes(folded)[0].startswith("r:5:25: when: the end is not right here")
