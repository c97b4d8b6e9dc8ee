"""Which positions are left alone, and which never are."""

from datetime import UTC, datetime
from decimal import Decimal

from bot.model import Hedge, Policy, Side, Stranger, policy_of, with_own

BTC = "BTC/USDT:USDT"
OPENED = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
HEDGE = Hedge(
    BTC, Side.SHORT, 0, "ETH/USDT:USDT#long", "shock", "shock.1", Decimal(1), Decimal(1), OPENED, stop=0.1
)
WATCH = (Stranger(Policy.WATCH, symbol=("BTC*",)),)


def test_what_the_guard_opened_is_guarded_whatever_is_said() -> None:
    own = with_own(WATCH, [HEDGE])
    assert policy_of(own, BTC, Side.SHORT) is Policy.ADOPT
    assert policy_of(own, BTC, Side.LONG) is Policy.WATCH


def test_without_policies_there_is_nothing_to_except() -> None:
    assert with_own((), [HEDGE]) == ()
