"""Faults by name, and what must follow from each."""
