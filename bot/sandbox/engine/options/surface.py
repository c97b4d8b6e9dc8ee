"""The surface of volatility of one coin: it remembers where the index came from, and rises as that falls."""

import math

from bot.sandbox.engine.options.contracts import YEAR_MS
from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions

LOWEST, HIGHEST = 0.05, 5.0
_MONTH_YEARS = 30 * DAY_MS / YEAR_MS
_NEAR_YEARS = 3 * DAY_MS / YEAR_MS
_DAY_YEARS = DAY_MS / YEAR_MS
_FAR_DEVIATIONS = 3.0


class Surface:
    """Volatility by strike and time; `average` is the remembered logarithm of the index."""

    def __init__(self, settings: CoinOptions, index: float) -> None:
        self.settings = settings
        self.average = math.log(index)

    def remember(self, index: float, passed_ms: int) -> None:
        """Let the average come nearer to the index."""
        weight = 1 - math.exp(-passed_ms / self.settings.memory_ms)
        self.average += weight * (math.log(index) - self.average)

    def fall(self, index: float) -> float:
        """How far the index stands below its average, in logarithms; 0 above it."""
        return max(0.0, self.average - math.log(index))

    def strain(self, index: float) -> float:
        """How many times wider quotes are, and thinner, than in a calm market."""
        return 1 + self.settings.stress * self.fall(index)

    def forward(self, index: float, years: float) -> float:
        """The price of the underlying at a time to come."""
        return index * (1 + self.settings.carry * years)

    def volatility(self, index: float, strike: float, years: float) -> float:
        """The volatility of a strike at a time to expiry."""
        own = self.settings
        at_money = own.level * math.pow(max(years, _DAY_YEARS) / _MONTH_YEARS, own.term)
        at_money += own.rise * self.fall(index) * math.sqrt(_MONTH_YEARS / max(years, _NEAR_YEARS))
        deviation = at_money * math.sqrt(max(years, _DAY_YEARS))
        far = math.log(strike / self.forward(index, years)) / deviation
        far = max(-_FAR_DEVIATIONS, min(_FAR_DEVIATIONS, far))
        smile = 1 + own.skew * far + own.curve * far * far
        return max(LOWEST, min(HIGHEST, at_money * smile))
