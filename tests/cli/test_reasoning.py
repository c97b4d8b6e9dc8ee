"""Words for how the trades of a plan were found."""

from bot.cli.reasoning_text import reasoning_lines
from bot.model import Alternative, Binding, Reasoning


def test_nothing_to_choose_is_nothing_to_say() -> None:
    assert list(reasoning_lines(None)) == []


def test_the_closed_forms_say_why_they_stand_in() -> None:
    (line,) = reasoning_lines(Reasoning("closed_form", "solver_timeout", "HiGHS found no optimum"))
    assert line == (
        "one limit after another, as the programme gave nothing (solver_timeout): HiGHS found no optimum"
    )


def test_the_programme_says_what_decided_and_what_else_would_cost() -> None:
    found = Reasoning(
        "programme",
        cost=41.5,
        binding=(
            Binding("cap", "account.leverage", "main", 0.00125),
            Binding("", "notional_per_day", "", 3.0),
            Binding("shock", "max_premium", "", 0.01),
            Binding("", "free_margin", "", 0.002),
        ),
        alternatives=(
            Alternative("ETH/USDT:USDT#long", 0.0012, 0.0004),
            Alternative("BTC/USDT:USDT#short", 0.0006, 2.5),
            Alternative("option BTC-1-P for BTC/USDT:USDT#long", 0.05, 0.01),
            Alternative("margin of BTC/USDT:USDT#long", 0.000001, 0.000001001),
        ),
    )
    assert list(reasoning_lines(found)) == [
        "the cheapest trades that meet every limit, about 41.50 USD by the programme",
        "decided by cap, account.leverage of main: each USD that it asks for costs 0.0013 USD",
        "decided by the cap on a day's notional: each USD that it asks for costs 3.0000 USD",
        "decided by shock, what its options may cost: each USD that it asks for costs 0.0100 USD",
        "decided by the free margin that may be used: each USD that it asks for costs 0.0020 USD",
        "not ETH/USDT:USDT long: a USD of it costs 0.120 %, 0.040 % more than it saves",
        "not BTC/USDT:USDT short: it works against a limit that decides",
        "not option BTC-1-P for BTC/USDT:USDT long: a USD of it costs 5.000 %, 1.000 % more than it saves",
        "not margin of BTC/USDT:USDT long: a USD of it costs 0.000 %, and nothing that decides needs it",
    ]
