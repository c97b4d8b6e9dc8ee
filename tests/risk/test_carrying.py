"""What open hedges are worth, and what they pay for funding."""

from decimal import Decimal

from msgspec.structs import replace

from bot.model import Side, Unknown
from bot.risk.carrying import shown_hedges
from tests.planning.build import mark, snapshot
from tests.planning.hedges import BTC, LONG, account, hedge, short
from tests.planning.options.build import contract
from tests.planning.options.held import option, with_options

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
