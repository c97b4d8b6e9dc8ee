"""Inverse positions and coins: the closed form, the definition, and the sandbox's engine."""

from decimal import Decimal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.exchange.factory import make_gateway
from bot.exchange.values import from_milliseconds
from bot.model import (
    Balance,
    Beta,
    Figure,
    Market,
    MarketStats,
    Position,
    Scenario,
    Sense,
    Side,
    Snapshot,
    Unknown,
)
from bot.risk.assemble import build_portfolio
from bot.risk.firing import FiringPoint, firing_price
from bot.risk.joint import joint_distance
from bot.risk.margin import DISTANCE_BOUND
from bot.risk.metrics import measure
from bot.risk.portfolio import Portfolio
from bot.risk.reconcile import comparisons
from bot.risk.shock import scenario_loss, shocked
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.terms import VenueTerms as EngineTerms
from bot.sandbox.engine.types import Side as EngineSide
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport
from tests.examples import examples
from tests.risk.build import AT, NOTHING, TERMS, context, known, market, position, snapshot, tiers_of
from tests.sandbox.support import KEY, SECRET, START_MS, open_account

INVERSE = "BTC/USD:BTC"
FEE = 0.0006
TIERS = tiers_of([("0", "0.005"), ("150", "0.01"), ("300", "0.03")])
"""In coins."""
RATE = 0.005 + FEE


def contract(base: str = "BTC") -> Market:
    """An inverse perpetual."""
    one = Decimal(1)
    changed = replace(market(base, linear=False, fee=str(FEE)), symbol=f"{base}/USD:{base}", settle=base)
    return replace(changed, amount_step=one, amount_min=one, notional_min=Decimal(0), quote="USD")


def held(side: Side, contracts: float, entry: float, mark: float, base: str = "BTC") -> Position:
    """An inverse position in cross margin."""
    plain = position(
        base, side, contracts=repr(contracts), entry=Decimal(repr(entry)), price=Decimal(repr(mark))
    )
    return replace(plain, symbol=f"{base}/USD:{base}", inverse=True)


class Account(Struct, frozen=True):
    """B coins of which `ratio` counts as margin, other money, and one position."""

    side: Side = Side.LONG
    contracts: float = 100_000.0
    entry: float = 100_000.0
    coins: float = 1.0
    money: float = 0.0
    ratio: float = 1.0
    mark: float = 100_000.0

    def equity(self, price: float, ratio: float = 1.0) -> float:
        """Equity (or with a ratio the margin balance) at a price, straight from the contract."""
        profit = (
            self.side.sign * self.contracts * (1 / self.entry - 1 / price) * price
            if price
            else (-self.side.sign * self.contracts)
        )
        return self.coins * ratio * price + profit + self.money

    def needed(self, price: float) -> float:
        """Maintenance margin at a price, slice by slice in coins."""
        if price <= 0.0:
            return self.contracts * 0.03
        value, total = self.contracts / price, FEE * self.contracts
        for tier in TIERS:
            top = value if tier.cap is None else min(value, float(tier.cap))
            total += max(top - float(tier.floor), 0.0) * float(tier.maintenance_rate) * price
        return total

    def room(self, price: float) -> float:
        """M - MM at a price."""
        return self.equity(price, self.ratio) - self.needed(price)

    def shot(self, *others: Position) -> Snapshot:
        """The account as a venue would show it."""
        worth = (self.equity(self.mark) - self.money) * 1.0
        money = Balance(
            Decimal(repr(self.equity(self.mark))),
            Decimal(repr(self.equity(self.mark, self.ratio))),
            NOTHING,
            NOTHING,
            NOTHING,
            NOTHING,
            {"BTC": Decimal(repr(self.coins)), "USDT": Decimal(repr(self.money))},
            {"BTC": Decimal(repr(worth)), "USDT": Decimal(repr(self.money))},
        )
        one = held(self.side, self.contracts, self.entry, self.mark)
        symbols = {other.symbol: market() for other in others}
        return snapshot(
            one,
            *others,
            money=money,
            markets={INVERSE: contract(), **symbols},
            tiers={INVERSE: TIERS, **dict.fromkeys(symbols, tiers_of([("0", "0.005")]))},
        )

    def portfolio(self, *others: Position) -> Portfolio:
        """The same as numbers."""
        return build_portfolio(self.shot(*others), numbers(), TERMS, 0.0)


SETTLED_AWAY = Account(
    side=Side.SHORT,
    contracts=42_040.0,
    entry=14_062.5,
    coins=1.109375,
    money=278.0,
    ratio=0.8,
    mark=20_000.0,
)
"""The haircut falls on what is held, not on what a loss leaves of it: these coins are less than no margin."""


def numbers(**betas: Beta) -> MarketStats:
    return MarketStats("BTC", {f"{base}/USD:{base}": beta for base, beta in betas.items()}, {}, {}, AT)


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Accounts that are not liquidated."""
    mark = draw(st.floats(20_000, 200_000))
    made = Account(
        side=draw(st.sampled_from(Side)),
        contracts=float(draw(st.integers(1_000, 40_000_000))),
        entry=mark * draw(st.floats(0.7, 1.4)),
        coins=draw(st.floats(0.01, 300.0)),
        money=draw(st.floats(0.0, 2_000_000.0)),
        ratio=draw(st.sampled_from([1.0, 0.95, 0.8])),
        mark=mark,
    )
    assume(made.room(mark) > 0.001 * made.contracts)
    return made


def reference(made: Account) -> float:
    """The first price in the losing direction without room, by bisection."""
    safe = made.mark
    lost = 0.0 if made.side is Side.LONG else (1 + DISTANCE_BOUND) * made.mark
    if made.room(lost) > 0.0:
        return lost
    for _ in range(200):
        middle = (safe + lost) / 2.0
        safe, lost = (middle, lost) if made.room(middle) > 0.0 else (safe, middle)
    return lost


def liquidation(account: Portfolio, key: str = f"{INVERSE}#long") -> float:
    one = account.holding(key)
    assert one is not None
    return known(one.liquidation_price)


@settings(max_examples=examples(300), deadline=None)
@given(accounts())
def test_the_liquidation_price_is_that_of_the_definition(made: Account) -> None:
    price = liquidation(made.portfolio(), f"{INVERSE}#{made.side.value}")
    assert price == pytest.approx(reference(made), rel=1e-7, abs=1e-6 * made.mark)


@settings(max_examples=examples(100), deadline=None)
@given(st.floats(0.01, 100.0), st.floats(0.1, 30.0), st.floats(0.8, 1.2), st.floats(0.9, 1.1))
def test_it_is_the_closed_form_in_the_first_tier(
    coins: float, leverage: float, entry: float, mark: float
) -> None:
    """p_liq = c (1 + r) / (B + c / p0)."""
    made = Account(
        contracts=coins * leverage * 100_000, entry=entry * 100_000, coins=coins, mark=mark * 100_000
    )
    expected = made.contracts * (1 + RATE) / (made.coins + made.contracts / made.entry)
    assume(made.room(made.mark) > 0.0 and made.contracts / expected < 150)
    assert liquidation(made.portfolio()) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=examples(200), deadline=None)
@given(accounts(), st.floats(-0.9, 2.0), st.floats(-0.9, 2.0))
@example(SETTLED_AWAY, 0.0, 1.0)
@example(replace(SETTLED_AWAY, entry=12_500.0, money=8_000.0), 0.0, 1.0)
def test_a_shock_leaves_what_the_contract_says(made: Account, first: float, second: float) -> None:
    moved = shocked(shocked(made.portfolio(), {"BTC": first}), {"BTC": second})
    price = made.mark * (1 + first) * (1 + second)
    (one,) = moved.holdings
    scale = made.contracts + made.coins * max(price, made.mark) + made.money
    assert known(moved.equity) == pytest.approx(made.equity(price), abs=1e-9 * scale)
    assert known(moved.margin_balance) == pytest.approx(made.equity(price, made.ratio), abs=1e-9 * scale)
    assert one.maintenance == pytest.approx(made.needed(price), abs=1e-9 * scale)
    assert (one.notional, one.price) == (made.contracts, pytest.approx(price))
    loss = made.equity(made.mark) - made.equity(made.mark * (1 + first))
    stressed = known(scenario_loss(made.portfolio(), Scenario("s", {"BTC": first})))
    assert stressed == pytest.approx(loss, abs=1e-9 * scale)


@settings(max_examples=examples(200), deadline=None)
@given(accounts())
def test_the_joint_distance_is_the_first_move_without_room(made: Account) -> None:
    distance = known(joint_distance(made.portfolio()))

    def room(u: float) -> float:
        return min(made.room(made.mark * (1 - u)), made.room(made.mark * (1 + u)))

    scale = 1e-8 * (made.contracts + made.coins * made.mark)
    assert all(room(distance * step / 50) > -scale for step in range(50))
    if distance < 1.0:
        assert room(distance) <= scale


def test_net_leverage_counts_coins_and_gross_does_not() -> None:
    made = Account(contracts=50_000.0, coins=1.0)
    account = made.portfolio()
    assert measure("account.leverage", account, context()) == pytest.approx(0.5)
    assert measure("account.net_leverage", account, context()) == pytest.approx(1.5)
    hedged = Account(side=Side.SHORT, contracts=100_000.0, coins=1.0).portfolio()
    assert measure("account.net_leverage", hedged, context()) == pytest.approx(0.0)
    assert measure("account.joint_distance", hedged, context()) == 1.0
    crash = context(Scenario("half", {"BTC": -0.5}), Scenario("twice", {"BTC": 1.0}))
    assert measure("account.stress_loss", hedged, crash) == pytest.approx(0.0)
    assert liquidation(hedged, f"{INVERSE}#short") == 11 * 100_000.0


def test_coins_behind_a_linear_position_fall_with_it() -> None:
    bare = replace(position(contracts="1", price=Decimal(100_000)), symbol="BTC/USDT:USDT")
    worth: dict[str, Figure] = {"BTC": Decimal(50_000), "USDT": Decimal(10_000)}
    money = Balance(Decimal(60_000), Decimal(57_500), NOTHING, NOTHING, NOTHING, NOTHING, {}, worth)
    shot = snapshot(
        bare, money=money, markets={bare.symbol: market()}, tiers={bare.symbol: tiers_of([("0", "0.01")])}
    )
    account = build_portfolio(shot, numbers(), TERMS, 0.0)
    (coin,) = account.coins
    assert (coin.base, coin.worth, coin.margin) == ("BTC", 50_000, pytest.approx(47_500))
    # 57,500 + 1.475 (x - 100,000) = 0.0106 x
    expected = (147_500 - 57_500) / (1.475 - 0.0106)
    assert liquidation(account, bare.key) == pytest.approx(expected)
    assert known(joint_distance(account)) == pytest.approx(1 - expected / 100_000)
    assert measure("account.net_leverage", account, context()) == pytest.approx(150_000 / 60_000)
    stress = context(Scenario("fifth", {"BTC": -0.2}))
    assert measure("account.stress_loss", account, stress) == pytest.approx(0.5)
    fires = firing_price("position.liquidation_distance", 0.1, Sense.MIN, account, context(), bare.key)
    assert isinstance(fires, FiringPoint)
    assert fires.price == pytest.approx(expected / 0.9, rel=1e-4)
    leverage = firing_price("position.leverage", 3.0, Sense.MAX, account, context(), bare.key)
    assert isinstance(leverage, FiringPoint)
    # x / (60,000 + 1.5 (x - 100,000)) = 3
    assert leverage.price == pytest.approx(270_000 / 3.5, rel=1e-4)


@pytest.mark.parametrize("key", [f"{INVERSE}#long", "BTC/USDT:USDT#long"])
def test_a_distance_fires_where_all_that_it_counts_along_has_moved(key: str) -> None:
    beside = position(contracts="1", price=Decimal(100_000))
    account = Account(money=20_000.0).portfolio(beside)
    fires = firing_price("position.liquidation_distance", 0.1, Sense.MIN, account, context(), key)
    assert isinstance(fires, FiringPoint)
    assert fires.prices == dict.fromkeys((INVERSE, beside.symbol), pytest.approx(fires.price))
    there = shocked(account, {"BTC": fires.move})
    assert known(measure("position.liquidation_distance", there, context(), key)) == pytest.approx(
        0.1, abs=1e-5
    )


def test_a_short_in_its_own_coins_shares_their_residual() -> None:
    beta = Beta(1.3, 0.4, "test")
    made = held(Side.SHORT, 3_500.0, 3_500.0, 3_500.0, "ETH")
    worth: dict[str, Figure] = {"ETH": Decimal(3_500)}
    money = Balance(Decimal(3_500), Decimal(3_500), NOTHING, NOTHING, NOTHING, NOTHING, {}, worth)
    shot = snapshot(made, money=money, markets={made.symbol: contract("ETH")}, tiers={made.symbol: TIERS})
    account = build_portfolio(shot, numbers(ETH=beta), TERMS, 0.0)
    (coin,) = account.coins
    assert (coin.beta, coin.residual) == (1.3, 0.4)
    for move in (-0.5, 0.5):
        assert known(scenario_loss(account, Scenario("m", {"BTC": move}))) == pytest.approx(0.0)
    assert joint_distance(account) == 1.0


@pytest.mark.parametrize(
    ("worth", "coins", "found"),
    [
        ({"USDT": "5", "USDE": "900", "DAI": "3"}, {}, []),
        ({"BTC": "0.9"}, {}, []),
        ({"BTC": "100", "XRP": "-40"}, {}, [("BTC", 100.0), ("XRP", -40.0)]),
        ({"BTC": None}, {"BTC": "0"}, []),
        ({"BTC": None}, {"BTC": "1"}, None),
        ({"BTC": None}, {}, None),
    ],
)
def test_which_coins_count(
    worth: dict[str, str | None], coins: dict[str, str], found: list[tuple[str, float]] | None
) -> None:
    money = Balance(
        Decimal(1000),
        Decimal(1000),
        NOTHING,
        NOTHING,
        NOTHING,
        NOTHING,
        {name: Decimal(amount) for name, amount in coins.items()},
        {name: NOTHING if usd is None else Decimal(usd) for name, usd in worth.items()},
    )
    account = build_portfolio(snapshot(position(), money=money), numbers(), TERMS, 0.0)
    if found is not None:
        assert [(one.base, one.worth) for one in account.coins] == found
        assert not account.unpriced
        return
    assert account.coins == ()
    stress = context(Scenario("fifth", {"BTC": -0.2}))
    for metric in ("account.net_leverage", "account.joint_distance", "account.stress_loss"):
        value = measure(metric, account, stress)
        assert isinstance(value, Unknown)
        assert "BTC" in value.reason
    assert not isinstance(measure("account.leverage", account, stress), Unknown)


def test_more_contracts_than_the_tiers_know_pay_the_last_rate() -> None:
    made = Account(contracts=80_000_000.0, coins=900.0)
    (one,) = made.portfolio().holdings
    assert one.maintenance == pytest.approx(made.needed(made.mark))
    lines = one.asked(one.notional / 2, 0.5)
    half = Account(contracts=40_000_000.0)
    assert max(margin for _, margin in lines) == pytest.approx(half.needed(50_000.0))


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("seed", range(8))
async def test_the_sandbox_says_the_same(seed: int, beside: bool) -> None:
    """An engine that shares no code agrees on margin and liquidation of the account as it is read from it,
    with another position of its base on its side as well.
    """
    start = from_milliseconds(START_MS)
    side = (EngineSide.BUY, EngineSide.SELL)[seed % 2]
    terms = EngineTerms(coin_haircut=Decimal((seed // 2) % 3) / 20)
    engine = Engine(EngineClock(START_MS), ManualFeed(START_MS, {"BTCUSDT": 100_000.0}), terms=terms)
    account = open_account(engine, str(1_000 * seed), coins={"BTC": Decimal("1.5")}).account_id
    engine.open_position(
        account, "BTCUSD", side, Decimal(150_000 + 40_000 * seed), Decimal(98_000), Decimal(20)
    )
    if beside:
        engine.open_position(account, "BTCUSDT", side, Decimal("0.4"), Decimal(99_000), Decimal(20))
    engine.set_price("BTCUSDT", Decimal(101_000 - 700 * seed))
    gateway = make_gateway(
        account="main",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        base_url="http://127.0.0.1:1",
        clock=VirtualClock(start),
        transport=InProcessTransport(Sandbox(engine).handle),
    )
    shot = await gateway.snapshot()
    await gateway.close()
    found = build_portfolio(shot, numbers(), TERMS, 0.0)
    for one in comparisons(shot, found):
        if not isinstance(one.ours, Unknown) and not isinstance(one.venue, Unknown):
            assert one.ours == pytest.approx(one.venue, rel=1e-6), one.figure
    blind = [replace(held, liquidation_price=NOTHING) for held in shot.positions]
    alone = build_portfolio(replace(shot, positions=tuple(blind)), numbers(), TERMS, 0.0)
    assert len(found.holdings) == 1 + beside
    for holding in found.holdings:
        name = "BTCUSD" if holding.inverse else "BTCUSDT"
        theirs = engine.position(account, name).liquidation_price
        ours = liquidation(alone, holding.key)
        if theirs is None:
            assert ours in (0.0, pytest.approx(11 * holding.price))
        else:
            assert ours == pytest.approx(float(theirs), rel=1e-6)
