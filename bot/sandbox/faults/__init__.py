"""Faults by name: what the sandbox can be told to do wrong, and what is armed."""

from bot.sandbox.faults.catalogue import KINDS
from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.kinds import Kind, Place
from bot.sandbox.faults.registry import FaultRegistry

__all__ = ["KINDS", "Fault", "FaultError", "FaultRegistry", "Kind", "Place"]
