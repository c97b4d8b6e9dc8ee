"""Which positions are left alone, and which never are."""

from bot.model import Policy, Side, Stranger, policy_of, with_own

BTC = "BTC/USDT:USDT"
WATCH = (Stranger(Policy.WATCH, symbol=("BTC*",)),)


def test_what_the_guard_opened_is_guarded_whatever_is_said() -> None:
    own = with_own(WATCH, [(BTC, Side.SHORT)])
    assert policy_of(own, BTC, Side.SHORT) is Policy.ADOPT
    assert policy_of(own, BTC, Side.LONG) is Policy.WATCH


def test_without_policies_there_is_nothing_to_except() -> None:
    assert with_own((), [(BTC, Side.SHORT)]) == ()
