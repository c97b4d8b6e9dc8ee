"""Limit prices, escalation, and prices that cannot be had."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Caps, Mark, OrderPolicy, Side, Style, TrimTerms, Unknown
from bot.planning.nature import Nature, nature_of
from bot.planning.pricing import NoQuote, Quote, is_apart, quote, slippage_now, way_of
from bot.risk.ages import ages_at
from bot.risk.metrics import METRICS
from bot.rules.limits import TRADING_CANNOT_MOVE
from tests.planning.build import NOW, later, mark, market

SYMBOL = "BTC/USDT:USDT"
PRICE = Decimal(100000)
TERMS = TrimTerms(max_slippage=0.005, escalate_after_seconds=20)


def priced(
    found: Mark | None,
    side: Side = Side.LONG,
    seconds: float = 0,
    terms: TrimTerms = TERMS,
    nature: Nature = Nature.OTHER,
) -> Quote | NoQuote:
    way = way_of(terms, Caps(), seconds, nature)
    return quote(side, market(SYMBOL), found, way, ages_at(NOW, 10))


def test_the_limit_holds_against_mark_and_index() -> None:
    higher_index = mark(SYMBOL, PRICE, index=Decimal(100200), bid=Decimal(100100))
    found = priced(higher_index)
    assert isinstance(found, Quote)
    assert found.price == Decimal("99699.00")
    lower_index = mark(SYMBOL, PRICE, index=Decimal(99800), ask=Decimal(99900))
    found = priced(lower_index, Side.SHORT)
    assert isinstance(found, Quote)
    assert found.price == Decimal("100299.00")


@given(
    price=st.decimals(Decimal("0.5"), 100000, places=4),
    index=st.decimals(Decimal("0.5"), 100000, places=4),
    slippage=st.floats(0.0001, 0.02),
    side=st.sampled_from(Side),
)
def test_rounding_never_passes_the_cap(price: Decimal, index: Decimal, slippage: float, side: Side) -> None:
    nothing = Unknown("empty book")
    found = priced(
        mark(SYMBOL, price, index=index, bid=nothing, ask=nothing), side, 0, TrimTerms(1.0, slippage)
    )
    assert isinstance(found, Quote)
    cap = Decimal(str(slippage))
    for anchor in (price, index):
        if side is Side.LONG:
            assert found.worst >= anchor * (1 - cap)
        else:
            assert found.worst <= anchor * (1 + cap)


@pytest.mark.parametrize(
    ("seconds", "style", "slippage"),
    [
        (0, Style.IOC, "0.005"),
        (19.9, Style.IOC, "0.005"),
        (20, Style.IOC, "0.010"),
        (39.9, Style.IOC, "0.010"),
        (40, Style.MARKET, "0.02"),
    ],
)
def test_escalation(seconds: float, style: Style, slippage: str) -> None:
    assert slippage_now(TERMS, Caps(), seconds) == (style, Decimal(slippage))


def test_the_accounts_cap_bounds_every_stage() -> None:
    tight = Caps(max_slippage=Decimal("0.004"))
    assert slippage_now(TERMS, tight, 0) == (Style.IOC, Decimal("0.004"))
    assert slippage_now(TERMS, tight, 30) == (Style.IOC, Decimal("0.004"))


def test_a_rule_may_begin_with_market_orders() -> None:
    found = priced(mark(SYMBOL, PRICE), terms=TrimTerms(order=OrderPolicy.MARKET))
    assert isinstance(found, Quote)
    assert (found.style, found.price) == (Style.MARKET, None)
    assert found.worst == Decimal(99500)


def test_a_best_price_beyond_the_cap_is_refused() -> None:
    found = priced(mark(SYMBOL, PRICE, bid=Decimal(99000)))
    assert isinstance(found, NoQuote)
    assert found.code == "cap_slippage"
    assert "best bid 99000" in found.reason
    found = priced(mark(SYMBOL, PRICE, ask=Decimal(101000)), Side.SHORT)
    assert isinstance(found, NoQuote)
    assert "best ask 101000" in found.reason
    assert isinstance(priced(mark(SYMBOL, PRICE, bid=Decimal(99000)), seconds=40), Quote)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "unknown_mark"),
        (mark(SYMBOL, PRICE, mark=Unknown("gone")), "unknown_mark"),
        (mark(SYMBOL, PRICE, mark=Decimal(0)), "unknown_mark"),
        (mark(SYMBOL, PRICE, mark=Decimal("NaN")), "unknown_mark"),
        (mark(SYMBOL, PRICE, at=later(-11)), "stale_data"),
        (mark(SYMBOL, PRICE, at=later(3)), "stale_data"),
        (mark(SYMBOL, PRICE, index=Unknown("gone")), "unknown_index"),
        (mark(SYMBOL, PRICE, index=Decimal(-1)), "unknown_index"),
    ],
)
def test_without_fresh_prices_there_is_no_order(found: Mark | None, code: str) -> None:
    for seconds in (0, 40):
        refused = priced(found, seconds=seconds)
        assert isinstance(refused, NoQuote)
        assert refused.code == code


@pytest.mark.parametrize("index", [Decimal(110_000), Decimal("NaN"), Unknown("gone")])
def test_the_last_resort_of_survival_is_bounded_by_mark_alone(index: Decimal | Unknown) -> None:
    torn = mark(SYMBOL, PRICE, index=index)
    for nature, seconds in ((Nature.SURVIVAL, 39), (Nature.OTHER, 40)):
        assert isinstance(priced(torn, seconds=seconds, nature=nature), NoQuote)
    found = priced(torn, seconds=40, nature=Nature.SURVIVAL)
    assert isinstance(found, Quote)
    assert (found.style, found.worst) == (Style.MARKET, Decimal(98_000))
    assert "mark alone" in found.note
    gone = priced(mark(SYMBOL, PRICE, index=index, bid=Decimal(97_000)), seconds=40, nature=Nature.SURVIVAL)
    assert isinstance(gone, NoQuote)
    assert gone.reason.endswith("% of mark)")


@pytest.mark.parametrize(("index", "waits"), [("94900", True), ("95300", False), ("106000", True)])
def test_exposure_waits_while_mark_and_index_are_a_band_apart(index: str, waits: bool) -> None:
    """Nothing is bid, so that no slippage cap has a say."""
    torn = mark(SYMBOL, PRICE, index=Decimal(index), bid=Unknown("empty book"))
    found = priced(torn, nature=Nature.EXPOSURE)
    assert isinstance(found, NoQuote) is waits
    if isinstance(found, NoQuote):
        assert found.code == "price_band"
    for nature in (Nature.SURVIVAL, Nature.OTHER):
        assert isinstance(priced(torn, nature=nature), Quote)


@pytest.mark.parametrize("order", list(OrderPolicy))
@pytest.mark.parametrize("seconds", [-5.0, 0.0, 25.0, 40.0])
def test_but_for_the_band_exposure_orders_as_any_other_limit_does(order: OrderPolicy, seconds: float) -> None:
    terms = TrimTerms(order=order)
    exposure, other = (way_of(terms, Caps(), seconds, one) for one in (Nature.EXPOSURE, Nature.OTHER))
    assert exposure != other
    assert exposure.unbanded() == other
    assert other.unbanded() is other


def test_survival_orders_as_others_do_until_its_last_resort() -> None:
    for seconds, alike in ((0.0, True), (39.0, True), (40.0, False)):
        survival, other = (way_of(TERMS, Caps(), seconds, one) for one in (Nature.SURVIVAL, Nature.OTHER))
        assert (survival == other) is alike


def test_mark_and_index_that_are_not_known_are_not_apart() -> None:
    assert is_apart(mark(SYMBOL, PRICE, index=PRICE * 2))
    for index in (PRICE, Unknown("none"), Decimal(0)):
        assert not is_apart(mark(SYMBOL, PRICE, index=index))
    assert not is_apart(mark(SYMBOL, PRICE, mark=Unknown("none")))


def test_every_metric_that_a_trim_can_move_has_a_nature() -> None:
    assert nature_of("account.margin_ratio") is Nature.SURVIVAL
    assert nature_of("account.drawdown") is Nature.OTHER
    told = {name for name in METRICS if nature_of(name) is not Nature.OTHER}
    alone = {name for name, metric in METRICS.items() if metric.alert_only}
    assert told == set(METRICS) - alone - set(TRADING_CANNOT_MOVE) - {"account.available"}
