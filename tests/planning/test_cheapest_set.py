"""One programme for trims, options, perpetuals and margin: what it chooses, and what becomes of it."""

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    HedgeTerms,
    OptionTerms,
    Plan,
    Scenario,
    Sense,
    Side,
    Snapshot,
    StepKind,
    Target,
    TrimTerms,
    Unknown,
)
from bot.planning.book import open_book
from bot.planning.caps import Allowance
from bot.planning.hedged import plan_with_hedges
from bot.planning.known import known_of
from bot.planning.offers import Desk
from bot.planning.options.columns import Bought, bought_of
from bot.planning.options.offering import Way, option_ways
from bot.planning.programme.choice import choose
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.planning.sizing import CannotHelp, faces
from bot.planning.spread import missing
from bot.risk.portfolio import OptionHolding
from tests.planning.build import (
    ACCOUNT,
    demand,
    mark,
    position,
    target,
)
from tests.planning.hedges import ETH, of_kind
from tests.planning.hedges import account as hedgeable
from tests.planning.hedges import asked as of_hedges
from tests.planning.hedges import shock as shocked
from tests.planning.options.build import chain, contract, quote
from tests.planning.options.held import option
from tests.planning.options.test_buying import (
    ATM,
    BTC,
    LONG,
    STRIKES,
    TERMS,
    account,
    asked,
    buys,
    lot,
    shock,
)
from tests.planning.test_lifting import alone, codes, room

BOTH = (Action.TRIM, Action.HEDGE)
KEEP = TrimTerms(keep=("BTC/*",))
WIDER = "0.006"


def kinds(made: Plan) -> list[str]:
    """What the steps of a plan are."""
    return [step.kind.value for step in made.steps]


def dearer(shot: Snapshot, spread: str, symbol: str = BTC) -> Snapshot:
    """A market that is dear to trade."""
    found = shot.marks[symbol].mark
    assert isinstance(found, Decimal)
    return replace(shot, marks={**shot.marks, symbol: mark(symbol, found, spread)})


# Options


def test_a_put_is_bought_where_its_owner_would_rather_keep_the_position() -> None:
    sold = plan_with_hedges(asked(account(), shock(permits=BOTH)))
    assert kinds(sold) == ["trim"]
    kept = plan_with_hedges(asked(account(), shock(permits=BOTH, trim=KEEP)))
    step, order = buys(kept)
    assert kinds(kept) == ["hedge"]
    assert order.symbol in {one.symbol for one in STRIKES}
    assert kept.proofs[0].met
    assert step.cost > sum(one.cost for one in sold.steps)


def test_the_proof_names_what_was_dearer_be_it_a_trim_or_an_option() -> None:
    sold = plan_with_hedges(asked(account(), shock(permits=BOTH))).reasoning
    assert sold is not None
    assert sold.method == "programme"
    assert {one.item for one in sold.alternatives} == {f"option {one.symbol} for {LONG}" for one in STRIKES}
    assert all(0.0 < one.dearer < one.cost for one in sold.alternatives)
    kept = plan_with_hedges(asked(account(), shock(permits=BOTH, trim=KEEP)))
    step, order = buys(kept)
    assert kept.reasoning is not None
    assert kept.reasoning.cost == pytest.approx(step.cost, rel=0.02)
    assert kept.reasoning.binding[0].rule == "shock"
    left = [one.item for one in kept.reasoning.alternatives]
    assert LONG in left
    assert f"option {order.symbol} for {LONG}" not in left
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Plan) == kept


def test_a_trim_is_cheaper_than_a_put_with_a_wide_spread() -> None:
    wide = {one.symbol: quote(one, half=0.07) for one in STRIKES}
    narrow = {one.symbol: quote(one, half=0.004) for one in STRIKES}
    shot, both = dearer(account(), WIDER), shock(permits=BOTH)
    assert kinds(plan_with_hedges(asked(shot, both, chains={"BTC": chain(*STRIKES, quotes=narrow)}))) == [
        "hedge"
    ]
    assert kinds(plan_with_hedges(asked(shot, both, chains={"BTC": chain(*STRIKES, quotes=wide)}))) == [
        "trim"
    ]


def test_what_a_put_may_cost_bounds_it_and_trims_follow() -> None:
    few = replace(TERMS, put=OptionTerms(max_premium=0.01))
    made = plan_with_hedges(asked(account(), shock(permits=BOTH, trim=KEEP, terms=few)))
    _, order = buys(made)
    assert order.price is not None
    assert float(order.contracts) * (float(order.price) + 15) <= 400
    assert not made.proofs[0].met
    assert codes(made) == ["rest_follows"]
    assert made.reasoning is not None
    assert "max_premium" in {one.metric for one in made.reasoning.binding}


def test_once_it_is_held_trims_bring_back_the_rest() -> None:
    few = replace(TERMS, put=OptionTerms(max_premium=0.01))
    held, left = account(option(ATM, "0.1")), shock(permits=BOTH, trim=KEEP, terms=few)
    made = plan_with_hedges(asked(held, left, hedges=(lot("0.1"),), hedging={"shock": few}))
    assert "trim" in kinds(made)
    assert "hedge" not in kinds(made)
    assert made.proofs[0].met


def with_ether() -> Snapshot:
    """The long in BTC, and one in ETH of half its size, of which nobody offers options."""
    shot = account()
    return replace(
        shot,
        positions=(*shot.positions, position(ETH, Side.LONG, "20", "2500")),
        marks={**shot.marks, ETH: mark(ETH, Decimal(2500), "0.001")},
        markets={**shot.markets, ETH: replace(shot.markets[BTC], symbol=ETH, base="ETH")},
        tiers={**shot.tiers, ETH: shot.tiers[BTC]},
    )


ALL_FALL = (Scenario("all", {"BTC": -0.2, "ETH": -0.2}),)


def test_no_more_than_the_programme_says_is_bought_beside_trims() -> None:
    """ETH is cheap to sell and BTC dear; the put is for what ETH does not bring back."""
    few = replace(TERMS, put=OptionTerms(max_premium=0.5))
    one = shock(0.2, permits=BOTH, trim=KEEP, terms=few, scenarios=ALL_FALL)
    made = plan_with_hedges(asked(with_ether(), one))
    _, order = buys(made)
    only = plan_with_hedges(asked(with_ether(), replace(one, permits=(Action.HEDGE,))))
    assert order.contracts < buys(only)[1].contracts
    assert codes(made) == ["rest_follows"]


def test_why_no_parent_is_protected_is_said_of_each() -> None:
    tight = Watch("leverage", "account.leverage", Sense.MAX, 3.6, 3.6, Target(ACCOUNT))
    one = shock(0.5, scenarios=ALL_FALL)
    made = plan_with_hedges(asked(with_ether(), one, watches=(watch_of(one), tight)))
    assert kinds(made) == []
    assert sorted(codes(made)) == ["check_failed", "no_option"]


def test_a_put_that_harms_another_limit_leaves_the_trims() -> None:
    tight = Watch("leverage", "account.leverage", Sense.MAX, 2.4, 2.4, Target(ACCOUNT))
    one = shock(permits=BOTH, trim=KEEP)
    made = plan_with_hedges(asked(account(), one, watches=(watch_of(one), tight)))
    assert kinds(made) == ["trim"]
    assert made.reasoning is None, "the trims were sized by themselves"


def test_a_limit_that_the_programme_does_not_know_is_asked_for_itself() -> None:
    odd = shock(permits=BOTH, metric="account.drawdown")
    made = plan_with_hedges(asked(account(), shock(permits=BOTH, trim=KEEP), odd))
    assert "hedge" in kinds(made)


def test_a_rule_that_closes_whole_positions_is_asked_for_itself() -> None:
    close = (Action.CLOSE, Action.HEDGE)
    cheap = asked(account(), shock(permits=close))
    known = known_of(cheap)
    found = choose(cheap, Allowance(cheap.caps, cheap.usage), known.quotes, {}, columns(cheap))
    assert found is not None
    assert (found.answers, found.options) == (frozenset(), {})
    assert kinds(plan_with_hedges(cheap)) == ["hedge"], "closing all of it costs more"
    wide = {one.symbol: quote(one, half=0.07) for one in STRIKES}
    dear = asked(
        dearer(account(), "0.00002"), shock(permits=close), chains={"BTC": chain(*STRIKES, quotes=wide)}
    )
    assert kinds(plan_with_hedges(dear)) == ["close"]


def test_a_rule_that_may_only_hedge_hedges_although_trims_would_do() -> None:
    cap = demand("account.leverage", 1.0, rule="cap", episode="cap.1")
    made = plan_with_hedges(asked(account(), shock(), cap, watches=()))
    assert kinds(made) == ["trim"]
    assert "hedge_waits" in codes(made)


def test_ill_quotes_are_set_aside_each_with_its_reason_and_the_others_are_bought() -> None:
    ill = {
        STRIKES[0].symbol: quote(STRIKES[0], bid=Decimal(90_000)),
        STRIKES[1].symbol: quote(STRIKES[1], ask=Unknown("none")),
        STRIKES[2].symbol: quote(STRIKES[2], iv=Decimal(0)),
    }
    holes = (*STRIKES[:3], contract(50_000, -1.0), replace(contract(47_000), contract_size=Decimal(0)))
    kept = shock(permits=BOTH, trim=KEEP)
    made = plan_with_hedges(asked(account(), kept, chains={"BTC": chain(*holes, ATM, quotes=ill)}))
    assert buys(made)[1].symbol == ATM.symbol
    bare = {"BTC": chain(*holes, quotes=ill)}
    assert kinds(plan_with_hedges(asked(account(), kept, chains=bare))) == ["trim"]
    (refusal,) = plan_with_hedges(asked(account(), shock(), chains=bare)).refusals
    assert refusal.code == "no_option"
    assert refusal.reason.startswith("no put of BTC that is settled in USDT will do: ")
    assert refusal.reason.endswith("(5 were set aside)")


def columns(given: PlanRequest) -> list[Bought]:
    """The options of the first demand as columns."""
    desk = Desk(given, known_of(given), Allowance(given.caps, given.usage))
    ways = [way for way in option_ways(given.demands[0], desk) if isinstance(way, Way)]
    return bought_of(ways, desk)


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("account.stress_loss", 0.4),
        ("account.cushion", 0.4),
        ("account.net_leverage", 2.0),
        ("account.leverage", 2.0),
        ("account.margin_ratio", 0.01),
        ("account.joint_distance", 0.6),
    ],
)
def test_what_a_usd_of_premium_does_is_what_it_does_once_it_is_held(metric: str, goal: float) -> None:
    """Against the faces of an account that holds the option and has paid for it. In a shock what is paid
    counts as a loss of the equity from before."""
    shocks = metric in ("account.stress_loss", "account.cushion")
    other = demand(metric, goal, rule="other", episode="other.1")
    given = asked(account(), shock(), other)
    one = columns(given)[0]
    fit, usd = one.candidate.fit, 1000.0
    coins = one.coins(usd)
    portfolio = given.portfolio
    assert not isinstance(portfolio.equity, Unknown)
    assert not isinstance(portfolio.margin_balance, Unknown)
    held = OptionHolding(
        symbol=fit.market.symbol,
        base="BTC",
        side=Side.LONG,
        right=fit.market.right,
        coins=coins,
        strike=float(fit.market.strike),
        years=fit.years,
        vol=fit.vol,
        forward=fit.forward,
        worth=fit.worth,
        beta=1.0,
        residual=0.0,
    )
    paid = replace(
        given,
        portfolio=replace(
            portfolio,
            options=(held,),
            equity=portfolio.equity if shocks else portfolio.equity - coins * fit.cost,
            margin_balance=portfolio.margin_balance - coins * fit.premium,
        ),
    )
    before, after = open_book(given), open_book(paid)
    was, now = faces(watch_of(other), before), faces(watch_of(other), after)
    assert not isinstance(was, CannotHelp)
    assert not isinstance(now, CannotHelp)
    for number, (old, new) in enumerate(zip(was, now, strict=True)):
        more = missing(new, after) - missing(old, before) + (coins * fit.cost if shocks else 0.0)
        assert usd * one.effect(given.demands[1], number, old) == pytest.approx(more, rel=1e-6, abs=1e-6)
    assert one.effect(other, 0, replace(was[0], alone=True)) == 0.0
    assert one.expected(usd) == pytest.approx(coins * one.candidate.carrying)


@pytest.mark.parametrize(("free", "both"), [("1400", False), ("20000", True)])
def test_what_is_free_is_not_given_away_twice(free: str, both: bool) -> None:
    """To the margin of a short in ETH, and for a put on the long in BTC."""
    shot = with_ether()
    short = replace(
        alone(ETH, margin="700"),
        side=Side.SHORT,
        contracts=Decimal(4),
        entry_price=Decimal(2500),
        mark_price=Decimal(2500),
    )
    shot = replace(shot, positions=(shot.positions[0], short))
    shot = replace(shot, balance=replace(shot.balance, available=Decimal(free)))
    made = plan_with_hedges(asked(shot, shock(), room(target=target(ETH, Side.SHORT))))
    assert kinds(made) == (["add_margin", "hedge"] if both else ["add_margin"])
    assert ("hedge_waits" in codes(made)) is not both


@pytest.mark.parametrize(("free", "both"), [("3000", False), ("20000", True)])
def test_nor_is_it_for_a_perpetual(free: str, both: bool) -> None:
    """At the leverage of 10 that the long in ETH shows."""
    short = replace(
        alone("SOL/USDT:USDT", margin="700"),
        side=Side.SHORT,
        contracts=Decimal(100),
        entry_price=Decimal(100),
        mark_price=Decimal(100),
        position_index=2,
    )
    shot = hedgeable(short, index=1)
    shot = replace(shot, balance=replace(shot.balance, available=Decimal(free)))
    lone = plan_with_hedges(of_hedges(shot, shocked(0.4)))
    assert kinds(lone) == ["hedge"]
    assert lone.proofs[0].met
    near = room(target=target("SOL/USDT:USDT", Side.SHORT))
    made = plan_with_hedges(of_hedges(shot, shocked(0.4), near))
    assert kinds(made) == (["add_margin", "hedge"] if both else ["add_margin"])
    assert ("hedge_waits" in codes(made)) is not both


# Perpetuals


def test_of_a_perpetual_no_more_than_the_programme_says_is_opened() -> None:
    dear = replace(hedgeable(position("SOL/USDT:USDT", Side.LONG, "100", "100")))
    shot = dearer(dear, "0.0090", ETH)
    one = shocked(0.45, permits=BOTH)
    made = plan_with_hedges(of_hedges(shot, one))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    ((_, whole),) = of_kind(
        plan_with_hedges(of_hedges(shot, replace(one, permits=(Action.HEDGE,)))), StepKind.HEDGE
    )
    assert sent.contracts < whole.contracts
    assert codes(made) == ["rest_follows"]


def test_a_limit_of_survival_is_not_brought_half_the_way() -> None:
    few = HedgeTerms(max_share=0.1)
    found = demand("account.joint_distance", 0.6, rule="shock", episode="s.1", permits=BOTH)
    shot = dearer(hedgeable(), "0.0090", ETH)
    made = plan_with_hedges(of_hedges(shot, replace(found, hedge=few), hedging={"shock": few}))
    assert kinds(made) == ["trim"]
    assert made.proofs[0].met


def test_of_two_rules_the_wider_room_is_weighed() -> None:
    shot = dearer(hedgeable(), "0.0090", ETH)
    first = shocked(0.4, permits=BOTH, hedge=HedgeTerms(max_share=0.01))
    second = shocked(0.4, permits=BOTH, rule="second", episode="second.1")
    for pair in ((first, second), (second, first)):
        made = plan_with_hedges(
            of_hedges(shot, *pair, hedging={"shock": HedgeTerms(), "second": HedgeTerms()})
        )
        assert "hedge" in kinds(made)
