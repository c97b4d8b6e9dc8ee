"""Where the money of one coin is that no account holds."""

from dataclasses import dataclass
from decimal import Decimal

from bot.sandbox.engine.types import ZERO


@dataclass(slots=True)
class Pool:
    """One coin: what came in from outside, and what the exchange and the synthetic book have of it."""

    deposits: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    insurance_gain: Decimal = ZERO
    counterparty_cash: Decimal = ZERO
