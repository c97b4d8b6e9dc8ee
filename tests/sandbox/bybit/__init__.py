"""Tests of the Bybit protocol."""
