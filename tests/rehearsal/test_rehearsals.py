"""Rule tests: the shipped ones pass, misses are told with their line, mistakes all at once."""

from pathlib import Path

import pytest

from bot.documents import MistakesError
from bot.rehearsal import read_rehearsals, run
from bot.rehearsal.shapes import FileShape, OrderShape, PositionShape, StatsShape, StepShape, TestShape
from bot.rules import profile_names
from tests.cli.support import reef

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = (ROOT / "docs" / "rules.md").read_text()
RULES = """\
version: 1
defaults: {cooldown: 0s}
rules:
  - {name: cap, metric: account.leverage, max: 3, restore: 2, do: [trim], if_blind: {after: 0s, do: [halt]}}
  - {name: weak, metric: account.leverage, max: 2, do: [notify], inhibited_by: cap}
  - {name: size, metric: position.equity_share, max: 150%, restore: 100%, do: [close]}
  - {name: fund, metric: account.leverage, max: 1, do: [notify], match: {tags: fund}}
  - {name: fear, when: 'market("BTC").fall_24h > 0.1 && signal("fear") < 20', do: [close_all, halt]}
  - {name: orders, metric: market.fall_24h, market: BTC, max: 5%, do: [cancel_orders]}
  - {name: sigma, metric: position.liquidation_distance_sigma, min: 3, do: [notify]}
"""


def write(folder: Path, steps: str, more: str = "", rules: str = RULES) -> Path:
    (folder / "r.yaml").write_text(rules)
    path = folder / "t.yaml"
    body = "".join(f"      - {{{step}}}\n" for step in steps.strip().splitlines())
    path.write_text(f"rules: r.yaml\ntests:\n  - name: a\n{more}    steps:\n{body}")
    return path


def misses(folder: Path, steps: str, more: str = "") -> list[str]:
    (test,) = read_rehearsals(write(folder, steps, more))
    return [miss.text.removeprefix(str(folder) + "/") for miss in run(test)]


def mistakes(folder: Path, steps: str, more: str = "") -> list[str]:
    with pytest.raises(MistakesError) as error:
        read_rehearsals(write(folder, steps, more))
    return [one.text.removeprefix(str(folder) + "/t.yaml:") for one in error.value.mistakes]


def test_every_profile_has_tests_and_they_pass() -> None:
    files = [ROOT / "tests" / "rules" / f"{name}.yaml" for name in profile_names()]
    for file in files:
        found = read_rehearsals(file)
        assert len(found) >= 3
        for one in found:
            assert run(one) == ()
        asked = {name for one in found for look in one.looks for name in look.shape.expect}
        assert {rule.name for rule in found[0].rules.rules} == asked


ALL_RIGHT = """
equity: 10k, positions: [{symbol: BTC, size: 0.4, entry: 100k}], expect: {cap: firing, \
weak: firing, size: firing}, silenced: {weak: cap}
after: 1m, marks: {BTC/USDT:USDT: 100k}, markets: {BTC: {fall_24h: 12%, rsi_14h: 30}}, \
signals: {fear: 12}, expect: {fear: firing, orders: firing}, plan: [close BTC, halt]
signals: {fear: 60}, expect: {fear: inactive}
markets: {BTC: {fall_24h: unknown}}, expect: {fear: unknown, orders: unknown}
markets: {BTC: {fall_24h: 1%}}, signals: {fear: unknown}, expect: {fear: unknown, orders: inactive}
blind: true, expect: {cap: unknown}, if_blind: {cap: [halt], weak: []}
positions: [], expect: {size: none, cap: inactive}, plan: []
positions: [{symbol: ETH, side: short, size: 1, entry: 3k, mark: 3.3k, margin: 1k, leverage: 5}], \
expect: {size: {ETH short: inactive, ETH: inactive, BTC: none}}
"""


def test_steps_go_through_the_real_decision(tmp_path: Path) -> None:
    assert misses(tmp_path, ALL_RIGHT) == []


def test_what_a_test_says_of_the_account_reaches_the_rules(tmp_path: Path) -> None:
    step = "equity: 10k, positions: [{symbol: BTC, size: 0.2, entry: 100k}], "
    step += "expect: {fund: firing, sigma: inactive}"
    stats = "    stats: {BTC: {beta: 1, residual: 10%, atr: 1%, daily_sigma: 3%}}\n"
    tagged = f"    tags: [fund]\n    venue: bybit\n    account: x\n    maintenance: 1%\n{stats}"
    assert misses(tmp_path, step, tagged) == []
    told = misses(tmp_path, step)
    assert told[0] == "t.yaml:5: a, 07:30:00: fund applies to nothing; expected firing"
    assert told[1].startswith(
        "t.yaml:5: a, 07:30:00: sigma on BTC/USDT:USDT long is unknown (no daily sigma of "
    )
    zoned = "    start: 2025-01-01 12:00+02:00\n"
    assert "10:00:00" in misses(tmp_path, step, zoned)[0]


def test_equity_moves_with_marks_and_with_what_is_filled(tmp_path: Path) -> None:
    steps = """
equity: 10k, positions: [{symbol: BTC, size: 0.2, entry: 100k}, {symbol: ETH, size: 1, entry: 3k, \
margin: 1k}], expect: {weak: firing}
marks: {BTC: 70k}, expect: {cap: firing}, plan: [trim BTC, trim ETH], filled: true
expect: {cap: inactive}, plan: [close BTC], filled: true
expect: {size: {BTC: none}}, plan: []
"""
    told = misses(tmp_path, steps)
    assert [line.split(": ", 2)[2] for line in told if "cap is" in line] == []


def test_orders_are_cancelled_when_they_are_filled(tmp_path: Path) -> None:
    steps = """
equity: 10k, positions: [], orders: [{symbol: BTC, side: buy, size: 1, price: 90k}], \
markets: {BTC: {fall_24h: 9%}}, plan: [cancel BTC], filled: true
plan: []
"""
    assert misses(tmp_path, steps) == []


MOVING = """\
version: 1
defaults: {cooldown: 0s}
rules:
  - {name: room, metric: position.liquidation_distance, min: 20%, restore: 30%, do: [add_margin], \
match: {margin_mode: isolated}, add_margin: {max_share: 100%, keep: 0}}
  - {name: shock, metric: account.stress_loss, scenarios: [{BTC: -10%}], max: 40%, restore: 35%, do: [hedge]}
  - {name: bank, metric: account.available, max: 5k, do: [secure], secure: {keep: 4k}, match: {tags: rich}}
  - {name: cap, metric: account.leverage, max: 9, restore: 8, do: [trim]}
"""
HEDGING = """
equity: 10k, positions: [{symbol: ETH, size: 12, entry: 3k}], marks: {BTC: 90k}, \
expect: {shock: firing, cap: inactive}, plan: [hedge BTC short], filled: true
expect: {shock: inactive}, plan: []
marks: {BTC: 89k, ETH: 2.78k}, expect: {shock: firing}, plan: [hedge BTC], filled: true
equity: 5k, expect: {cap: firing}, plan: [unwind BTC, trim ETH], filled: true
equity: 30k, expect: {shock: inactive, cap: inactive}, plan: [unwind BTC], filled: true
plan: []
"""


def test_what_hedges_opened_is_theirs_in_the_next_looks(tmp_path: Path) -> None:
    stats = "    stats: {BTC: {beta: 1}, ETH: {beta: 1.4}}\n"
    (test,) = read_rehearsals(write(tmp_path, HEDGING, stats, MOVING))
    assert [miss.text for miss in run(test)] == []


def test_margin_and_money_are_moved_where_the_test_says_what_is_free(tmp_path: Path) -> None:
    steps = """
equity: 10k, positions: [{symbol: SOL, size: 50, entry: 100, margin: 600}, {symbol: BTC, size: 0.01, \
entry: 90k}], expect: {room: {SOL: firing}, bank: unknown}, plan: []
free: 9k, expect: {bank: firing}, plan: [add_margin SOL], filled: true
expect: {room: {SOL: inactive}}, plan: [secure], filled: true
expect: {bank: inactive}, plan: []
free: unknown, expect: {bank: unknown}
"""
    (test,) = read_rehearsals(write(tmp_path, steps, "    tags: [rich]\n", MOVING))
    assert [miss.text for miss in run(test)] == []


def test_every_miss_is_told_with_its_line(tmp_path: Path) -> None:
    steps = """
equity: 10k, positions: [{symbol: BTC, size: 0.4, entry: 100k}], expect: {cap: inactive, \
size: none, fund: none}, plan: []
markets: {BTC: {fall_24h: 1%}}, signals: {fear: 1}, expect: {fear: firing, cap: {ETH: none}}, \
plan: [halt, close BTC]
expect: {size: {BTC: pending, ETH: firing}}, silenced: {weak: cap, cap: weak}, plan: [close BTC short]
blind: true, if_blind: {cap: [notify], weak: [halt]}, expect: {cap: {BTC: none}}
"""
    assert misses(tmp_path, steps) == [
        "t.yaml:5: a, 07:30:00: cap is firing (account.leverage 4, max 3); expected inactive",
        (
            "t.yaml:5: a, 07:30:00: size on BTC/USDT:USDT long is firing "
            "(position.equity_share 400 %, max 150 %); expected to apply to nothing"
        ),
        "t.yaml:5: a, 07:30:00: planned is close BTC/USDT:USDT long, which is not expected",
        (
            "t.yaml:6: a, 07:30:02: fear is inactive "
            '(market("BTC").fall_24h > 0.1 && signal("fear") < 20 is false: market("BTC").fall_24h 1 %, '
            'signal("fear") 1); expected firing'
        ),
        "t.yaml:6: a, 07:30:02: planned is close BTC/USDT:USDT long; expected halt",
        (
            "t.yaml:7: a, 07:30:04: size on BTC/USDT:USDT long is firing "
            "(position.equity_share 400 %, max 150 %); expected pending"
        ),
        "t.yaml:7: a, 07:30:04: size applies to nothing on ETH/USDT:USDT; expected firing",
        "t.yaml:7: a, 07:30:04: planned is close BTC/USDT:USDT long; expected close BTC/USDT:USDT short",
        "t.yaml:7: a, 07:30:04: planned is close BTC/USDT:USDT long, which is not expected",
        "t.yaml:7: a, 07:30:04: cap is silenced by none; expected weak",
        "t.yaml:8: a, 07:30:06: if_blind of cap asks for halt; expected notify",
        "t.yaml:8: a, 07:30:06: if_blind of weak asks for nothing; expected halt",
    ]


FIRST = "equity: 10k, positions: []"


@pytest.mark.parametrize(
    ("steps", "more", "expected"),
    [
        (
            "expect: {}",
            "",
            ["5:9: 'equity' is missing", "5:9: 'positions' is missing: write positions: [] where *"],
        ),
        (f"{FIRST}, expct: {{}}", "", ["5:38: unknown key 'expct' (did you mean 'expect'?)"]),
        (
            f"{FIRST}, expect: {{capp: firing}}",
            "",
            ["5:47: expect: there is no rule 'capp' (did you mean 'cap'?)"],
        ),
        (f"{FIRST}, expect: {{cap: fireing}}", "", ["*expect.cap: 'fireing' is not a state; *'firing'?)"]),
        (f"{FIRST}, expect: {{cap: 5}}", "", ["*expect.cap: 5 is not a state; expected one of *"]),
        (f"{FIRST}, expect: {{size: {{BTC up: firing}}}}", "", ["*'BTC up' is not a position; expected *"]),
        (f"{FIRST}, expect: {{size: {{B-C: firing}}}}", "", ["*'B-C' is not a symbol; expected *"]),
        (
            f"{FIRST}, silenced: {{cap: weaker}}",
            "",
            ["*silenced: there is no rule 'weaker' (did you mean 'weak'?)"],
        ),
        (f"{FIRST}, if_blind: {{cap: [trim]}}", "", ["*'trim' is not known; expected one of notify, *"]),
        (f"{FIRST}, if_blind: {{cap: halt}}", "", ["*'halt' is not a list; expected a list (write [halt])"]),
        (
            f"{FIRST}, plan: [trimm BTC]",
            "",
            ["*'trimm BTC' is nothing that is planned; *(did you mean 'trim'?)"],
        ),
        (
            f"{FIRST}, plan: [trim, halt BTC, secure BTC, 5]",
            "",
            ["*'trim' is not right*", "*'halt BTC' is not*", "*'secure BTC' is not*", "*5 is nothing*"],
        ),
        (f"{FIRST}, plan: 5", "", ["*plan: 5 is not a list; expected a list"]),
        (f"{FIRST}, after: 5", "", ["*after: 5 has no unit; *"]),
        (f"{FIRST}, marks: {{BTC: -1}}", "", ["*marks.BTC: -1 is not above 0; expected a number above 0"]),
        (f"{FIRST}, marks: {{BTC: 10%}}", "", ["*marks.BTC: '10%' is not a number; *"]),
        (
            f"{FIRST}, markets: {{BTC: {{fall24h: 1%}}}}",
            "",
            ["*'fall24h' is not a figure of a market (did you *"],
        ),
        (
            f"{FIRST}, markets: {{BTC: {{fall_24h: 15}}}}",
            "",
            ["*markets.fall_24h: 15 means 1500 %: write 15%"],
        ),
        (f"{FIRST}, signals: {{fear: low}}", "", ["*signals.fear: 'low' is not a number; *"]),
        (f"{FIRST}, blind: maybe", "", ["*blind: 'maybe' is not right; expected true or false"]),
        ("equity: lots, positions: []", "", ["*equity: 'lots' is not a number; *"]),
        ("equity: 1, positions: 5", "", ["*positions: 5 is not a list; expected a list"]),
        (
            "equity: 1, positions: [{}, 5, {symbol: 7, size: 0, side: up, margin: x}]",
            "",
            [
                "*'size' is missing",
                "*'symbol' is missing",
                "*this: 5 is not right; expected a mapping",
                "*symbol: 7 is not a symbol; *",
                "*size: 0 is not above 0; *",
                "*side: 'up' is not known; *",
                "*margin: 'x' is not a number; *",
            ],
        ),
        (
            f"{FIRST}, orders: [{{symbol: BTC, side: up}}]",
            "",
            [
                "*'price' is missing",
                "*'size' is missing",
                "*side: 'up' is not known; expected one of buy, sell*",
            ],
        ),
        (
            FIRST,
            "    start: soon\n",
            ["*start: 'soon' is not a time; expected a time such as 2025-11-21 07:30"],
        ),
        (FIRST, "    start: 5\n", ["*start: 5 is not a time; *"]),
        (FIRST, "    maintenance: 5\n", ["*maintenance: 5 means 500 %: write 5%"]),
        (FIRST, "    stats: {BTC: {bta: 1}}\n", ["*unknown key 'bta'"]),
        (FIRST, "    tags: fund\n", ["*tags: 'fund' is not a list; expected a list (write [fund])"]),
        (FIRST, "    account: ' '\n", ["*account: ' ' is not a name; expected text"]),
        (FIRST, "    stepz: 1\n", ["*unknown key 'stepz' (did you mean 'steps'?)"]),
    ],
)
def test_mistakes(tmp_path: Path, steps: str, more: str, expected: list[str]) -> None:
    found = mistakes(tmp_path, steps, more)
    assert len(found) == len(expected), found
    for line, wanted in zip(found, expected, strict=True):
        at = 0
        for part in wanted.split("*"):
            at = line.find(part, at)
            assert at >= 0, (line, wanted)
            at += len(part)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: balanced", "'tests' is missing"),
        ("tests: []", "'rules' is missing"),
        (
            "rules: balanced\ntests: 5",
            "tests: 5 is not a list of tests; expected a list of at least one of tests",
        ),
        (
            "rules: balancd\ntests: [{name: a, steps: [5]}]",
            "there is no rule profile of this name (did you mean 'balanced'?)",
        ),
        ("rules: balanced\ntests: [{steps: []}]", "'name' is missing"),
        ("rules: balanced\ntests: [5]", "this: 5 is not right; expected a mapping"),
        (f"rules: balanced\ntests: [{'5, ' * 201}]", "tests: more than 200 tests"),
    ],
)
def test_mistakes_of_the_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(MistakesError) as error:
        read_rehearsals(path)
    assert expected in str(error.value)


def test_mistakes_of_the_rules_come_along(tmp_path: Path) -> None:
    path = write(tmp_path, f"{FIRST}, after: 5", rules=RULES.replace("account.leverage", "account.levrage"))
    with pytest.raises(MistakesError) as error:
        read_rehearsals(path)
    assert {Path(one.file).name for one in error.value.mistakes} == {"r.yaml", "t.yaml"}


# --- the command ---


def test_the_command_says_that_all_is_fine(tmp_path: Path) -> None:
    done = reef("rules", "test", ROOT / "tests" / "rules" / "observe.yaml", write(tmp_path, ALL_RIGHT))
    assert (done.code, done.err) == (0, "")
    assert done.out == "4 tests, 18 steps, all as they say.\n"


def test_the_command_fails_where_something_comes_out_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, "equity: 10k, positions: [], expect: {cap: firing}")
    done = reef("rules", "test", path)
    assert done.code == 1
    assert (
        done.err == f"{path}:5: a, 07:30:00: cap is inactive (account.leverage 0, max 3); expected firing\n"
    )
    assert done.out == "1 tests, 1 steps; 1 failed.\n"
    value = reef("rules", "test", path, "--json").value
    assert (value["ok"], value["tests"][0]["ok"], value["tests"][0]["misses"][0]["line"]) == (False, False, 5)


def test_the_command_tells_all_mistakes_of_all_files(tmp_path: Path) -> None:
    path = write(tmp_path, "equity: 10k, positions: [], expect: {capp: firing}")
    done = reef("rules", "test", path, tmp_path / "none.yaml", "--json")
    assert done.code == 2
    assert [Path(one["file"]).name for one in done.value["mistakes"]] == ["none.yaml", "t.yaml"]


# --- the docs ---


def keys_of(heading: str) -> set[str]:
    table = DOCS.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return {line.split("|")[1].strip().strip("`") for line in table.splitlines() if line.startswith("| `")}


def test_every_key_is_documented() -> None:
    assert keys_of("key of a test") == set(TestShape.known_keys())
    assert keys_of("key of a step") == set(StepShape.known_keys())
    section = DOCS.split("## Testing rules", 1)[1].split("\n## ", 1)[0]
    for shape in (FileShape, PositionShape, OrderShape, StatsShape):
        for key in shape.known_keys():
            assert key in section


def test_the_example_of_the_docs_passes(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(DOCS.split("```YAML\n", 1)[1].split("```")[0])
    (test,) = read_rehearsals(path)
    assert run(test) == ()
