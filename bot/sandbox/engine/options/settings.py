"""How the options of a scenario are listed and quoted."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.types import ZERO

DAY_MS = 86_400_000


class CoinOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options on one coin; shares are of 1, volatilities yearly, times in ms.

    `expiries`: for each of these times ahead the first 08:00 UTC after it (of a Friday, from seven days on)
    is listed, and more as days pass. Strikes stand `step` apart (rounded to a plain number) within `reach` of
    the index, and follow it.

    At the money and 30 days out volatility is `level`; other times scale it by (days / 30) ** `term`. A
    strike d standard deviations from the forward has (1 + `skew` d + `curve` d d) times that. `rise` is added
    for each 1 of fall (in logarithms) below the average of the index over `memory_ms`, more for near
    expiries.

    `spread` is half of the distance between bid and ask, in volatility, and `size_usd` what each level is
    worth in the underlying; by one fall the one grows, and the other shrinks, by `stress` times.
    """

    settles: tuple[str, ...] = ("USDT",)
    expiries: tuple[int, ...] = (7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS, 60 * DAY_MS)
    step: float = 0.02
    reach: float = 0.35
    level: float = 0.5
    term: float = -0.05
    skew: float = -0.06
    curve: float = 0.02
    rise: float = 0.8
    memory_ms: int = DAY_MS
    carry: float = 0.04
    """What the forward is above the index, as a share for each year to come."""
    spread: float = 0.01
    stress: float = 10.0
    size_usd: float = 300_000.0


class OptionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a scenario by coin. `credit`: what share of a long option's value is margin balance."""

    coins: dict[str, CoinOptions]
    credit: Decimal = ZERO
