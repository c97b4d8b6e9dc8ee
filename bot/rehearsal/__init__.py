"""Rehearsals of rules: looks at an invented account, and what must be found and planned at each."""

from bot.rehearsal.reading import read_rehearsals
from bot.rehearsal.running import Miss, run
from bot.rehearsal.values import Rehearsal

__all__ = ["Miss", "Rehearsal", "read_rehearsals", "run"]
