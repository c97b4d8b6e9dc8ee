"""Venue profiles: what ccxt does not say about a venue."""
