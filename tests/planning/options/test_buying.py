"""Options as hedges: sized in closed form, bounded, checked, chosen by cost, or refused with the reason."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Caps,
    Demand,
    Hedge,
    HedgeTerms,
    OptionMarket,
    OptionTerms,
    OrderRequest,
    OrderSide,
    Plan,
    RefusedBefore,
    Right,
    Scenario,
    Sense,
    Side,
    Snapshot,
    Step,
    StepKind,
    Style,
    Target,
    Unknown,
    Usage,
)
from bot.planning.hedged import plan_with_hedges
from bot.planning.identity import OPENING
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.risk import black76
from tests.planning.build import ACCOUNT, NOW, context, demand, later, position, request, snapshot, stats_for
from tests.planning.options.build import chain, contract, quote, worth
from tests.planning.options.held import option, with_options

BTC = "BTC/USDT:USDT"
LONG = f"{BTC}#long"
TERMS = HedgeTerms(perp=False, put=OptionTerms(max_premium=0.2), call=OptionTerms(max_premium=0.2))
FIFTH = (Scenario("a fifth", {"BTC": -0.2}),)
ATM = contract(50_000)
STRIKES = tuple(contract(strike) for strike in (42_000, 45_000, 48_000, 50_000, 52_000))


def account(*held: Any, equity: float = 40_000, side: Side = Side.LONG, **changes: Any) -> Snapshot:
    """100,000 USD in BTC, and options that were read."""
    shot = snapshot([position(BTC, side, "2", "50000")], equity)
    return replace(with_options(shot, *held), options_read=True, **changes)


def shock(goal: float = 0.4, terms: HedgeTerms = TERMS, **changes: Any) -> Demand:
    """A limit on the stress loss that permits options: a fifth down costs half of the equity."""
    found = demand("account.stress_loss", goal, rule="shock", episode="shock.1", scenarios=FIFTH)
    return replace(replace(found, permits=(Action.HEDGE,), hedge=terms), **changes)


def asked(
    shot: Snapshot, *demands: Demand, options: Sequence[OptionMarket] = STRIKES, **changes: Any
) -> PlanRequest:
    """A request with these options on offer."""
    watches: tuple[Watch, ...] = changes.pop("watches", tuple(watch_of(one) for one in demands))
    changes.setdefault("chains", {"BTC": chain(*options)})
    changes.setdefault("hedging", {"shock": TERMS})
    return request(shot, demands, watches, about=context(stats=stats_for([BTC])), **changes)


def buys(made: Plan) -> tuple[Step, OrderRequest]:
    """The one step that opens, and its order."""
    (step,) = (one for one in made.steps if one.kind is StepKind.HEDGE)
    assert isinstance(step.request, OrderRequest)
    return step, step.request


def told(made: Plan) -> tuple[str, str]:
    """Code and reason of the one refusal."""
    (refusal,) = made.refusals
    assert made.steps == ()
    return refusal.code, refusal.reason


def lot(contracts: str, market: OptionMarket = ATM, **changes: Any) -> Hedge:
    """An option that the guard holds against the long."""
    found = Hedge(
        symbol=market.symbol,
        side=Side.LONG,
        position_index=0,
        parent=LONG,
        rule="shock",
        episode="shock.0",
        contracts=Decimal(contracts),
        ratio=Decimal(contracts) / 2,
        opened_at=NOW,
        stop=0.1,
    )
    return replace(found, **changes)


def test_a_premium_is_no_more_than_the_free_margin() -> None:
    shot = account()
    poor = replace(shot, balance=replace(shot.balance, available=Decimal(500)))
    _, order = buys(plan_with_hedges(asked(poor, shock())))
    assert order.price is not None
    assert 0 < order.contracts * order.price <= 500
    none = replace(shot, balance=replace(shot.balance, available=Decimal(1)))
    code, reason = told(plan_with_hedges(asked(none, shock())))
    assert code == "hedge_too_small"
    assert "the free margin" in reason


@pytest.mark.parametrize("kept", [(), ("*",)])
def test_what_its_owner_would_rather_keep_is_protected_and_not_sold(kept: tuple[str, ...]) -> None:
    """Selling costs 0.08 % or less: a put is dearer, unless 1 % counts beside."""
    both = shock(permits=(Action.TRIM, Action.HEDGE))
    made = plan_with_hedges(asked(account(), replace(both, trim=replace(both.trim, keep=kept))))
    assert [step.kind for step in made.steps] == [StepKind.HEDGE if kept else StepKind.TRIM]


def test_the_cheapest_put_is_bought_in_the_size_of_the_closed_form() -> None:
    made = plan_with_hedges(asked(account(), shock()))
    step, order = buys(made)
    market = next(one for one in STRIKES if one.symbol == order.symbol)
    assert (order.side, order.position_side, order.position_index) == (OrderSide.BUY, Side.LONG, 0)
    assert (order.style, order.opens) == (Style.IOC, True)
    assert order.client_order_id.startswith(OPENING)
    ask = quote(market).ask
    assert order.price is not None
    assert isinstance(ask, Decimal)
    assert order.price <= ask * Decimal("1.02") < order.price + 5
    years = market.years_left(NOW)
    gain = 0.9 * (black76.price(Right.PUT, 40_000.0, float(market.strike), years, 0.6) - worth(market))
    cost = float(order.price) - worth(market) + 0.0003 * 50_000
    coins = (20_000 - 0.4 * 40_000) / (gain - cost)
    assert 0 <= float(order.contracts) - coins < 0.01
    assert step.hedge is not None
    assert (step.hedge.parent, step.hedge.parent_contracts, step.hedge.held) == (LONG, 2, 0)
    (proof,) = made.proofs
    assert proof.met
    assert made.refusals == ()
    assert step.notional == pytest.approx(float(order.contracts) * worth(market))


def test_calls_protect_shorts() -> None:
    calls = [contract(strike, right=Right.CALL) for strike in (50_000, 55_000)]
    up = shock(scenarios=(Scenario("up", {"BTC": 0.2}),))
    made = plan_with_hedges(asked(account(side=Side.SHORT), up, options=[*STRIKES, *calls]))
    _, order = buys(made)
    assert order.symbol in {one.symbol for one in calls}
    assert made.proofs[0].met


def test_only_what_the_rule_permits_is_bought() -> None:
    code, reason = told(plan_with_hedges(asked(account(), shock(terms=replace(TERMS, put=None)))))
    assert code == "no_parent"
    assert reason.startswith("no position in cross margin that the rule's options protect")


def test_the_cheaper_of_perpetual_option_and_trim_is_taken() -> None:
    permits = (Action.HEDGE, Action.TRIM)
    both = shock(terms=replace(TERMS, perp=True, symbol="ETH/USDT:USDT"), permits=permits)
    assert not [one for one in plan_with_hedges(asked(account(), both)).steps if one.kind is StepKind.HEDGE]
    far = shock(0.4, terms=replace(TERMS, perp=True))
    _, order = buys(plan_with_hedges(asked(account(), far)))
    assert order.symbol != BTC
    bare = plan_with_hedges(asked(account(), far, chains={}))
    assert {refusal.code for refusal in bare.refusals} == {"hedge_is_trim", "no_option"}


def test_another_metric_is_not_for_options() -> None:
    joint = replace(
        demand("account.joint_distance", 0.9, rule="shock", episode="shock.1"),
        permits=(Action.HEDGE,),
        hedge=TERMS,
    )
    code, reason = told(plan_with_hedges(asked(account(), joint)))
    assert (code, reason) == ("hedge_cannot_help", "an option does not bring account.joint_distance back")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options_read": False}, "not asked for yet"),
        ({"options_unread": "no answer"}, "no answer"),
    ],
)
def test_nothing_is_bought_before_the_account_is_known(changes: dict[str, Any], words: str) -> None:
    code, reason = told(plan_with_hedges(asked(replace(account(), **changes), shock())))
    assert (code, reason) == ("unknown_figure", f"options of the account are not known: {words}")


def test_an_account_that_cannot_be_recomputed_buys_nothing() -> None:
    shot = replace(account(), tiers={})
    assert told(plan_with_hedges(asked(shot, shock())))[0] == "unknown_figure"
    poor = account()
    poor = replace(poor, balance=replace(poor.balance, equity=Unknown("no equity")))
    assert told(plan_with_hedges(asked(poor, shock())))[0] == "unknown_figure"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"chains": {}}, "no_option", "no options of BTC have been read"),
        ({"options": ()}, "no_option", "no put of BTC that is settled in USDT is in question"),
        (
            {"options": (contract(45_000, 5.0),)},
            "no_option",
            "no put of BTC that is settled in USDT will do: BTC/USDT:USDT-251126-45000-P: 5.0 days are left",
        ),
        ({"blocked_symbols": frozenset({ATM.symbol}), "options": (ATM,)}, "no_option", "has not ended"),
        (
            {
                "refused": (RefusedBefore(ATM.symbol, "110007", "no money", 2, later(9)),),
                "options": (ATM,),
            },
            "no_option",
            "the venue refused it 2 times in a row",
        ),
        (
            {"hedges": (lot("0", lost_at=NOW),)},
            "hedge_lost",
            "others closed an option of BTC/USDT:USDT#long at 07:30:00 UTC",
        ),
        ({"hedges": (lot("0", pending=Decimal(1)),)}, "unknown_outcome", "has not ended"),
        ({"caps": Caps(actions_per_hour=0)}, "cap_actions", "actions an hour"),
        ({"caps": Caps(notional_per_day=Decimal(1))}, "cap_notional", "notional of 1 USD a day"),
    ],
)
def test_why_nothing_is_bought(changes: dict[str, Any], code: str, words: str) -> None:
    said = told(plan_with_hedges(asked(account(), shock(), **changes)))
    assert said[0] == code
    assert words in said[1]


def test_what_does_not_help_or_needs_no_help_is_said() -> None:
    up = (Scenario("up", {"BTC": 0.01}),)
    assert told(plan_with_hedges(asked(account(), shock(0.0, scenarios=up))))[0] == "goal_met"
    none = told(plan_with_hedges(asked(account(), shock(scenarios=()))))
    assert none == ("unknown_figure", "account.stress_loss of no scenario cannot be sized")
    mild = (Scenario("little", {"BTC": -0.001}),)
    code, reason = told(plan_with_hedges(asked(account(), shock(0.0, scenarios=mild))))
    assert (code, reason) == ("hedge_cannot_help", "no put of BTC gains more than it costs there")


def test_two_scenarios_that_one_option_cannot_serve_are_refused() -> None:
    both = (*FIFTH, Scenario("little", {"BTC": -0.001}))
    code, _ = told(plan_with_hedges(asked(account(), shock(0.0005, scenarios=both))))
    assert code == "hedge_cannot_help"


def test_an_option_of_the_owner_is_not_mixed_with() -> None:
    for held, words in (
        (option(ATM, "0.3"), "its owner holds it"),
        (option(ATM, "0.3", Side.SHORT), "its owner has sold it"),
    ):
        code, reason = told(plan_with_hedges(asked(account(held), shock(0.3), options=(ATM,))))
        assert code == "no_option"
        assert words in reason


def test_what_other_rules_paid_is_not_counted() -> None:
    terms = replace(TERMS, put=OptionTerms(max_premium=0.02))
    other = lot("0.3", rule="another")
    made = plan_with_hedges(
        asked(
            account(option(ATM, "0.3")),
            shock(terms=terms),
            options=(ATM,),
            hedges=(other,),
            hedging={"shock": TERMS, "another": TERMS},
        )
    )
    assert buys(made)


def test_more_is_bought_where_the_guard_holds_it_alone() -> None:
    made = plan_with_hedges(asked(account(option(ATM, "0.3")), shock(), options=(ATM,), hedges=(lot("0.3"),)))
    step, _ = buys(made)
    assert step.hedge is not None
    assert step.hedge.held == Decimal("0.3")


def test_the_premium_is_bounded_with_what_was_paid_before() -> None:
    terms = replace(TERMS, put=OptionTerms(max_premium=0.02))
    _, order = buys(plan_with_hedges(asked(account(), shock(terms=terms), options=(ATM,))))
    assert order.price is not None
    assert float(order.contracts) * (float(order.price) + 15) <= 800
    held = option(ATM, "0.3")
    for entry in (Decimal(2800), Unknown("none")):
        paid = replace(held, position=replace(held.position, entry_price=entry))
        code, reason = told(
            plan_with_hedges(asked(account(paid), shock(terms=terms), options=(ATM,), hedges=(lot("0.3"),)))
        )
        assert code == "hedge_too_small"
        assert reason.startswith("max_premium allows 0 contracts")


def test_it_never_stands_against_more_than_its_parent() -> None:
    """Whatever the price does: an option comes to its whole size when the price has gone far."""
    terms = replace(TERMS, put=OptionTerms(max_premium=0.5))
    _, order = buys(plan_with_hedges(asked(account(), shock(0.001, terms=terms), options=(ATM,))))
    assert order.contracts == 2
    half = account(option(ATM, "1.5"))
    made = plan_with_hedges(asked(half, shock(0.001, terms=terms), options=(ATM,), hedges=(lot("1.5"),)))
    assert buys(made)[1].contracts == Decimal("0.5")


def test_what_comes_nearer_is_bought_where_the_goal_is_out_of_reach() -> None:
    made = plan_with_hedges(
        asked(account(), shock(0.001, terms=replace(TERMS, put=OptionTerms(max_premium=0.5))))
    )
    assert not made.proofs[0].met
    assert buys(made)


def test_another_limit_may_not_be_made_worse_beyond_its_target() -> None:
    tight = Watch("leverage", "account.leverage", Sense.MAX, 2.4, 2.4, Target(ACCOUNT))
    made = plan_with_hedges(asked(account(), shock(), watches=(watch_of(shock()), tight)))
    assert told(made)[0] == "check_failed"


def test_more_scenarios_than_one_are_all_served() -> None:
    both = (*FIFTH, Scenario("third", {"BTC": -0.3}))
    made = plan_with_hedges(asked(account(), shock(0.5, scenarios=both)))
    assert made.proofs[0].met


def test_a_used_up_allowance_buys_nothing() -> None:
    usage = Usage(0, Decimal(0), Decimal(500))
    made = plan_with_hedges(asked(account(), shock(), caps=Caps(loss_per_day=Decimal(500)), usage=usage))
    assert told(made)[0] == "cap_loss"
