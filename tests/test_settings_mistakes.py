"""Settings with mistakes: each is told with its place and what to write instead."""

from pathlib import Path

import pytest

from tests.test_settings import PLANTED, bare, mistakes, written

MODES = "expected one of observe, approve, act"
POLICIES = "expected a list such as [{match: {symbol: ETH*}, policy: watch}]"
NETWORKS = "expected one of sandbox, testnet, live"
FILE = "expected the path of a file such as reef.db"
KNOWN = ("api_key_env", "base_url", "hedged_by", "name", "rules", "secret_env", "tags", "venue")
NAME = "expected up to 32 letters, digits, - and _, beginning with a letter or digit"
NO_ACCOUNTS = "is not a list of accounts; expected a list of at least one account"
DURATION = "expected a duration such as 5s, 10m, 1h30m or 2d"
ADDRESS = "expected an address such as http://127.0.0.1:8899"
PERCENT = "expected a percentage such as 15%"


@pytest.mark.parametrize(
    ("top", "account", "expected"),
    [
        ({"network": ""}, {}, ["'network' is missing"]),
        (
            {"network": "mainnet"},
            {},
            ["network: 'mainnet' is not known; expected one of sandbox, testnet, live"],
        ),
        (
            {"network": "tesnet"},
            {},
            [f"network: 'tesnet' is not known; {NETWORKS} (did you mean 'testnet'?)"],
        ),
        (
            {"mode": "aprove"},
            {},
            ["mode: 'aprove' is not known; expected one of observe, approve, act (did you mean 'approve'?)"],
        ),
        (
            {"approvals": "{deadline: 5s, then: sell, room: 20, wait: 1}"},
            {},
            [
                "approvals.deadline: '5s' is out of range; expected 10s to 1d",
                "approvals.then: 'sell' is not known; expected one of drop, act, protect",
                "approvals.room: 20 means 2000 %: write 20%",
                "unknown key 'wait' (known: deadline, room, then)",
            ],
        ),
        ({"startup": "{grace: 2h}"}, {}, ["startup.grace: '2h' is out of range; expected 0s to 1h"]),
        (
            {"churn": "{times: 0, within: 1s, pause: 5h}"},
            {},
            [
                "churn.times: 0 is out of range; expected 1 to 100",
                "churn.within: '1s' is out of range; expected 10s to 1d",
                "churn.pause: '5h' is out of range; expected 1s to 4h",
            ],
        ),
        (
            {"strangers": "ignore"},
            {},
            [f"strangers: 'ignore' is not a list of policies; {POLICIES}"],
        ),
        (
            {"strangers": "[{match: {symbl: x, side: up}, policy: keep}]"},
            {},
            [
                "unknown key 'symbl' (did you mean 'symbol'?)",
                "match.side: 'up' is not known; expected one of long, short",
                "policy: 'keep' is not known; expected one of adopt, watch, ignore",
            ],
        ),
        (
            {"strangers": "[{match: {account: mian}, policy: watch}, {match: {symbol: 5}}]"},
            {},
            [
                "match.account: no account is called 'mian' (did you mean 'main'?)",
                "'policy' is missing; expected one of adopt, watch, ignore",
                "match.symbol: 5 is not a pattern; expected text, where * stands for anything",
            ],
        ),
        ({"mode": "[act]"}, {}, ["mode: a list is not known; expected one of observe, approve, act"]),
        ({"journal": "5"}, {}, ["journal: 5 is not right; expected text"]),
        (
            {"journal": "postgresql://db/reef"},
            {},
            [f"journal: a database by URL is not available in this version; {FILE}"],
        ),
        ({"rules": "[a]"}, {}, ["rules: a list is not right; expected text"]),
        ({"secrets": "' '"}, {}, ["secrets: ' ' is not right; expected text"]),
        ({"poll_interval": "2"}, {}, [f"poll_interval: 2 has no unit; {DURATION} (write 2s for seconds)"]),
        ({"poll_interval": "10ms"}, {}, ["poll_interval: '10ms' is out of range; expected 100ms to 5m"]),
        ({"reconcile_interval": "2h"}, {}, ["reconcile_interval: '2h' is out of range; expected 1s to 1h"]),
        (
            {"housekeeping_interval": "2d"},
            {},
            ["housekeeping_interval: '2d' is out of range; expected 10s to 1d"],
        ),
        ({"max_age": "never"}, {}, [f"max_age: 'never' is not a duration; {DURATION}"]),
        ({"max_age": "10m"}, {}, ["max_age: '10m' is out of range; expected 1s to 5m"]),
        ({"pol_interval": "2s"}, {}, ["unknown key 'pol_interval' (did you mean 'poll_interval'?)"]),
        ({"dashboard": "{}"}, {}, ["unknown key 'dashboard' (not available in this version)"]),
        ({"retention": "90d"}, {}, ["retention: '90d' is not right; expected a mapping"]),
        (
            {"retention": "{decisions: 90}"},
            {},
            [f"retention.decisions: 90 has no unit; {DURATION} (write 90s for seconds)"],
        ),
        (
            {"retention": "{decisions: 2h}"},
            {},
            ["retention.decisions: '2h' is out of range; expected 1d to 366d"],
        ),
        (
            {"retention": "{desicions: 90d}"},
            {},
            ["unknown key 'desicions' (did you mean 'decisions'?)"],
        ),
        ({"caps": "5"}, {}, ["caps: 5 is not right; expected a mapping"]),
        (
            {"caps": "{actions_per_hour: 0, notional_per_day: -5, loss_per_day: all}"},
            {},
            [
                "caps.actions_per_hour: 0 is out of range; expected 1 to 10000",
                "caps.notional_per_day: -5 is out of range; expected 1 to 1000000000000",
                "caps.loss_per_day: 'all' is not a number; expected a number such as 5, 10_000 or 10k",
            ],
        ),
        (
            {"caps": "{actions_per_hour: 1.5}"},
            {},
            ["caps.actions_per_hour: 1.5 is not right; expected a whole number such as 60"],
        ),
        (
            {"caps": "{actions_per_hour: true}"},
            {},
            ["caps.actions_per_hour: true is not right; expected a whole number such as 60"],
        ),
        (
            {"caps": "{max_slippage: 2, max_share: 50}"},
            {},
            ["caps.max_slippage: 2 means 200 %: write 2%", "caps.max_share: 50 means 5000 %: write 50%"],
        ),
        (
            {"caps": "{max_slippage: 30%, max_shar: 1%}"},
            {},
            [
                "caps.max_slippage: '30%' is out of range; expected 0.01% to 20%",
                "unknown key 'max_shar' (did you mean 'max_share'?)",
            ],
        ),
        (
            {"protection": "{enabled: 1, distance_share: 60}"},
            {},
            [
                "protection.enabled: 1 is not right; expected true or false",
                "protection.distance_share: 60 means 6000 %: write 60%",
            ],
        ),
        (
            {"protection": "{distance_share: 100%, slippage: -1%, tolerance: x}"},
            {},
            [
                "protection.distance_share: '100%' is out of range; expected 10% to 95%",
                "protection.slippage: '-1%' is out of range; expected 0% to 20%",
                f"protection.tolerance: 'x' is not a percentage; {PERCENT}",
            ],
        ),
        (
            {"prices": "{band: 5, jump: 200%, confirmations: 0, waive_at: 5%}"},
            {},
            [
                "prices.band: 5 means 500 %: write 5%",
                "prices.jump: '200%' is out of range; expected 1% to 100%",
                "prices.confirmations: 0 is out of range; expected 1 to 20",
                "prices.waive_at: '5%' is out of range; expected 10% to 100%",
            ],
        ),
        (
            {"prices": "{confirmations: 2.5, bnad: 5%}"},
            {},
            [
                "prices.confirmations: 2.5 is not right; expected a whole number such as 60",
                "unknown key 'bnad' (did you mean 'band'?)",
            ],
        ),
        (
            {"log": "{format: xml, level: trace}"},
            {},
            [
                "log.format: 'xml' is not known; expected one of people, json",
                "log.level: 'trace' is not known; expected one of debug, info, warning, error",
            ],
        ),
        ({"log": "{levle: info}"}, {}, ["unknown key 'levle' (did you mean 'level'?)"]),
        (
            {"base_url": "http://127.0.0.1:1"},
            {},
            ["base_url is for the sandbox only; testnet and live have their own addresses (take it out)"],
        ),
        (
            {},
            {"base_url": "http://127.0.0.1:1"},
            ["base_url is for the sandbox only; testnet and live have their own addresses (take it out)"],
        ),
        (
            {"network": "sandbox"},
            {},
            ["'base_url' is missing: where is the sandbox? (write base_url: http://127.0.0.1:8899)"],
        ),
        (
            {"network": "sandbox", "base_url": "ftp://x"},
            {},
            [f"base_url: 'ftp://x' is not an address; {ADDRESS}"],
        ),
        (
            {"network": "sandbox"},
            {"base_url": "'http://'"},
            [f"base_url: 'http://' is not an address; {ADDRESS}"],
        ),
        (
            {"network": "sandbox"},
            {"base_url": "'http://x:0'"},
            [f"base_url: 'http://x:0' is not an address; {ADDRESS}"],
        ),
        (
            {"network": "sandbox"},
            {"base_url": "'http://x:99999'"},
            [f"base_url: this is not an address; {ADDRESS}"],
        ),
        (
            {"network": "sandbox"},
            {"base_url": f"'http://me:{PLANTED}@x'"},
            [f"base_url: an address may hold no user and no password; {ADDRESS}"],
        ),
        (
            {"network": "sandbox"},
            {"base_url": "'http://x/?a=1'"},
            [f"base_url: an address may hold no query; {ADDRESS}"],
        ),
        ({}, {"name": ""}, ["'name' is missing"]),
        (
            {},
            {"name": "my account"},
            [f"name: 'my account' is not a name; {NAME}"],
        ),
        ({}, {"venue": ""}, ["'venue' is missing"]),
        (
            {},
            {"venue": "bibit"},
            ["venue: 'bibit' is not known; expected one of bybit (did you mean 'bybit'?)"],
        ),
        ({}, {"venue": "okx"}, ["venue: 'okx' is not available in this version (known: bybit)"]),
        (
            {},
            {"tags": "fund"},
            ["tags: 'fund' is not a list; expected a list such as [fund, btc] (write [fund])"],
        ),
        ({}, {"tags": "5"}, ["tags: 5 is not a list; expected a list such as [fund, btc]"]),
        ({}, {"tags": "[a, a]"}, ["tags: 'a' is given twice"]),
        ({}, {"tags": "[' ']"}, [f"tags: ' ' is not a name; {NAME}"]),
        ({}, {"rules": "5"}, ["rules: 5 is not right; expected text"]),
        (
            {},
            {"leverage": "5"},
            [f"unknown key 'leverage' (known: {', '.join(KNOWN)})"],
        ),
    ],
)
def test_mistakes(tmp_path: Path, top: dict[str, str], account: dict[str, str], expected: list[str]) -> None:
    assert bare(mistakes(tmp_path, written(top, account))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("network: testnet", ["reef.yaml:1:1: 'accounts' is missing"]),
        (
            "{network: testnet, accounts: []}",
            [f"reef.yaml:1:30: accounts: a list {NO_ACCOUNTS}"],
        ),
        (
            "{network: testnet, accounts: main}",
            [f"reef.yaml:1:30: accounts: 'main' {NO_ACCOUNTS}"],
        ),
        (
            f"{{network: testnet, accounts: [{'x,' * 1001}]}}",
            ["reef.yaml:1:30: accounts: more than 1000 accounts"],
        ),
        (
            "{network: testnet, accounts: [main]}",
            ["reef.yaml:1:31: this: 'main' is not right; expected a mapping"],
        ),
        ("[1]", ["reef.yaml:1:1: this: a list is not right; expected a mapping"]),
    ],
)
def test_mistakes_of_the_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, text) == expected


def test_names_that_would_share_secrets_are_refused(tmp_path: Path) -> None:
    text = (
        "network: testnet\naccounts:\n  - 5\n  - {name: fund-1, venue: bybit}\n"
        "  - {name: Fund_1, venue: bybit}\n"
        "  - {name: fund-1, venue: bybit}\n  - {name: [x], venue: bybit}\n"
    )
    told = mistakes(tmp_path, text, {"REEF_FUND_1_API_KEY": "a", "REEF_FUND_1_SECRET": "b"})
    near = "is too near to 'fund-1' in line 4; expected names that differ in letters or digits"
    assert told[1:3] == [f"reef.yaml:5:12: name: 'Fund_1' {near}", f"reef.yaml:6:12: name: 'fund-1' {near}"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "mode: atc\nnetwork: testnet\npoll_interval: 5\naccounts:\n  - {name: a, venue: bybt}\n  - {nam: b}\n"
    )
    told = mistakes(tmp_path, text, {}, live=True)
    assert [line.split(": ")[0].removeprefix("reef.yaml:") for line in told] == [
        "1:7", "2:10", "3:16", "5:5", "5:5", "5:22", "6:5", "6:5", "6:6",
    ]  # fmt: skip
