"""Tests with real processes: exchange, daemon, command line."""
