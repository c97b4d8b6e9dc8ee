"""The demo's fall as a staircase: prices stand still long enough for a pause to end in the same decision."""

from collections.abc import Sequence

from bot.sandbox.engine.feeds import Bar, Tick

START_MS = 1_763_704_800_000
"""21 November 2025, 06:00 UTC, with no funding for two hours."""
BETAS = {"BTCUSDT": 1.0, "ETHUSDT": 1.3, "SOLUSDT": 1.5}
FIRST = {"BTCUSDT": 125_600.0, "ETHUSDT": 4_680.0, "SOLUSDT": 232.0}
LEVELS = (
    *(125_600, 122_500, 119_500, 116_500, 113_700, 110_900),
    *(113_000, 110_000, 107_300, 104_600, 102_000, 99_500),
)
"""Prices of BTC, one a stair: each about as far below the last as the stops are not to be reached."""
STAIR_S = 120
"""A lost request is settled 36 s after it expired; two kills on one stair are lived through."""


class Stairs:
    """A feed that moves at once, and then not for `STAIR_S` seconds."""

    def __init__(self, levels: int) -> None:
        self._levels = LEVELS[:levels]

    @property
    def symbols(self) -> Sequence[str]:
        """All three."""
        return tuple(BETAS)

    @property
    def start_ms(self) -> int:
        """Its first moment."""
        return START_MS

    @property
    def end_ms(self) -> int | None:
        """The end of the last stair."""
        return START_MS + len(self._levels) * STAIR_S * 1000

    def tick(self, symbol: str, time_ms: int) -> Tick:
        """The price of the stair."""
        stair = min((time_ms - START_MS) // (STAIR_S * 1000), len(self._levels) - 1)
        price = FIRST[symbol] * (self._levels[stair] / LEVELS[0]) ** BETAS[symbol]
        return Tick(last=price, index=price, mark=price, funding_rate=0.0)

    def next_breakpoint(self, after_ms: int) -> int | None:
        """The next stair."""
        stair = (after_ms - START_MS) // (STAIR_S * 1000) + 1
        return START_MS + stair * STAIR_S * 1000 if stair < len(self._levels) else None

    def beta(self, symbol: str) -> float | None:
        """How it follows BTC."""
        return BETAS[symbol]

    def bars(self, symbol: str) -> Sequence[Bar]:
        """None."""
        return ()
