"""Signatures, time windows, envelopes and bad requests, without a network."""

import hashlib
import hmac

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.bybit.limits import RateLimiter
from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request
from tests.sandbox.support import KEY, SECRET, START_MS, call, decoded, make_engine, open_account, signed

INFO = "/v5/account/info"


@pytest.fixture
def sandbox() -> Sandbox:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    return Sandbox(engine)


def test_every_answer_has_the_envelope(sandbox: Sandbox) -> None:
    body = call(sandbox, "GET", INFO)
    assert list(body) == ["retCode", "retMsg", "result", "retExtInfo", "time"]
    assert (body["retCode"], body["time"]) == (0, START_MS)
    response = sandbox.handle(signed(sandbox, "GET", INFO))
    assert response.headers["Content-Type"].startswith("application/json")
    assert "X-Bapi-Limit-Status" in response.headers


@pytest.mark.parametrize(
    ("shift_ms", "window", "code"),
    [
        (0, "5000", 0),
        (999, "5000", 0),
        (1_000, "5000", 10002),
        (-5_000, "5000", 0),
        (-5_001, "5000", 10002),
        (-5_001, "6000", 0),
        (60_000, "5000", 10002),
        (-60_001, "900000", 10002),
        (-5_001, "", 10002),
        (0, "soon", 10001),
    ],
)
def test_the_receive_window(sandbox: Sandbox, shift_ms: int, window: str, code: int) -> None:
    body = call(sandbox, "GET", INFO, shift_ms=shift_ms, window=window)
    assert body["retCode"] == code
    if code == 10002:
        assert f"server_timestamp[{START_MS}]" in body["retMsg"]


def test_wrong_keys_and_signatures(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", INFO, key="nobody")["retCode"] == 10003
    wrong = call(sandbox, "GET", INFO, secret="wrong")
    assert wrong["retCode"] == 10004
    assert SECRET not in wrong["retMsg"]
    unsigned = decoded(sandbox.handle(Request("GET", INFO)))[1]
    assert unsigned["retCode"] == 10001
    assert "empty value" in unsigned["retMsg"]


def test_the_signature_covers_query_and_body(sandbox: Sandbox) -> None:
    query = signed(sandbox, "GET", "/v5/position/list", {"category": "linear", "symbol": "BTCUSDT"})
    assert decoded(sandbox.handle(query))[1]["retCode"] == 0
    changed = msgspec.structs.replace(query, query=query.query.replace("BTC", "ETH"))
    assert decoded(sandbox.handle(changed))[1]["retCode"] == 10004
    order = signed(sandbox, "POST", "/v5/order/create", {"category": "linear", "qty": "1"})
    forged = msgspec.structs.replace(order, body=order.body.replace(b'"1"', b'"9"'))
    assert decoded(sandbox.handle(forged))[1]["retCode"] == 10004


def test_non_ascii_signatures_and_timestamps_are_refused_not_crashed_on(sandbox: Sandbox) -> None:
    request = signed(sandbox, "GET", INFO)
    for name, value, code in (
        ("x-bapi-sign", "é" * 64, 10004),
        ("x-bapi-timestamp", "²", 10001),
        ("x-bapi-timestamp", "9" * 400, 10001),
    ):
        bent = msgspec.structs.replace(request, headers={**request.headers, name: value})
        assert decoded(sandbox.handle(bent))[1]["retCode"] == code


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v5/nowhere"), ("POST", INFO), ("GET", "/v5/order/create"), ("GET", "/")]
)
def test_unknown_paths(sandbox: Sandbox, method: str, path: str) -> None:
    status, body = decoded(sandbox.handle(Request(method, path)))
    assert status == 404
    assert body["retCode"] == 10017


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b'"text"', b"\xff\xfe"])
def test_bodies_that_are_no_object(sandbox: Sandbox, body: bytes) -> None:
    request = signed(sandbox, "POST", "/v5/order/create")
    text = body.decode(errors="replace")
    origin = f"{START_MS}{KEY}5000{text}"
    signature = hmac.new(SECRET.encode(), origin.encode(), hashlib.sha256).hexdigest()
    bent = msgspec.structs.replace(request, body=body, headers={**request.headers, "x-bapi-sign": signature})
    assert decoded(sandbox.handle(bent))[1]["retCode"] == 10001


def test_the_rate_limit_counts_a_key_and_a_path() -> None:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    limited = Sandbox(engine, rate_limit=3)
    codes = [call(limited, "GET", INFO)["retCode"] for _ in range(5)]
    assert codes == [0, 0, 0, 10006, 10006]
    assert call(limited, "GET", "/v5/user/query-api")["retCode"] == 0
    clock = engine.clock
    assert isinstance(clock, VirtualClock)
    clock.advance(1)
    assert call(limited, "GET", INFO)["retCode"] == 0


def test_limiter_headers_count_down() -> None:
    limiter = RateLimiter(2)
    told = [limiter.count("k", "/p", now) for now in (0, 10, 20, 1_000)]
    assert [allowed for allowed, _ in told] == [True, True, False, True]
    assert [headers["X-Bapi-Limit-Status"] for _, headers in told] == ["1", "0", "0", "1"]
    assert [headers["X-Bapi-Limit-Reset-Timestamp"] for _, headers in told] == ["1000"] * 3 + ["2000"]


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.integers(), max_size=2)
)
names = st.sampled_from(
    ["symbol", "side", "orderType", "qty", "price", "timeInForce", "reduceOnly", "positionIdx", "tpslMode",
     "triggerPrice", "triggerDirection", "orderLinkId", "stopLoss", "slTriggerBy", "orderId", "limit"]
)  # fmt: skip
PATHS = [
    "/v5/order/create",
    "/v5/order/amend",
    "/v5/order/cancel",
    "/v5/order/cancel-all",
    "/v5/position/trading-stop",
    "/v5/position/set-leverage",
    "/v5/position/switch-mode",
    "/v5/position/add-margin",
    "/v5/account/set-margin-mode",
]


@settings(deadline=None, max_examples=80)
@given(path=st.sampled_from(PATHS), extra=st.dictionaries(names, values, max_size=8))
def test_no_body_makes_the_api_raise(path: str, extra: dict[str, object]) -> None:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    body = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.1",
        **extra,
    }
    answer = call(Sandbox(engine), "POST", path, body)
    assert isinstance(answer["retCode"], int)
    assert answer["time"] == START_MS
