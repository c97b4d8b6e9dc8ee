"""A hedge on another account: it helps what is left, and saves nobody from liquidation."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import Side
from bot.stress.results import Stress
from bot.stress.run import stress
from bot.stress.together import together
from tests.planning.build import position, snapshot
from tests.stress.test_properties import BTC, OBSERVE, fall, seen

SCENARIOS = [fall(0.1), replace(fall(0.4), name="deep")]


def account(name: str, side: Side, equity: str) -> DecisionInput:
    """40,000 USD in BTC."""
    held = position(BTC, side, "400", "100", entry_price=Decimal(100))
    return seen(replace(snapshot([held], equity), account=name))


def run(given: DecisionInput) -> Stress:
    return stress(given, OBSERVE, SCENARIOS)


def test_what_one_loses_the_other_gains() -> None:
    long, short = run(account("long", Side.LONG, "20000")), run(account("short", Side.SHORT, "20000"))
    (both,) = together([long, short], {"long": "short"})
    assert (both.account, both.hedged_by, both.equity) == ("long", "short", 40_000.0)
    mild = both.sums[0]
    assert mild.unguarded == pytest.approx(40_000)
    assert (mild.liquidated, mild.guarded_liquidated) == ((), ())


def test_it_is_no_margin_of_the_account_that_it_hedges() -> None:
    weak, short = account("long", Side.LONG, "8000"), run(account("short", Side.SHORT, "90000"))
    alone = run(weak)
    (both,) = together([alone, short], {"long": "short"})
    deep = both.sums[1]
    assert (deep.scenario, deep.liquidated) == ("deep", ("long",))
    assert deep.unguarded == pytest.approx(
        alone.outcomes[1].unguarded.equity + short.outcomes[1].unguarded.equity
    )
    assert alone == run(weak), "each is walked alone"


def test_what_cannot_be_seen_is_not_added_up() -> None:
    long = run(account("long", Side.LONG, "20000"))
    (missing,) = together([long], {"long": "short", "nobody": "long"})
    assert missing.error == "short was not looked at: leave --account out"
    assert missing.equity is None, "what is not known is not 0"
    broken = Stress("short", "", 0.0, 0.0, (), "it is dark")
    (dark,) = together([long, broken], {"long": "short"})
    assert (dark.error, dark.equity) == ("short could not be followed: it is dark", None)
    (dark,) = together([broken, long], {"short": "long"})
    assert (dark.error, dark.sums) == ("short could not be followed: it is dark", ())
