"""What a decision knows beside the account: figures of markets, and signals from outside."""

from msgspec import Struct

from bot.model.options import Chain
from bot.model.unknown import Number, Unknown


class Surroundings(Struct, frozen=True):
    """Figures of markets and signals, as they stood when the decision was taken.

    What could not be read, is too old, or has too short a history is `Unknown` with its reason.
    """

    markets: dict[str, dict[str, Number]] = {}
    """Figures by base currency, then by the name of the market metric without `market.`."""
    signals: dict[str, Number] = {}
    """Numbers by the name that the settings give the signal."""
    chains: dict[str, Chain] = {}
    """Options by base currency, for rules that may buy them, where they were read."""

    def market(self, base: str, figure: str) -> Number:
        """Return one figure of one market."""
        known = self.markets.get(base)
        if known is None:
            return Unknown(f"no figures of {base} have been read yet")
        return known.get(figure, Unknown(f"{figure} of {base} has not been read yet"))

    def signal(self, name: str) -> Number:
        """Return the number that a signal stands at."""
        return self.signals.get(name, Unknown(f"the signal {name} has not been read yet"))
