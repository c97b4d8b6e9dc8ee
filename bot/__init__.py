"""Reef: a guard for leveraged crypto positions."""
