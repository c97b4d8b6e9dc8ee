"""Signals: numbers from outside, from a URL, a file or a command."""

from bot.signals.answers import Reading, SignalError
from bot.signals.keeper import SignalKeeper, Standing

__all__ = ["Reading", "SignalError", "SignalKeeper", "Standing"]
