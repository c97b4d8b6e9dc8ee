"""What open hedges are worth, and what they pay for funding."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.decision import decide
from bot.model import Finding, Hedge, Side, State, Unknown
from bot.risk.carrying import shown_hedges
from tests.planning.build import mark, snapshot
from tests.planning.hedges import BTC, LONG, account, hedge, short
from tests.planning.options.build import contract
from tests.planning.options.held import option, with_options
from tests.stress.test_properties import rules_of, seen

SHOT = account(short())


def test_a_short_earns_what_longs_pay() -> None:
    paying = replace(
        SHOT, marks={**SHOT.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=Decimal("-0.0001"))}
    )
    (shown,) = shown_hedges((hedge(), hedge("0")), paying)
    assert (shown.key, shown.parent, shown.orphan) == (f"{BTC}#short", LONG, False)
    assert (shown.notional, shown.funding_a_day) == (30_000.0, 30_000.0 * 0.0001 * 3)


def test_what_is_not_known_is_not_told_as_nothing() -> None:
    blind = replace(SHOT, marks={})
    (shown,) = shown_hedges((hedge(),), blind)
    assert isinstance(shown.notional, Unknown)
    assert isinstance(shown.funding_a_day, Unknown)
    odd = replace(SHOT, marks={**SHOT.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=Unknown("none"))})
    (shown,) = shown_hedges((hedge(),), odd)
    assert shown.notional == 30_000.0
    assert isinstance(shown.funding_a_day, Unknown)
    no_mark = replace(
        SHOT,
        marks={**SHOT.marks, BTC: replace(odd.marks[BTC], mark=Unknown("none"), funding_rate=Decimal(0))},
    )
    (shown,) = shown_hedges((hedge(),), no_mark)
    assert isinstance(shown.funding_a_day, Unknown)


def test_without_its_parent_it_is_an_orphan() -> None:
    (shown,) = shown_hedges((hedge("0", pending=Decimal(1)),), snapshot((short(),), 1_000))
    assert shown.orphan
    assert shown.pending == 1


def test_an_option_is_worth_its_mark_and_pays_no_funding() -> None:
    market = contract(45_000)
    held = option(market, "2")
    bought = hedge("2", symbol=market.symbol, side=Side.LONG)
    (shown,) = shown_hedges((bought,), with_options(SHOT, held))
    assert isinstance(held.quote.mark, Decimal)
    assert (shown.notional, shown.funding_a_day) == (2 * float(held.quote.mark), 0.0)
    blind = option(market, "2", mark=Unknown("no mark"))
    (shown,) = shown_hedges((bought,), with_options(SHOT, blind))
    assert isinstance(shown.notional, Unknown)


def costing(rate: str | Unknown, *lots: Hedge) -> Finding:
    """What a rule on the cost of hedges says, at a funding rate of BTC; equity is 10,000 USD."""
    funding = rate if isinstance(rate, Unknown) else Decimal(rate)
    shot = snapshot([*SHOT.positions], 10_000)
    marks = {**SHOT.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=funding)}
    shot = replace(SHOT, marks=marks, balance=shot.balance)
    rule = "{name: dear, metric: account.hedge_funding, max: 0.2%, do: [notify]}"
    rules = rules_of(f"version: 1\nrules: [{rule}]")
    (finding,) = decide(seen(shot, hedges=lots), rules).evaluation.findings
    return finding


def test_a_rule_fires_where_hedges_cost_more_than_it_says() -> None:
    dear = costing("-0.0004", hedge())  # 36 USD a day
    assert (dear.state, dear.value) == (State.FIRING, pytest.approx(0.0036))
    cheap = costing("-0.0002", hedge())
    assert (cheap.state, cheap.value) == (State.INACTIVE, pytest.approx(0.0018))


def test_what_earns_takes_nothing_off_and_what_is_only_asked_for_costs_nothing() -> None:
    assert costing("0.0004", hedge()).value == 0.0
    assert costing("-0.0004", hedge("0", pending=Decimal(1))).value == 0.0
    assert costing("-0.0004").value == 0.0


def test_a_rate_that_is_not_known_leaves_the_cost_unknown() -> None:
    found = costing(Unknown("silent"), hedge())
    assert isinstance(found.value, Unknown)
    assert found.state is State.UNKNOWN
