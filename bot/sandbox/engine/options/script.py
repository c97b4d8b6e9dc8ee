"""The options of a scenario file.

options:
  credit: 0                        # 1: what long options are worth counts as margin
  BTC:                             # {} for all that is usual
    settle: [USDT, USDC]
    expiries: [1d, 7d, 14d, 30d, 60d]
    step: 2%                       # between strikes, of the index
    reach: 35%                     # strikes within this of the index
    level: 50%                     # volatility at the money, 30 days out
    term: -0.05                    # its power of days / 30
    skew: -0.06                    # per standard deviation from the forward
    curve: 0.02
    rise: 0.8                      # of volatility, per 1 of fall (log) below the index' average
    memory: 1d                     # over this time
    carry: 4%                      # forward above index, a year
    spread: 1%                     # half of it, in volatility
    stress: 10                     # times wider and thinner, per 1 of fall
    size: 300k                     # USD of the underlying on each level
"""

from decimal import Decimal

from ruamel.yaml.comments import CommentedMap

from bot.sandbox.engine.options.contracts import SETTLES, STEPS
from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.engine.quantities import duration_ms, number, share
from bot.sandbox.engine.reading import Mistakes, hint, line_of, not_negative, positive

_KEYS = (
    "settle",
    "expiries",
    "step",
    "reach",
    "level",
    "term",
    "skew",
    "curve",
    "rise",
    "memory",
    "carry",
    "spread",
    "stress",
    "size",
)
_LONGEST_MS = 400 * DAY_MS


def read_options(mistakes: Mistakes, document: CommentedMap) -> OptionSettings | None:
    """The options of a scenario; None where there are none, or nothing of them can be read."""
    body = document["options"]
    if not isinstance(body, CommentedMap):
        mistakes.wrong(line_of(document, "options"), f"options: expected coins of {', '.join(STEPS)}")
        return None
    mistakes.keys(body, ("credit", *STEPS))
    coins = {coin: _coin(mistakes, body, document, coin) for coin in STEPS if coin in body}
    if not coins:
        mistakes.wrong(line_of(document, "options"), f"options: name a coin of {', '.join(STEPS)}")
    return OptionSettings(coins=coins, credit=mistakes.read(body, "credit", _credit, Decimal(0)))


def _coin(mistakes: Mistakes, body: CommentedMap, document: CommentedMap, coin: str) -> CoinOptions:
    own, usual = body[coin], CoinOptions()
    symbols = document.get("symbols")
    if isinstance(symbols, CommentedMap) and f"{coin}USDT" not in symbols:
        mistakes.wrong(line_of(body, coin), f"options: {coin} needs a script of {coin}USDT")
    if not isinstance(own, CommentedMap):
        mistakes.wrong(line_of(body, coin), f"options: expected a mapping for {coin}, perhaps {{}}")
        return usual
    mistakes.keys(own, _KEYS)
    return CoinOptions(
        settles=mistakes.read(own, "settle", _settles, usual.settles),
        expiries=mistakes.read(own, "expiries", _expiries, usual.expiries),
        step=mistakes.read(own, "step", _part, usual.step),
        reach=mistakes.read(own, "reach", _part, usual.reach),
        level=mistakes.read(own, "level", _volatility, usual.level),
        term=mistakes.read(own, "term", number, usual.term),
        skew=mistakes.read(own, "skew", number, usual.skew),
        curve=mistakes.read(own, "curve", number, usual.curve),
        rise=mistakes.read(own, "rise", _from_zero, usual.rise),
        memory_ms=mistakes.read(own, "memory", _time, usual.memory_ms),
        carry=mistakes.read(own, "carry", share, usual.carry),
        spread=mistakes.read(own, "spread", not_negative, usual.spread),
        stress=mistakes.read(own, "stress", _from_zero, usual.stress),
        size_usd=mistakes.read(own, "size", positive, usual.size_usd),
    )


def _credit(value: object) -> Decimal:
    found = number(value)
    if not 0 <= found <= 1:
        raise ValueError(f"expected a number from 0 to 1, not {value!r}")
    return Decimal(str(found))


def _settles(value: object) -> tuple[str, ...]:
    given = _list(value)
    for one in given:
        if one not in SETTLES:
            raise ValueError(f"no settlement in {one!r}{hint(str(one), SETTLES)}")
    return tuple(str(one) for one in given)


def _expiries(value: object) -> tuple[int, ...]:
    found = tuple(duration_ms(one) for one in _list(value))
    if max(found) > _LONGEST_MS:
        raise ValueError("expected times of at most 400d")
    return found


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list, not {value!r}")
    return list(value)


def _part(value: object) -> float:
    found = share(value)
    if not 0.001 <= found < 1:
        raise ValueError(f"expected a share of at least 0.1%, not {value!r}")
    return found


def _volatility(value: object) -> float:
    found = number(str(value)[:-1]) / 100 if str(value).endswith("%") else number(value)
    if not 0.01 <= found <= 5:
        raise ValueError(f"expected a yearly volatility from 1% to 500%, not {value!r}")
    return found


def _from_zero(value: object) -> float:
    found = number(value)
    if found < 0:
        raise ValueError(f"expected a number that is not negative, not {value!r}")
    return found


def _time(value: object) -> int:
    found = duration_ms(value)
    if found <= 0:
        raise ValueError(f"expected a time above 0, not {value!r}")
    return found
