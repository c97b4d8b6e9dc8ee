"""Streams that fall silent, lose updates, or expire, while their sockets stay open."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import BUY, CREATE, arm, code, make_sandbox
from tests.sandbox.support import KEY, SECRET, admin, call

TICKER, CANDLE, BOOK = "tickers.BTCUSDT", "kline.1.BTCUSDT", "orderbook.50.BTCUSDT"


class Socket:
    """A client of one stream."""

    def __init__(self, sandbox: Sandbox, path: str, *topics: str) -> None:
        self.sandbox = sandbox
        self.received: list[dict[str, Any]] = []
        stream = sandbox.open_stream(path, self.received.append)
        assert stream is not None
        self.stream = stream
        if path == "/v5/private":
            assert self.login()
        if topics:
            assert self.send("subscribe", list(topics))["success"]

    def login(self, key: str = KEY, secret: str = SECRET) -> bool:
        expires = str(self.sandbox.engine.venue_ms() + 10_000)
        signature = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        return bool(self.send("auth", [key, expires, signature])["success"])

    def send(self, op: str, args: list[str] | None = None) -> dict[str, Any]:
        """The answer to an operation."""
        before = len(self.received)
        self.stream.receive(msgspec.json.encode({"op": op, "args": args}).decode())
        return self.received[before]

    def data(self, topic: str = "") -> list[dict[str, Any]]:
        """What came on a topic (on all) since the last call."""
        found = [one for one in self.received if "topic" in one and topic in ("", one["topic"])]
        self.received.clear()
        return found


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def move(sandbox: Sandbox, price: int) -> None:
    sandbox.engine.set_price("BTCUSDT", Decimal(price))


def test_a_silent_stream_answers_pings_and_sends_no_data(sandbox: Sandbox) -> None:
    socket = Socket(sandbox, "/v5/public/linear", TICKER, BOOK)
    assert len(socket.data()) == 2
    arm(sandbox, "silent_stream", path="tickers.*")
    move(sandbox, 99_000)
    assert {one["topic"] for one in socket.data()} == {BOOK}
    assert socket.send("ping")["ret_msg"] == "pong"
    late = Socket(sandbox, "/v5/public/linear", TICKER)
    assert late.data() == []
    assert late.send("subscribe", [CANDLE])["success"]
    assert len(late.data(CANDLE)) == 1
    admin(sandbox, "DELETE", "faults")
    move(sandbox, 98_000)
    assert socket.data(TICKER)[0]["data"]["markPrice"] == "98000"


def test_the_silence_of_one_account_is_not_anothers(sandbox: Sandbox) -> None:
    mine, public = Socket(sandbox, "/v5/private", "position"), Socket(sandbox, "/v5/public/linear", TICKER)
    public.data()
    arm(sandbox, "silent_stream", api_key=KEY, seconds=10)
    code(sandbox, CREATE, BUY)
    assert mine.data() == []
    assert mine.send("ping")["op"] == "pong"
    assert public.data(TICKER)
    admin(sandbox, "POST", "step", {"seconds": 10})
    code(sandbox, CREATE, BUY)
    assert mine.data("position")[0]["data"][0]["size"] == "0.2"


def test_of_two_updates_the_first_is_lost(sandbox: Sandbox) -> None:
    socket = Socket(sandbox, "/v5/public/linear", TICKER, CANDLE)
    arm(sandbox, "merged_updates", path=TICKER)
    socket.data()
    for price in (99_000, 98_000, 97_000, 96_000, 95_000):
        move(sandbox, price)
    received = socket.data()
    marks = [one["data"]["markPrice"] for one in received if one["topic"] == TICKER]
    assert marks == ["98000", "96000"]
    assert len([one for one in received if one["topic"] == CANDLE]) == 5
    assert Socket(sandbox, "/v5/public/linear", TICKER).data()[0]["type"] == "snapshot"
    admin(sandbox, "DELETE", "faults")
    move(sandbox, 94_000)
    move(sandbox, 93_000)
    assert [one["data"]["markPrice"] for one in socket.data(TICKER)] == ["94000", "93000"]


def test_an_expired_session_says_nothing_until_a_new_connection_logs_in(sandbox: Sandbox) -> None:
    old, public = Socket(sandbox, "/v5/private", "position"), Socket(sandbox, "/v5/public/linear", TICKER)
    public.data()
    arm(sandbox, "expired_session", api_key=KEY)
    code(sandbox, CREATE, BUY)
    assert old.data() == []
    assert old.send("ping")["op"] == "pong"
    assert old.login()
    assert old.send("subscribe", ["order"])["success"]
    code(sandbox, CREATE, BUY)
    assert old.data() == []
    new = Socket(sandbox, "/v5/private", "position")
    code(sandbox, CREATE, BUY)
    assert len(new.data("position")) == 1
    assert public.data(TICKER)
    admin(sandbox, "DELETE", "faults")
    code(sandbox, CREATE, BUY)
    assert len(old.data("position")) == 1


def test_the_session_of_another_account_goes_on(sandbox: Sandbox) -> None:
    other = Socket(sandbox, "/v5/private", "position")
    arm(sandbox, "expired_session", api_key="other")
    code(sandbox, CREATE, BUY)
    assert len(other.data("position")) == 1


def test_deleveraging_comes_over_the_private_stream(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    socket = Socket(sandbox, "/v5/private", "position", "execution")
    arm(sandbox, "adl", share="0.5", count=1)
    assert code(sandbox, "/v5/order/cancel-all", {"category": "linear", "symbol": "BTCUSDT"}) == 0
    received = socket.data()
    fills = [one["data"][0] for one in received if one["topic"] == "execution"]
    assert [(one["execType"], one["execQty"]) for one in fills] == [("AdlTrade", "0.05")]
    sizes = [one["data"][0]["size"] for one in received if one["topic"] == "position"]
    assert sizes == ["0.05"]


def test_streams_show_the_skewed_time_and_accept_logins_by_it(sandbox: Sandbox) -> None:
    arm(sandbox, "clock_skew", value="60")
    socket = Socket(sandbox, "/v5/private", "position")
    code(sandbox, CREATE, BUY)
    assert socket.send("ping")["args"] == [str(sandbox.engine.clock.server_ms() + 60_000)]
    public = Socket(sandbox, "/v5/public/linear", TICKER)
    assert public.data()[0]["ts"] == sandbox.engine.clock.server_ms() + 60_000


def test_a_delisted_symbol_has_no_more_updates_and_no_topics(sandbox: Sandbox) -> None:
    socket = Socket(sandbox, "/v5/public/linear", TICKER, "tickers.ETHUSDT")
    socket.data()
    arm(sandbox, "delisted", symbol="BTCUSDT")
    move(sandbox, 90_000)
    sandbox.engine.set_price("ETHUSDT", Decimal(3_000))
    assert {one["topic"] for one in socket.data()} == {"tickers.ETHUSDT"}
    assert not Socket(sandbox, "/v5/public/linear").send("subscribe", [TICKER])["success"]


def test_a_wick_in_an_answer_is_not_told_to_streams(sandbox: Sandbox) -> None:
    socket = Socket(sandbox, "/v5/public/linear", TICKER)
    socket.data()
    arm(sandbox, "wick", symbol="BTCUSDT", share="0.2")
    answer = call(sandbox, "GET", "/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"})
    assert answer["result"]["list"][0]["markPrice"] == "120000"
    assert socket.data() == []
