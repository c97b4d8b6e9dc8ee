"""What the exchange's books show of hedges, look by look."""

from decimal import Decimal

from msgspec.structs import replace

from bot.demo.books import Books, Stand, stand_of
from bot.demo.venue import AccountState, Contract, Greeks, HeldOption, HeldPosition
from tests.demo import build

PUT = "BTC-18DEC26-124000-P-USDT"


def put(size: str, delta: str = "-0.5", symbol: str = PUT, price: str = "10000") -> HeldOption:
    """A put on BTC, its delta that of the whole."""
    return HeldOption(Contract(symbol, "BTC"), Decimal(size), Decimal(price), Greeks(Decimal(delta)))


def holding(*options: HeldOption, equity: str = "100000", **legs: str) -> AccountState:
    """An account with legs of BTC by their side, and options."""
    made = tuple(
        HeldPosition(symbol="BTCUSDT", size=Decimal(size), value=Decimal(size) * 100, side=side)
        for side, size in legs.items()
    )
    return replace(build.account(build.CAST.guarded, equity), positions=made, options=options)


def looked(*accounts: AccountState) -> Books:
    """The books after these looks."""
    found = Books()
    for one in accounts:
        found.add(one)
    return found


def test_a_long_stands_against_shorts_and_puts() -> None:
    account = holding(put("0.3", "-0.1"), put("0.2", "-0.1", "other"), buy="2", sell="0.5")
    assert stand_of(account, "BTC") == Stand(Decimal(2), Decimal("1.0"), Decimal("1.3"))
    assert stand_of(account, "ETH") == Stand(Decimal(0), Decimal(0), Decimal(0))


def test_what_was_hedged_and_is_no_more_is_right() -> None:
    found = looked(
        holding(buy="2"), holding(put("0.5"), buy="2"), holding(put("0.5", "-0.3"), buy="1"), holding(buy="1")
    )
    assert found.least == {"BTC": Decimal("0.7")}
    assert found.right
    assert looked(holding()).right


def test_what_is_left_is_told() -> None:
    found = looked(holding(sell="0.5", buy="2"))
    assert found.left == ("BTC",)
    assert not found.right


def test_a_look_that_shows_it_short_is_not_forgotten() -> None:
    whole = looked(holding(put("1.5", "-0.2"), buy="1"), holding(buy="1"))
    assert whole.turned == {"BTC"}, "hedged beyond its long, if the price goes to nothing"
    short = looked(holding(sell="1.5", buy="1"), holding(buy="1"))
    assert short.turned == {"BTC"}
    orphan = looked(holding(put("0.5", "-0.2")), holding())
    assert not orphan.right


def test_premiums_are_measured_where_more_is_held() -> None:
    """Equity that falls later makes no purchase dearer."""
    found = looked(
        holding(put("0.5"), buy="2"),
        holding(put("0.5"), buy="2", equity="10000"),
        holding(put("0.2"), buy="2", equity="1000"),
        holding(put("0.2"), put("0.1", symbol="other"), buy="2", equity="50000"),
        holding(put("9"), buy="20", equity="0"),
    )
    assert found.paid == Decimal("0.06")
