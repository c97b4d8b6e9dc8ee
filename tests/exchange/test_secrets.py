"""Secrets never reach an error, an answer, a log or the screen."""

import logging
import traceback
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.scrub import MAX_LENGTH, Scrubber
from bot.model import OrderRequest, OrderSide, Side, Style
from tests.exchange.stub import BTC, KEY, SECRET, Reply, Sent, StubVenue, envelope

ORDER = OrderRequest("reef-1", BTC, OrderSide.SELL, Side.LONG, 0, Decimal("0.1"), Style.MARKET, None)


def leaky(sent: Sent) -> list[Reply]:
    """Answers that tell back all they were sent."""
    echo = f"origin_string[{sent.headers}] {KEY} {SECRET}"
    return [
        envelope({}, code=10004, message=f"error sign! {echo}"),
        (200, f"<html>{echo}</html>"),
        (502, echo),
        TimeoutError(echo),
        ConnectionResetError(echo),
        TypeError(echo),
    ]


@pytest.mark.parametrize("number", range(6))
async def test_nothing_planted_comes_out(
    venue: StubVenue,
    guarded: CcxtGateway,
    number: int,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    signatures: list[str] = []

    def answer(sent: Sent) -> Reply:
        signatures.append(sent.headers["X-BAPI-SIGN"])
        return leaky(sent)[number]

    venue.answers["/v5/position/list"] = venue.answers["/v5/order/create"] = answer
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    told = await guarded.submit(ORDER)
    screen = capsys.readouterr()
    trace = "".join(traceback.format_exception(caught.value))
    shown = f"{trace} {caught.value} {caught.value.code} {told} {caplog.text} {screen.out} {screen.err}"
    assert len(signatures) == 2
    for secret in (KEY, SECRET, *signatures):
        assert secret not in shown


@given(st.text(), st.text(), st.text(min_size=4))
def test_a_cleaned_text_is_short_and_holds_no_secret(before: str, after: str, secret: str) -> None:
    scrub = Scrubber((secret, ""))
    cleaned = scrub.clean(f"{before}{secret}{after}")
    assert len(cleaned) <= MAX_LENGTH
    assert "\n" not in cleaned
    if secret not in "[hidden]" and secret not in before + after and len(set(secret)) > 3:
        assert secret not in cleaned


def test_signatures_are_hidden_whoever_made_them() -> None:
    cleaned = Scrubber().clean(f"sign {'0a' * 32} rsa {'Ab3/' * 43}== end")
    assert cleaned == "sign [hidden] rsa [hidden] end"
