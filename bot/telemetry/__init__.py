"""Metrics for Prometheus, on loopback."""
