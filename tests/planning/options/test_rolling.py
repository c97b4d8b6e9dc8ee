"""An option that grows old is replaced before it is sold, and stays where nothing can be bought."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Hedge,
    OptionMarket,
    OrderRequest,
    Plan,
    RefusedBefore,
    Side,
    Snapshot,
    Step,
    StepKind,
    Unknown,
)
from bot.planning.approving import plan_with
from bot.planning.request import PlanRequest, watch_of
from tests.planning.build import NOW, later, position, snapshot
from tests.planning.options.build import contract
from tests.planning.options.held import option, with_options
from tests.planning.options.test_buying import ATM, BTC, LONG, STRIKES, TERMS, asked, lot, shock

OLD = contract(50_000, 6.9)
YOUNG = contract(50_000, 7.1)
GOAL = 0.32
"""Without its put a fifth down costs half of the equity, with a whole one a little less than that."""


def holding(
    *held: tuple[OptionMarket, str], coins: str = "2", equity: float = 40_000, **changes: Any
) -> Snapshot:
    """A long in BTC that options protect."""
    shot = snapshot([position(BTC, Side.LONG, coins, "50000")], equity)
    options = [option(market, contracts, **changes) for market, contracts in held]
    return replace(with_options(shot, *options), options_read=True)


def aging(shot: Snapshot, *lots: Hedge, goal: float = GOAL, **changes: Any) -> PlanRequest:
    """The account, and what the guard holds of it."""
    return asked(shot, hedges=lots, watches=(watch_of(shock(goal)),), **changes)


def made_of(request: PlanRequest) -> Plan:
    made, _ = plan_with(request, None)
    return made


def bought(made: Plan) -> tuple[Step, OrderRequest]:
    (step,) = made.steps
    assert step.kind is StepKind.HEDGE
    assert isinstance(step.request, OrderRequest)
    return step, step.request


def kept(made: Plan) -> tuple[str, str]:
    """Why nothing is done."""
    assert made.steps == ()
    (refusal,) = made.refusals
    return refusal.code, refusal.reason


def test_a_new_one_is_bought_before_the_old_one_is_sold() -> None:
    step, order = bought(made_of(aging(holding((OLD, "1")), lot("1", OLD))))
    assert order.symbol in {one.symbol for one in STRIKES}
    assert order.opens
    assert (step.rule, step.episode) == ("shock", "shock.0")
    assert step.hedge is not None
    assert step.hedge.parent == LONG
    assert step.reason.startswith(
        f"half of the time of {OLD.symbol} is over: without it account.stress_loss is 0.5,"
    )


def test_it_is_bought_for_what_would_be_missing() -> None:
    """The limit asks for as much as if the account held no option at all."""
    _, order = bought(made_of(aging(holding((OLD, "1")), lot("1", OLD))))
    _, anew = bought(made_of(asked(holding(), shock(GOAL))))
    assert (order.symbol, order.contracts) == (anew.symbol, anew.contracts)
    made = made_of(aging(holding((OLD, "1")), lot("1", OLD)))
    assert made.proofs[0].met
    assert made.proofs[0].before == pytest.approx(0.5)


def test_once_the_new_one_stands_the_old_one_is_sold() -> None:
    _, order = bought(made_of(aging(holding((OLD, "1")), lot("1", OLD))))
    new = next(one for one in STRIKES if one.symbol == order.symbol)
    size = f"{order.contracts}"
    both = holding((OLD, "1"), (new, size))
    (step,) = made_of(aging(both, lot("1", OLD), lot(size, new))).steps
    assert isinstance(step.request, OrderRequest)
    assert (step.kind, step.request.symbol) == (StepKind.UNWIND, OLD.symbol)
    assert step.request.contracts == 1


def test_a_part_of_the_new_one_sells_no_more_than_a_part_of_the_old_one() -> None:
    _, order = bought(made_of(aging(holding((OLD, "1")), lot("1", OLD))))
    new = next(one for one in STRIKES if one.symbol == order.symbol)
    part = f"{(order.contracts / 2).quantize(Decimal('0.01'))}"
    made = made_of(aging(holding((OLD, "1"), (new, part)), lot("1", OLD), lot(part, new)))
    (step,) = made.steps
    assert isinstance(step.request, OrderRequest)
    assert step.request.symbol == OLD.symbol
    assert step.request.contracts < 1
    left = f"{1 - step.request.contracts}"
    rest = made_of(aging(holding((OLD, left), (new, part)), lot(left, OLD), lot(part, new)))
    _, more = bought(rest)
    assert more.contracts < order.contracts


def test_a_young_one_is_left_alone_and_so_is_one_that_is_not_needed() -> None:
    young = made_of(aging(holding((YOUNG, "1")), lot("1", YOUNG)))
    assert (young.steps, young.refusals) == ((), ())
    rich = made_of(aging(holding((OLD, "1"), equity=80_000), lot("1", OLD)))
    assert [step.kind for step in rich.steps] == [StepKind.UNWIND]
    unbid = made_of(aging(holding((OLD, "1"), equity=80_000, bid=Unknown("none")), lot("1", OLD)))
    assert unbid.steps == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"options": (OLD,)}, "no_option"),
        ({"blocked_symbols": frozenset(one.symbol for one in STRIKES)}, "no_option"),
        ({"asked_first": frozenset({"shock"})}, "waits_for_approval"),
        (
            {
                "refused": tuple(
                    RefusedBefore(one.symbol, "110007", "no money", 2, later(9)) for one in STRIKES
                )
            },
            "no_option",
        ),
    ],
)
def test_the_old_one_stays_where_none_can_be_bought(changes: dict[str, Any], code: str) -> None:
    assert kept(made_of(aging(holding((OLD, "1")), lot("1", OLD), **changes)))[0] == code


def test_an_unknown_outcome_lets_it_stay() -> None:
    """What may have been bought counts for nothing before it is known, and nothing is bought beside it."""
    pending = lot("0", ATM, pending=Decimal(1))
    made = made_of(
        aging(holding((OLD, "1")), lot("1", OLD), pending, blocked_symbols=frozenset({ATM.symbol}))
    )
    assert kept(made)[0] == "unknown_outcome"
    own = made_of(aging(holding((OLD, "1")), lot("1", OLD, pending=Decimal(1))))
    assert (own.steps, own.refusals) == ((), ())


def test_nothing_is_replaced_while_the_rule_acts_a_price_is_doubted_or_data_are_old() -> None:
    shot = holding((OLD, "1"))
    acting = replace(aging(shot, lot("1", OLD)), demands=(shock(0.2),))
    assert not any("half of the time" in step.reason for step in made_of(acting).steps)
    assert made_of(aging(shot, lot("1", OLD), doubted=True)).steps == ()
    stale = replace(aging(shot, lot("1", OLD)), at=NOW + timedelta(hours=1))
    assert made_of(stale).steps == ()


def test_where_the_account_cannot_be_recomputed_it_stays_and_says_so() -> None:
    shot = holding((OLD, "1"))
    odd = replace(shot, positions=(*shot.positions, position("ETH/USDT:USDT", Side.LONG, "1", "2500")))
    dark = replace(odd, marks={BTC: shot.marks[BTC]})
    assert kept(made_of(aging(dark, lot("1", OLD))))[0] == "unknown_figure"


def test_both_together_never_turn_the_position() -> None:
    """Deep in the money the old one moves like the whole position: there is no room beside it."""
    deep = contract(90_000, 6.9)
    shot = holding((deep, "2"))
    code, reason = kept(made_of(aging(shot, lot("2", deep), goal=0.1)))
    assert code == "hedge_waits"
    assert "with the old one" in reason


def test_what_another_rule_holds_of_the_contract_still_counts() -> None:
    other = lot("0.5", OLD, rule="other")
    shot = holding((OLD, "1.5"))
    request = aging(shot, lot("1", OLD), other, hedging={"shock": TERMS, "other": TERMS})
    (step,) = made_of(request).steps
    assert isinstance(step.request, OrderRequest)
    alone, _ = bought(made_of(aging(holding((OLD, "1")), lot("1", OLD)))), None
    assert step.request.contracts < alone[1].contracts
