"""Seeded days in virtual time: the real guard among faults, crashes and other hands, every invariant judged."""
