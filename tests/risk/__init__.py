"""Tests of risk: margin mathematics, metrics, shocks, the unit ledger, firing points."""
