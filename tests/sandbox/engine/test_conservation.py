"""Whatever users, prices and time do: no money appears or vanishes, and reduce-only only reduces."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.engine.types import (
    EngineRefusal,
    Leg,
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
    Side,
    TimeInForce,
    TriggerBy,
)
from tests.sandbox.engine.support import BTC, ETH, INVERSE, Desk, dec, open_desk

USERS = st.integers(0, 1)
SYMBOLS = st.sampled_from([BTC, ETH, INVERSE])
SIDES = st.sampled_from(list(Side))
LEGS = st.sampled_from(list(Leg))


class Exchange(RuleBasedStateMachine):
    """Two users on three symbols in every mode."""

    @initialize(
        margin=st.sampled_from(list(MarginMode)),
        modes=st.lists(st.sampled_from(list(PositionMode)), min_size=2, max_size=2),
    )
    def begin(self, margin: MarginMode, modes: list[PositionMode]) -> None:
        options = OptionSettings(
            coins={"BTC": CoinOptions(settles=("USDT", "USDC"), expiries=(0, 7 * DAY_MS))}
        )
        self.desk: Desk = open_desk(
            50_000,
            margin_mode=margin,
            position_mode=modes[0],
            market_step_ms=60_000,
            options=options,
        )
        self.users = [self.desk.account, self.desk.add("second", 20_000, position_mode=modes[1])]
        self.opposite = [False, False]
        self.base = {BTC: Decimal(100_000), ETH: Decimal(3500), INVERSE: Decimal(100_000)}
        self.desk.engine.transfer(self.users[0], "BTC", dec("0.2"))
        self.desk.engine.transfer(self.users[0], "USDC", dec(3_000))

    def sizes(self, user: str) -> dict[tuple[str, Leg], Decimal]:
        return {
            (p.symbol, p.leg): p.size * (p.side.sign if p.side else 0)
            for p in self.desk.engine.positions(user)
        }

    @rule(
        user=USERS,
        symbol=SYMBOLS,
        side=SIDES,
        leg=LEGS,
        steps=st.integers(1, 400),
        offset=st.integers(-300, 300),
        limit=st.booleans(),
        trigger=st.one_of(st.none(), st.integers(-300, 300)),
        time_in_force=st.sampled_from(list(TimeInForce)),
        reduce_only=st.booleans(),
    )
    def place(
        self,
        user: int,
        symbol: str,
        side: Side,
        leg: Leg,
        steps: int,
        offset: int,
        limit: bool,
        trigger: int | None,
        time_in_force: TimeInForce,
        reduce_only: bool,
    ) -> None:
        engine, name = self.desk.engine, self.users[user]
        listed = engine.instrument(symbol)
        price = engine.ticker(symbol).last_price
        request = OrderRequest(
            symbol=symbol,
            side=side,
            qty=listed.qty_step * steps * (500 if listed.inverse else 1),
            kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
            price=price + offset * listed.tick * 10 if limit else None,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            leg=leg,
            trigger_price=None if trigger is None else price + trigger * listed.tick * 20,
            trigger_by=TriggerBy.MARK,
        )
        before = self.sizes(name).get((symbol, leg), Decimal(0))
        try:
            engine.place(name, request)
        except EngineRefusal:
            return
        after = self.sizes(name).get((symbol, leg), Decimal(0))
        if self.opposite[user]:
            return
        if reduce_only or (leg is Leg.LONG and side is Side.SELL) or (leg is Leg.SHORT and side is Side.BUY):
            assert abs(after) <= abs(before)
            assert before * after >= 0

    @rule(user=USERS, symbol=SYMBOLS, leg=LEGS, distance=st.integers(1, 300))
    def protect(self, user: int, symbol: str, leg: Leg, distance: int) -> None:
        engine, name = self.desk.engine, self.users[user]
        shown = engine.positions(name, symbol)
        for one in shown:
            if one.leg is leg and one.side is not None:
                tick = engine.instrument(symbol).tick
                stop = one.mark_price - one.side.sign * distance * tick * 20
                try:
                    engine.set_trading_stop(
                        name, symbol, leg, stop_loss=stop, stop_loss_trigger_by=TriggerBy.MARK
                    )
                except EngineRefusal:
                    return

    @rule(
        user=USERS,
        number=st.integers(0, 10_000),
        side=SIDES,
        steps=st.integers(1, 300),
        offset=st.one_of(st.none(), st.integers(-20, 20)),
        time_in_force=st.sampled_from(list(TimeInForce)),
        reduce_only=st.booleans(),
    )
    def trade_option(
        self,
        user: int,
        number: int,
        side: Side,
        steps: int,
        offset: int | None,
        time_in_force: TimeInForce,
        reduce_only: bool,
    ) -> None:
        options, name = self.desk.engine.options, self.users[user]
        held = [one.contract for one in options.positions(name)]
        choice = held if held and side is Side.SELL else options.listed()
        contract = choice[number % len(choice)]
        last = options.quote(contract.symbol).last
        price = None if offset is None else max(contract.tick, last + offset * contract.tick)
        request = OrderRequest(
            symbol=contract.symbol,
            side=side,
            qty=contract.qty_step * steps,
            kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            price=price,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
        )
        before = options.position(name, contract.symbol).size
        try:
            options.place(name, request)
        except EngineRefusal:
            return
        after = options.position(name, contract.symbol).size
        assert after >= before if side is Side.BUY else after <= before

    @rule(user=USERS, amount=st.integers(-60_000, 20_000))
    def transfer(self, user: int, amount: int) -> None:
        try:
            self.desk.engine.transfer(self.users[user], "USDT", dec(amount))
        except EngineRefusal:
            return

    @rule(user=USERS)
    def cancel_all(self, user: int) -> None:
        self.desk.engine.cancel_all(self.users[user])

    @rule(user=USERS, symbol=SYMBOLS, leverage=st.integers(1, 60))
    def set_leverage(self, user: int, symbol: str, leverage: int) -> None:
        try:
            self.desk.engine.set_leverage(self.users[user], symbol, dec(leverage))
        except EngineRefusal:
            return

    @rule(symbol=SYMBOLS, share=st.sampled_from(["0", "0.000001", "0.01", "1"]))
    def thin_book(self, symbol: str, share: str) -> None:
        self.desk.engine.disturbances.thin_book(symbol, dec(share))

    @rule(symbol=SYMBOLS, step=st.sampled_from([None, "0.07", "0.5"]))
    def set_qty_step(self, symbol: str, step: str | None) -> None:
        self.desk.engine.disturbances.set_qty_step(symbol, None if step is None else dec(step))

    @rule(user=USERS, share=st.integers(0, 100))
    def haircut(self, user: int, share: int) -> None:
        self.desk.engine.disturbances.haircut(self.users[user], dec(share) / 100)

    @rule(user=USERS, symbol=SYMBOLS, steps=st.integers(-400, 400).filter(bool))
    def trade_by_hand(self, user: int, symbol: str, steps: int) -> None:
        engine = self.desk.engine
        qty = engine.instrument(symbol).qty_step * steps * (500 if symbol == INVERSE else 1)
        try:
            engine.disturbances.trade_by_hand(self.users[user], symbol, qty)
        except EngineRefusal:
            return

    @rule(user=USERS, symbol=SYMBOLS, percent=st.integers(0, 100))
    def lose_position(self, user: int, symbol: str, percent: int) -> None:
        disturbances, name = self.desk.engine.disturbances, self.users[user]
        before = self.sizes(name)
        if percent:
            disturbances.deleverage(name, symbol, dec(percent) / 100)
        else:
            disturbances.close_by_hand(name, symbol)
        after = self.sizes(name)
        assert all(abs(after.get(key, Decimal(0))) <= abs(size) for key, size in before.items())

    @rule(user=USERS, mode=st.sampled_from(list(PositionMode)))
    def force_mode(self, user: int, mode: PositionMode) -> None:
        disturbances, name = self.desk.engine.disturbances, self.users[user]
        before = self.sizes(name)
        disturbances.force_mode(name, mode)
        assert sorted(before.values()) == sorted(self.sizes(name).values())

    @rule(user=USERS, on=st.booleans())
    def open_opposite(self, user: int, on: bool) -> None:
        self.opposite[user] = on
        self.desk.engine.disturbances.open_opposite(self.users[user], on)

    @rule(user=USERS, on=st.booleans())
    def count_reduce_only(self, user: int, on: bool) -> None:
        self.desk.engine.disturbances.count_reduce_only(self.users[user], on)

    @rule(symbol=SYMBOLS, share=st.integers(-50, 50))
    def wick(self, symbol: str, share: int) -> None:
        disturbances, user = self.desk.engine.disturbances, self.users[0]
        before = self.desk.engine.wallet(user)
        disturbances.wick(symbol, dec(share) / 100)
        self.desk.engine.positions(user)
        disturbances.wick(symbol, Decimal(0))
        assert self.desk.engine.wallet(user) == before

    @rule(symbol=SYMBOLS)
    def delist_and_list(self, symbol: str) -> None:
        self.desk.engine.disturbances.delist(symbol)
        self.desk.run(1)
        self.desk.engine.disturbances.list_again(symbol)

    @rule(symbol=SYMBOLS, move=st.integers(-40, 40))
    def move(self, symbol: str, move: int) -> None:
        tick = self.desk.engine.instrument(symbol).tick
        price = self.desk.engine.ticker(symbol).mark_price * (100 + move) / 100
        price = max(self.base[symbol] / 100, min(self.base[symbol] * 20, price))
        self.desk.price(symbol, price - price % tick)

    @rule(seconds=st.sampled_from([1, 60, 3600]))
    def wait(self, seconds: int) -> None:
        self.desk.run(seconds)

    @invariant()
    def money_is_conserved(self) -> None:
        for coin in ("USDT", "BTC", "USDC"):
            assert abs(self.desk.engine.totals(coin).difference) < dec("1e-5")

    @invariant()
    def accounts_are_sound(self) -> None:
        engine = self.desk.engine
        for user in self.users:
            wallet = engine.wallet(user)
            assert wallet.equity >= 0
            assert wallet.available >= 0
            if wallet.maintenance_margin:
                assert wallet.margin_balance > wallet.maintenance_margin
            assert all(one.size > 0 for one in engine.options.positions(user))
            sizes = self.sizes(user)
            for order in engine.open_orders(user):
                assert order.leaves_qty > 0
                if order.reduce_only and order.trigger_price is None:
                    held = sizes.get((order.symbol, order.leg), Decimal(0))
                    assert order.leaves_qty <= abs(held)
                    assert held * order.side.sign < 0


Exchange.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestExchange = Exchange.TestCase
