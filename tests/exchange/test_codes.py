"""The table of codes against the venue's published list, and what its owner is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.venues.bybit_codes import AUTH_HINTS, CODES, GONE_CODES, verdict_of
from bot.model import Verdict
from tests.exchange.stub import BTC, StubVenue, envelope, gateway, instrument, listed, position
from tests.exchange.test_answers import CANCEL, ORDER, STOP

POSITIONS, CREATE = "/v5/position/list", "/v5/order/create"

PUBLISHED = {
    Verdict.REJECTED: "-1 10001 10002 10017 30208 30228 110003 110007 110074 110085 110095 110118 110121",
    Verdict.THROTTLED: "10006 10018",
    Verdict.OVERLOADED: "429 10429",
    Verdict.MAINTENANCE: "110063 110066 110103 3100197",
    Verdict.AUTH: "10003 10004 10005 10007 10008 10009 10010 10024 10027 10028 10029 33004 -2015",
    Verdict.DUPLICATE: "110072",
    Verdict.NOTHING_TO_DO: "34040",
    Verdict.UNKNOWN: "10000 10014 10016 10019 40004 110079 170007 3400214",
}
"""Codes of the list that an order, a stop, a cancellation or a list of positions can meet."""


@pytest.mark.parametrize(("verdict", "codes"), PUBLISHED.items())
def test_the_published_codes_prove_what_the_list_says(verdict: Verdict, codes: str) -> None:
    for code in codes.split():
        assert verdict_of(code, "", ORDER) is verdict, code
        assert verdict_of(code, "", STOP) is verdict, code


@given(st.one_of(st.integers(-5000, 9_999_999).map(str), st.text(max_size=8)))
def test_a_code_that_is_not_in_the_table_proves_nothing(code: str) -> None:
    if code in CODES:
        return
    assert verdict_of(code, "", ORDER) is Verdict.UNKNOWN
    assert verdict_of(code, "", None) is Verdict.UNKNOWN
    if code not in GONE_CODES:
        assert verdict_of(code, "", CANCEL) is Verdict.UNKNOWN


def test_that_an_order_is_gone_answers_a_cancellation_alone() -> None:
    for code in GONE_CODES:
        assert verdict_of(code, "", CANCEL) is Verdict.NOTHING_TO_DO
        assert verdict_of(code, "", ORDER) is Verdict.UNKNOWN


def test_advice_is_for_codes_of_authentication() -> None:
    assert {CODES[code] for code in AUTH_HINTS} == {Verdict.AUTH}


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (10003, "keys of their own"),
        (10004, "Copy both again"),
        (10005, "permissions"),
        (10010, "IP addresses"),
        (33004, "expired"),
        (10007, "Check the key, its permissions"),
    ],
)
async def test_a_lost_key_is_told_with_what_to_do_and_stops_nobody_else(
    venue: StubVenue, guarded: CcxtGateway, code: int, advice: str
) -> None:
    venue.set(CREATE, envelope({"orderId": "o-1"}))
    venue.set("/v5/market/kline", envelope({"list": [["1763708400000", "1", "2", "1", "2", "3", "4"]]}))
    other_venue = StubVenue()
    other = gateway(other_venue, account="other", catalog=guarded.catalog)
    await guarded.snapshot()
    lost = envelope({}, code=code, message="no")
    for path in (POSITIONS, CREATE, "/v5/account/wallet-balance", "/v5/order/realtime"):
        venue.set(path, lost)
    for _ in range(2):
        with pytest.raises(GatewayError, match=advice) as caught:
            await guarded.snapshot()
        assert (caught.value.verdict, caught.value.code) == (Verdict.AUTH, str(code))
        answer = await guarded.submit(ORDER)
        assert (answer.verdict, answer.code) == (Verdict.AUTH, str(code))
        assert len(await guarded.candles(BTC, "1h", 1)) == 1
        assert (await other.snapshot()).positions == ()
    await other.close()


@pytest.mark.fault(30)
async def test_public_data_are_read_without_a_key_that_works(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, envelope({}, code=10003, message="no"))
    venue.set("/v5/market/kline", envelope({"list": [["1763708400000", "1", "2", "1", "2", "3", "4"]]}))
    with pytest.raises(GatewayError):
        await guarded.snapshot()
    assert (await guarded.market(BTC)).symbol == BTC
    assert len(await guarded.candles(BTC, "1h", 1)) == 1
    assert not [sent for sent in venue.paths("/v5/market/kline") if "X-BAPI-API-KEY" in sent.headers]
    venue.set("/v5/market/instruments-info", listed(instrument("BTC")))
    venue.holds(position())
    assert len((await guarded.snapshot()).positions) == 1
