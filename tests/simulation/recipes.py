"""How each fault that the sandbox knows is armed on a seeded day."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from bot.sandbox.faults import KINDS, Place
from tests.simulation.market import LISTED

ORDER, STOP, CANCEL = "/v5/order/create", "/v5/position/trading-stop", "/v5/order/cancel"
READS = (
    "/v5/position/list",
    "/v5/account/wallet-balance",
    "/v5/order/realtime",
    "/v5/order/history",
    "/v5/execution/list",
    "/v5/market/tickers",
    "/v5/account/transaction-log",
)
WRITES = (ORDER, ORDER, ORDER, STOP, CANCEL)
ANY = (*WRITES, *READS, "/v5/*")
LISTS = ("/v5/position/list", "/v5/order/realtime", "/v5/order/history", "/v5/execution/list")
CODES = (10000, 10006, 10016, 10019, 170007, 110094, 3400045, 10010)
BROKEN = (500, 502, 503, 504)

Body = dict[str, Any]
Recipe = Callable[[Random], Body]


def _seconds(random: Random) -> float:
    return random.choice((3.0, 10.0, 40.0))


def _some(random: Random, paths: Sequence[str]) -> Body:
    return {"path": random.choice(paths)}


RECIPES: Mapping[str, Recipe] = {
    "hang": lambda r: {**_some(r, ANY), "seconds": r.choice((0.4, 1.5, 4.0, 11.0, None))},
    "drop": lambda r: _some(r, WRITES),
    "server_error": lambda r: _some(r, ANY),
    "corrupt": lambda r: {**_some(r, ANY), "variant": r.choice(KINDS["corrupt"].variants)},
    "refused_connection": lambda r: _some(r, ANY),
    "status": lambda r: r.choice(
        (
            {**_some(r, ANY), "status": 429},  # what turns a request away for its rate has not executed it
            {**_some(r, ANY), "status": r.choice(BROKEN), "execute": r.random() < 0.5},
            {**_some(r, ANY), "status": r.choice(BROKEN), "execute": r.random() < 0.5},
        )
    ),
    "error_code": lambda r: {**_some(r, ANY), "code": r.choice(CODES)},
    "overload": lambda r: {},
    "duplicate": lambda r: {},
    "maintenance": lambda r: {},
    "post_only": lambda r: {},
    "refused_order_type": lambda r: {"variant": r.choice(KINDS["refused_order_type"].variants)},
    "permission_lost": lambda r: {"code": r.choice((10003, 10005, 10010))},
    "rate_ban": lambda r: {
        "value": str(r.choice((4, 8))),
        "seconds": r.choice((20.0, 60.0)),
        "variant": r.choice(KINDS["rate_ban"].variants),
    },
    "clock_skew": lambda r: {"value": str(r.choice((-60, -7, -2, 2, 7, 60)))},
    "hidden_orders": lambda r: {"seconds": r.choice((0.5, 3.0, 12.0, 29.0))},
    "shuffled_fills": lambda r: {},
    "empty_positions": lambda r: {},
    "cut_page": lambda r: {
        **_some(r, LISTS),
        "value": str(r.choice((1, 2, 5))),
        "variant": r.choice(KINDS["cut_page"].variants),
    },
    "old_body": lambda r: {**_some(r, READS), "seconds": r.choice((1.0, 5.0, 30.0))},
    "liquidation_price": lambda r: {"value": r.choice(("", "0", "NaN"))},
    "thin_book": lambda r: {"share": str(r.choice((0.5, 0.05, 0.005)))},
    "empty_book": lambda r: {},
    "price_band": lambda r: {"share": str(r.choice((0.0005, 0.005)))},
    "min_notional": lambda r: {"value": str(r.choice((5, 1_000, 100_000)))},
    "wick": lambda r: {"share": str(r.choice((0.02, 0.1, 0.5))), "variant": r.choice(("up", "down"))},
    "zero_price": lambda r: {"variant": r.choice(KINDS["zero_price"].variants)},
    "delisted": lambda r: {},
    "closed_outside": lambda r: {},
    "manual_trade": lambda r: {"value": str(r.choice((-3, -1, 1, 3))), "count": 1},
    "adl": lambda r: {"share": str(r.choice((0.1, 0.5, 1))), "count": r.choice((1, 2))},
    "reduce_only_blocked": lambda r: {},
    "position_mode": lambda r: {},
    "haircut": lambda r: {"share": str(r.choice((0.02, 0.1, 0.2)))},
}
"""Fields of a fault beside those that are drawn alike for all."""

LEFT_OUT: Mapping[str, str] = {
    "opposite_side": "the venue itself breaks invariant 1 then; the guard's answer has its own tests",
    "qty_step": "a step that changes under a known market: markets are made with odd steps instead",
    "contract_size": "as qty_step: markets are made with odd contracts instead",
    "silent_stream": "the guards here poll; streams have their own tests over sockets",
    "merged_updates": "as silent_stream",
    "expired_session": "as silent_stream",
    "option_crossed": "these markets list no options; the stories of puts have them",
    "option_unquoted": "as option_crossed",
    "option_zero_iv": "as option_crossed",
    "option_holes": "as option_crossed",
    "option_expired": "as option_crossed",
}
"""Kinds of the venue that no seeded day arms, and why."""

USUAL = ("hang", "drop", "server_error", "hidden_orders", "duplicate", "thin_book", "status", "corrupt")
"""Drawn more often than the others, and mostly at orders."""
AT_ORDERS = 0.6
MOVES = ("/v5/position/add-margin", "/v5/position/set-leverage", "/v5/asset/transfer/inter-transfer", ORDER)
"""Where margin and money are moved."""
AT_MOVES = 0.3


def fault(random: Random, accounts: Sequence[str], mover: str = "") -> Body:
    """Draw a fault of the venue; a third of those that can strike where `mover` moves margin and money."""
    name = random.choice((*RECIPES, *USUAL, *USUAL))
    uses = KINDS[name].uses
    body: Body = {
        "count": random.choice((1, 2, 5, 15)),
        "probability": random.choice((0.1, 0.3, 0.6, 1.0)),
        "seconds": _seconds(random),
        "symbol": random.choice(LISTED),
    }
    body = {field: value for field, value in body.items() if field in uses and field != "symbol"}
    if "symbol" in KINDS[name].needs:
        body["symbol"] = random.choice(LISTED)
    if "api_key" in uses and random.random() < 0.3:
        body["api_key"] = f"{random.choice(accounts)}-key"
    body = {"name": name, **body, **RECIPES[name](random)}
    if name in USUAL and "path" in body and random.random() < AT_ORDERS:
        body["path"] = ORDER
    if mover in accounts and {"path", "api_key"} <= set(uses) and random.random() < AT_MOVES:
        body |= {"path": random.choice(MOVES), "api_key": f"{mover}-key"}
    return body


def unknown_kinds() -> list[str]:
    """Kinds of the venue that have neither a recipe nor a reason to be left out."""
    known = {*RECIPES, *LEFT_OUT}
    return sorted(name for name, kind in KINDS.items() if kind.place is Place.VENUE and name not in known)
