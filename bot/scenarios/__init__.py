"""Scenarios: shocks as values, and the files that they stand in."""
