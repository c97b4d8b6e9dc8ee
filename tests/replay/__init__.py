"""Recorded markets through the real guard in virtual time, every invariant checked after every cycle."""
