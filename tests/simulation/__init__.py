"""Seeded days in virtual time: the guard among faults, crashes and other hands, all invariants judged."""
