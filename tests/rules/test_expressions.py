"""Conditions: what they mean, what they cannot do, and every mistake with its place."""

import math
import re

import cel
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.model import Number, Surroundings, Unknown
from bot.rules.conditions import Condition, Conditions, Source, Truth, finite
from bot.rules.expressions import MAX_DEPTH, MAX_EXPRESSION, read_expression

OPERAND = 'a number, or a name such as account.leverage, market("BTC").fall_24h or signal("name")'
COMPARISON = "a comparison such as account.leverage > 3"
ALLOWED = re.compile(
    r"(?:(?:account|position|market|signal)_\w+|\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|double"
    r"|&&|\|\||<=|>=|==|[<>!+\-*/?:()]|\s)*"
)
"""Everything that a program may be made of; `double` stands in `double(1 / 0)` alone."""


def read(text: str) -> Condition:
    condition, wrong = read_expression(text)
    assert condition is not None, [error.what for error in wrong]
    return condition


def judge(text: str, surroundings: Surroundings | None = None, **numbers: Number) -> Truth:
    def measure(metric: str, key: str) -> Number:
        return numbers[metric.replace(".", "_")]

    return Conditions(measure, surroundings or Surroundings()).truth(read(text), "k")


@pytest.mark.parametrize(
    ("text", "leverage", "expected"),
    [
        ("account.leverage > 3", 3.1, True),
        ("account.leverage > 3", 3.0, False),
        ("account.leverage >= 3 && account.leverage <= 3", 3.0, True),
        ("account.leverage == 3", 3.0, True),
        ("account.leverage != 3", 3.0, False),
        ("2 * account.leverage - 1 > 4.5", 3.0, True),
        ("account.leverage / 2 + .5 > 1.9", 3.0, True),
        ("-account.leverage < -2", 3.0, True),
        ("!(account.leverage > 3) || false", 3.0, True),
        ("account.leverage > 3 ? account.leverage > 5 : account.leverage < 2", 4.0, False),
        ("(account.leverage > 1) == (account.leverage > 2)", 1.5, False),
        ("(account.leverage > 1) != (account.leverage > 2)", 1.5, True),
        ("(account.leverage > 1 ? 2 : 3) * 2 == 4", 1.5, True),
        ("10 / account.leverage > 3", 3.0, True),
        ("account.leverage > 3e0", 4.0, True),
        ("true && account.leverage\n  > 3", 4.0, True),
    ],
)
def test_a_condition_means_what_it_says(text: str, leverage: float, expected: bool) -> None:
    assert judge(text, account_leverage=leverage) is expected


def test_names_of_markets_and_signals_are_asked_of_the_surroundings() -> None:
    text = """market("BTC").fall_24h > 0.1 && signal('fear & greed') < 20"""
    condition = read(text)
    assert [(one.text, one.source, one.of, one.figure) for one in condition.names] == [
        ('market("BTC").fall_24h', Source.MARKET, "BTC", "fall_24h"),
        ('signal("fear & greed")', Source.SIGNAL, "fear & greed", ""),
    ]
    assert (condition.of_position, condition.of_account) == (False, ())
    known = Surroundings({"BTC": {"fall_24h": 0.2}}, {"fear & greed": 12})
    assert judge(text, known) is True
    assert judge(text) == Unknown('market("BTC").fall_24h: no figures of BTC have been read yet')


def test_one_unknown_number_makes_the_whole_unknown_never_false() -> None:
    text = "account.leverage > 100 && position.leverage > 3"
    found = judge(text, account_leverage=1.0, position_leverage=Unknown("no price"))
    assert found == Unknown("position.leverage: no price")
    found = judge(text, account_leverage=Unknown("no price"), position_leverage=1.0)
    assert found == Unknown("account.leverage: no price")


def test_a_division_by_zero_is_unknown() -> None:
    text = "account.leverage / account.equity > 1"
    assert judge(text, account_leverage=3.0, account_equity=0.0) == Unknown(f"a division by zero in {text}")
    guarded = "account.equity > 0 && account.leverage / account.equity > 1"
    assert judge(guarded, account_leverage=3.0, account_equity=0.0) is False
    assert judge(guarded, account_leverage=3.0, account_equity=1.0) is True


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_what_is_no_number_any_more_is_unknown(sign: str) -> None:
    huge = "account.equity * account.equity"
    text = f"{huge} - {huge} {sign} 0"
    assert judge(text, account_equity=1e300) == Unknown(f"numbers too large to be compared in {text}")


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_at_first_is_unknown(odd: float) -> None:
    assert finite("x", odd) == Unknown("x is not a number")
    assert finite("x", Unknown("y")) == Unknown("y")
    found = judge('signal("a") > 1', Surroundings(signals={"a": odd}))
    assert found == Unknown('signal("a"): signal("a") is not a number')


def test_figures_of_each_position_are_its_own() -> None:
    numbers: dict[tuple[str, str], Number] = {
        ("account.leverage", ""): 2.0,
        ("position.leverage", "a"): 1.0,
        ("position.leverage", "b"): Unknown("no price"),
        ("position.leverage", "c"): 3.0,
    }
    asked: list[tuple[str, str]] = []

    def measure(metric: str, key: str) -> Number:
        asked.append((metric, key))
        return numbers[metric, key]

    judged = Conditions(measure, Surroundings())
    condition = read("position.leverage > account.leverage")
    assert [judged.truth(condition, key) for key in "abca"] == [
        False,
        Unknown("position.leverage: no price"),
        True,
        False,
    ]
    assert len(asked) == len(numbers)
    assert [number for _, number in judged.saw(condition, "c")] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("", 0, f"the condition is empty; {COMPARISON}"),
        ("account.leverage", 0, f"the condition is a number; {COMPARISON}"),
        ("1 > 0", 0, "the condition measures nothing; a name such as account.leverage"),
        ("account.leverage > ", 19, f"the end is not right here; {OPERAND}"),
        ("account.leverage >> 3", 18, f"'>' is not right here; {OPERAND}"),
        ("(account.leverage > 3", 21, "the end is not right here; )"),
        ("account.leverage > 3)", 20, "')' is not right here; an operator such as && or >, or the end"),
        ("account.leverage > 3 and true", 21, "'and' is not right here; an operator * (write &&)"),
        ("not account.leverage", 4, "'account' is not right here; an operator *"),
        ("account.leverage = 3", 17, "= is not known (write ==)"),
        ("account.leverage > 3 & true", 21, "& is not known (write &&)"),
        ("account.leverage > 3 | true", 21, "| is not known (write ||)"),
        ("account.leverage > 3 ; true", 21, "';' is not known; names, numbers, *"),
        ("account.margin_ratio > 15%", 23, "15% is not CEL; a fraction (write 0.15)"),
        ("account.margin_ratio > 0.5 %", 23, "0.5% is not CEL; a fraction (write 0.005)"),
        ("account.leverage % 3 > 1", 17, "% is not known; a fraction (write 0.15 for 15 %)"),
        ("account.margin_ratio > 15", 23, "15 means 1500 % of account.margin_ratio; a fraction (write 0.15)"),
        ("2 < account.drawdown", 0, "2 means 200 % of account.drawdown; a fraction (write 0.02)"),
        ("position.equity_share > 90", 24, "90 means 9000 % of position.equity_share; * (write 0.9)"),
        ('market("BTC").change_24h < -5', 27, ""),
        ('market("BTC").change_24h < -15', 27, "-15 means -1500 % of *; a fraction (write -0.15)"),
        ("account.equity > 10_000", 17, "10_000 is not a number; * (write 10000)"),
        ("account.equity > 10k", 17, "10k is not a number; a number such as 3 or 0.15 (write 10000)"),
        ("account.leverage > 5x", 19, "5x is not a number; a number such as 3 or 0.15 (write 5)"),
        ("account.leverage > 5s", 19, "5s is not a number; a number such as 3 or 0.15"),
        ("account.equity > 1e13", 17, "1e13 is too large; at most 1e+12"),
        ("account.levrage > 3", 0, "'account.levrage' is not a metric (did you mean 'account.leverage'?)"),
        (
            "position.liquidation > 3",
            0,
            "'position.liquidation' is not a metric (did you mean 'position.liq*",
        ),
        ("leverage > 3", 0, "'leverage' is not a metric (did you mean 'account.leverage'?)"),
        ("account.cushion > 0.2", 0, "account.cushion needs scenarios, * (write metric: account.cushion *"),
        ("market.fall_24h > 0.1", 0, "'market.fall_24h' names no market; market(\"BTC\").fall_24h"),
        ("market.fal > 0.1", 0, "'market.fal' names no market; market(\"BTC\").fall_24h"),
        ("signal.fear > 1", 0, "'signal.fear' names no signal; signal(\"name\")"),
        ('market("BTC") > 1', 0, 'market("BTC") alone is no number; a figure, such as market("BTC").fall*'),
        ('market("BTC").fall24h > 1', 7, "'fall24h' is not a figure of a market (did you mean 'fall_24h'?)"),
        ('market("btc").price > 1', 7, "'btc' is not a base currency (did you mean BTC?)"),
        ('market("BTC/USDT").price > 1', 7, "'BTC/USDT' is not a base currency; letters and digits *"),
        ("market(BTC).price > 1", 7, "'BTC' is not text; text in quotes such as \"BTC\""),
        ('signal(" ") > 1', 7, "' ' is not the name of a signal; signal(\"name\")"),
        ('signal("a) > 1', 7, 'the text has no end, or a backslash in it; a closing "'),
        ('"a" == "b"', 0, f"'a' is text; {OPERAND} (text stands only in *"),
        ("[1, 2].all(x, x > 1)", 0, "[ is not known: there are no lists; comparisons, && and ||"),
        ("account.leverage.all(x, x > 1)", 0, "account.leverage.all is a loop, and there are none (write *"),
        ("positions.exists(p, p > 1)", 0, "positions.exists is a loop, and there are none (write *"),
        ("size(account.leverage) > 1", 0, 'size is a function, and there are none; market("BTC")*'),
        ("__import__(1) > 1", 0, '__import__ is a function, and there are none; market("BTC")*'),
        ("1 < account.leverage < 3", 21, "two comparisons in a row (write a < b && b < c)"),
        ("account.leverage / 0 > 3", 19, "a division by zero; a divisor that is not 0"),
        ("account.leverage / (account.equity - 0) / 0.0 > 3", 42, "a division by zero; *"),
        ("account.leverage && true", 0, f"a side of && is a number; {COMPARISON}"),
        ("!account.leverage", 1, f"what stands behind ! is a number; {COMPARISON}"),
        ("-(account.leverage > 3) > 1", 1, "what stands behind - is true or false; a number"),
        ("(account.leverage > 3) + 1 > 2", 0, "a side of + is true or false; a number"),
        ("(account.leverage > 3) > 1", 0, "a side of > is true or false; a number"),
        ("account.leverage ? true : false", 0, f"what stands before ? is a number; {COMPARISON}"),
        ("account.leverage > 1 ? 1 : false", 27, "one of the two is a number, the other *; two alike"),
        ("account.leverage > 1 ? true", 27, "the end is not right here; :"),
        (
            "account.leverage > 1 || " + "x" * MAX_EXPRESSION,
            0,
            "the condition is longer than 500 characters *",
        ),
        ("(" * 30 + "true" + ")" * 30, MAX_DEPTH, "nested deeper than 20 levels"),
        ("!" * 30 + "true", MAX_DEPTH, "nested deeper than 20 levels"),
        ("1/(" * 15 + "account.leverage" + ")" * 15 + "> 1", 0, "too many divisions or == inside *"),
    ],
)
def test_mistakes(text: str, at: int, told: str) -> None:
    condition, wrong = read_expression(text)
    if not told:
        assert condition is not None
        return
    assert condition is None
    error = wrong[0]
    said = (
        error.what
        + (f"; {error.expected}" if error.expected else "")
        + (f" ({error.hint})" if error.hint else "")
    )
    assert re.fullmatch(re.escape(told).replace(r"\*", ".*"), said), said
    assert error.at == at


def test_all_mistakes_that_can_be_read_over_are_told_at_once() -> None:
    _, wrong = read_expression('account.levrage > 3 && market("BTC").pice > 1 || account.drawdown > 20')
    assert [error.at for error in wrong] == [0, 30, 68]


# --- a condition cannot run code ---

WORDS = st.sampled_from(
    [
        *(
            "account.leverage",
            "position.leverage",
            'market("BTC").price',
            'signal("x")',
            "true",
            "false",
            "1",
        ),
        *("0.5", "(", ")", "&&", "||", "!", "-", "+", "*", "/", "<", "<=", ">", ">=", "==", "!=", "?", ":"),
        *("[", "]", "{", "}", ".", ",", "x", "all", "map", "size", "has", '"t"', "import", "0", "1 / 0"),
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join)))
def test_whatever_is_written_is_a_mistake_or_only_compares_numbers(text: str) -> None:
    condition, wrong = read_expression(text)
    assert (condition is None) == bool(wrong)
    if condition is None:
        return
    assert ALLOWED.fullmatch(condition.program)
    assert condition.program.count("double") == condition.program.count("double(1 / 0)")
    program = cel.compile(condition.program)
    operators = {name for name in program.functions() if not name.startswith(("_", "!", "-", "@"))}
    assert operators <= {"double"}
    assert set(program.variables()) <= {name.variable for name in condition.names}


def test_the_context_that_a_condition_runs_in_holds_numbers_alone() -> None:
    judged = Conditions(lambda metric, key: 2.0, Surroundings())
    judged.truth(read("account.leverage > position.leverage"), "k")
    context = judged._context
    assert context.functions == {}
    assert context.variables == {"account_leverage": 2.0, "position_leverage": 2.0}


# --- the same as Python says ---

ARITHMETIC = st.recursive(
    st.sampled_from(["account.leverage", "account.equity", "2", "0.5", "0"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
        lambda one: f"({one[0]} {one[1]} {one[2]})"
    ),
    max_leaves=6,
)
TRUTH = st.recursive(
    st.tuples(ARITHMETIC, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), ARITHMETIC).map(" ".join),
    lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
        lambda o: f"({o[0]}) {o[1]} ({o[2]})"
    ),
    max_leaves=4,
)


@given(TRUTH, st.floats(-5, 5), st.floats(-5, 5))
def test_a_condition_says_what_python_says(text: str, leverage: float, equity: float) -> None:
    condition, _ = read_expression(text)
    assume(condition is not None)
    names = {"account": type("account", (), {"leverage": leverage, "equity": equity})}
    python = text.replace("&&", "and").replace("||", "or")
    try:
        expected = eval(python, {"__builtins__": {}}, names)
    except ZeroDivisionError:
        return
    found = judge(text, account_leverage=leverage, account_equity=equity)
    assert found is expected or (isinstance(found, Unknown) and "/" in text)
