"""What happens to puts that grow old: the new ones are bought before the old ones go, whatever befalls."""

from decimal import Decimal
from pathlib import Path

from bot.execution import halted
from bot.journal.records import Kind, Prepared
from bot.model import OrderRequest, StepKind
from bot.sandbox.engine.options import black76
from bot.sandbox.engine.options.settings import CoinOptions, OptionSettings
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, CREATE, stage
from tests.hedges.puts import BTC, PUTS, Puts
from tests.hedges.scene import lots

SIZE = "2.6"
GOAL = 0.57
DAY_MS, HOUR_S = 86_400_000, 3600.0
LONGEST = 300
"""Cycles until what was refused is tried again."""
SHORT = PUTS.replace("min_days: 14", "min_days: 1")
EXPIRIES = (DAY_MS, 2 * DAY_MS, 3 * DAY_MS)
DAYS = OptionSettings(coins={"BTC": CoinOptions(level=0.5, expiries=EXPIRIES)})
THIN = OptionSettings(coins={"BTC": CoinOptions(level=0.5, expiries=EXPIRIES, size_usd=9_000.0)})
"""Less than a tenth of a coin is offered."""


class Watcher:
    """Looks at the venue's books before every order: the limit holds, and nothing turns."""

    def __init__(self, it: Puts) -> None:
        self._it = it
        self.losses: list[float] = []
        """What a fifth down would cost of equity."""
        self.net = it.net()
        """The least that the long and its puts came to together, in coins."""
        it.line.before[CREATE] = self.look

    def look(self) -> None:
        """Take the books as they are."""
        it = self._it
        gained = 0.0
        for one in it.engine.options.positions(ACCOUNT):
            quote = it.engine.options.quote(one.contract.symbol)
            strike, forward = float(one.contract.strike), float(quote.forward)
            years = one.contract.years(it.engine.market_ms)
            args = (strike, years, quote.mark_volatility)
            after, now = (black76.price(price, *args, is_call=False) for price in (0.8 * forward, forward))
            gained += 0.9 * float(one.size) * (after - now)
        lost = 0.2 * float(it.size(BTC) * it.engine.ticker(BTC).mark_price) - gained
        self.losses.append(lost / float(it.engine.wallet(ACCOUNT).equity))
        self.net = min(self.net, it.net())

    def held(self) -> bool:
        """Whether the limit held at every look, and nothing turned."""
        self.look()
        return max(self.losses) <= GOAL and self.net > 0


async def aged(it: Puts) -> tuple[dict[str, Decimal], Watcher]:
    """Let puts be bought, and half of the rule's day pass; return the old ones."""
    return await ripe(it, await young(it))


async def young(it: Puts) -> int:
    """Let puts be bought, and almost half of the rule's day pass; return when they will be old, in ms."""
    it.open(BTC, Side.BUY, SIZE)
    await it.cycles(2)
    it.price(BTC, "92000")
    await it.cycles(12, after=5.0)
    assert it.puts()
    ends = min(one.contract.expiry_ms for one in it.engine.options.positions(ACCOUNT) if one.size)
    old = ends - DAY_MS // 2
    while old - it.engine.market_ms > HOUR_S * 1000:
        await it.cycle(after=HOUR_S)
    return old


async def ripe(it: Puts, old: int) -> tuple[dict[str, Decimal], Watcher]:
    """Go on until the first is old; return what stands then."""
    assert {kind for kind, _ in traded(it)} == {StepKind.HEDGE}
    held, watcher = it.puts(), Watcher(it)
    await it.cycle(after=(old - it.engine.market_ms) / 1000 + 1)
    return held, watcher


def traded(it: Puts) -> list[tuple[StepKind, str]]:
    """What was ordered of puts, oldest first, by its contract."""
    bodies = [entry.record for entry in it.of_kind(Kind.PREPARED)]
    found = [one.step for one in bodies if isinstance(one, Prepared)]
    return [(one.kind, one.request.symbol) for one in found if isinstance(one.request, OrderRequest)]


async def test_the_new_one_is_bought_first_and_then_the_old_one_is_sold(tmp_path: Path) -> None:
    async with stage(tmp_path, SHORT, options=DAYS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        old, watcher = await aged(it)
        await it.cycles(8, after=5.0)
        kinds = [kind for kind, _ in traded(it)]
        assert kinds[-2:] == [StepKind.HEDGE, StepKind.UNWIND]
        assert kinds.count(StepKind.UNWIND) == 1
        assert not set(it.puts()) & set(old)
        assert sum(lot.contracts for lot in lots(it)) == sum(it.puts().values()) > 0
        assert watcher.held()
        assert it.size(BTC) == Decimal(SIZE)
        assert halted(it.journal, ACCOUNT) is None


async def test_what_is_bought_in_parts_sells_in_parts(tmp_path: Path) -> None:
    async with stage(tmp_path, SHORT, options=THIN, made_by=Puts) as it:
        assert isinstance(it, Puts)
        old, watcher = await aged(it)
        assert len(old) > 1
        await it.cycles(25, after=5.0)
        assert not set(it.puts()) & set(old)
        assert len(it.puts()) > 1
        assert watcher.held()


async def test_it_stays_while_the_purchase_is_refused_or_its_outcome_is_unknown(tmp_path: Path) -> None:
    async with stage(tmp_path, SHORT, options=DAYS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        ripening = await young(it)
        it.fault("error_code", path=CREATE, code=110007, message="no money")
        old, watcher = await ripe(it, ripening)
        await it.cycles(6, after=5.0)
        assert it.puts() == old
        assert {kind for kind, _ in traded(it)} == {StepKind.HEDGE}
        it.mend()
        it.fault("hang", path=CREATE, count=1)
        it.fault("hidden_orders", path=CREATE, seconds=20, count=1)
        refused = len(traded(it))
        for _ in range(LONGEST):
            await it.cycle(after=5.0)
            if len(traded(it)) > refused:
                break
        assert old.items() <= it.puts().items(), "nothing is sold for what may have been bought"
        await it.cycles(10, after=5.0)
        assert not set(it.puts()) & set(old)
        assert [kind for kind, _ in traded(it)[refused:]] == [StepKind.HEDGE, StepKind.UNWIND]
        assert len(it.accepted()) == len(set(it.accepted()))
        assert watcher.held()


async def test_a_rule_that_asks_its_owner_first_keeps_the_old_one_and_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path, SHORT, options=DAYS, made_by=Puts) as it:
        assert isinstance(it, Puts)
        ripening = await young(it)
        it.rules = f"{SHORT}    approve: true\n"
        await it.restart()
        old, watcher = await ripe(it, ripening)
        report = (await it.cycles(4, after=5.0))[-1]
        assert it.puts() == old
        assert report.decision is not None
        assert {one.code for one in report.decision.plan.refusals} == {"waits_for_approval"}
        assert watcher.held()
