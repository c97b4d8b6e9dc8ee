"""Hedges from rule to journal: seeded paths, and what may happen to a hedge and to its parent."""
