"""A guard leaves alone what its owner says is not its business, and counts it all the same."""

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from bot.clock import SystemClock
from bot.facts import GuardTerms
from bot.journal.controls import EpisodeEnded
from bot.journal.records import Kind, Prepared, Protection
from bot.model import Policy, State, StepKind, Stranger
from bot.record import STATUS, remembered_status
from bot.sandbox.engine.enums import OrderKind
from bot.sandbox.engine.types import OrderRequest as VenueOrder
from bot.sandbox.engine.types import Side
from tests.guard.support import ACCOUNT, LEVERAGE_CAP, TERMS, Bench, bench, wire

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
OWN = """
version: 1
rules:
  - {name: own, metric: position.leverage, max: 1, restore: 0.9, cooldown: 0s, do: [cancel_orders, trim]}
"""


def touched(it: Bench) -> set[tuple[StepKind, str]]:
    return {
        (body.step.kind, body.step.request.symbol)
        for one in it.of_kind(Kind.PREPARED)
        if isinstance(body := one.record, Prepared)
    }


def leaving(policy: Policy) -> GuardTerms:
    return replace(TERMS, strangers=(Stranger(policy, symbol=("ETH*",)),))


def both(it: Bench) -> None:
    it.open("BTCUSDT", Side.BUY, "4")
    it.open("ETHUSDT", Side.BUY, "60")
    it.venue.engine.place(
        it.venue.account.account_id,
        VenueOrder(
            symbol="ETHUSDT",
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            qty=Decimal("0.1"),
            price=Decimal(3000),
        ),
    )


async def test_what_is_ignored_counts_in_the_account_and_is_not_touched(tmp_path: Path) -> None:
    for folder, terms in (("adopt", TERMS), ("ignore", leaving(Policy.IGNORE))):
        (tmp_path / folder).mkdir()
        async with bench(tmp_path / folder, LEVERAGE_CAP, terms=terms) as it:
            both(it)
            report = await it.guard.cycle()
            assert report.decision is not None
            (finding,) = report.decision.evaluation.findings
            assert isinstance(finding.value, float)
            assert finding.value > 6
            await it.guard.cycle()
            symbols = {symbol for _, symbol in touched(it)}
            if folder == "adopt":
                assert symbols == {BTC, ETH}
                continue
            assert touched(it) == {(StepKind.TRIM, BTC), (StepKind.PROTECT, BTC)}
            codes = {(refusal.item, refusal.code) for refusal in report.decision.plan.refusals}
            assert (f"{ETH}#long", "stranger") in codes
            status = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
            assert status is not None
            assert status.strangers == {f"{ETH}#long": Policy.IGNORE}
            assert status.unprotected == ()
            told = [
                body.symbol
                for one in it.of_kind(Kind.PROTECTION)
                if isinstance(body := one.record, Protection)
            ]
            assert ETH not in told


async def test_a_rule_of_a_position_tells_of_what_is_watched_and_not_of_what_is_ignored(
    tmp_path: Path,
) -> None:
    for policy, seen in ((Policy.WATCH, {BTC, ETH}), (Policy.IGNORE, {BTC})):
        folder = tmp_path / policy
        folder.mkdir()
        async with bench(folder, OWN, terms=leaving(policy)) as it:
            both(it)
            report = await it.guard.cycle()
            assert report.decision is not None
            firing = {
                one.target.symbol for one in report.decision.evaluation.findings if one.state is State.FIRING
            }
            assert firing == seen
            assert {symbol for _, symbol in touched(it)} == {BTC}


async def test_an_episode_of_what_is_ignored_from_now_on_ends(tmp_path: Path) -> None:
    async with bench(tmp_path, OWN, armed=False) as it:
        both(it)
        await it.guard.cycle()
        again = wire(it.gateway, it.guard.executor.worker, SystemClock(), OWN, False, leaving(Policy.IGNORE))
        await again.cycle()
        (entry,) = it.of_kind(Kind.EPISODE_END)
        body = entry.record
        assert isinstance(body, EpisodeEnded)
        assert (body.target.symbol, body.reason) == (ETH, "not_matched")
