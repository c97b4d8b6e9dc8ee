"""Notifications: what the journal records, told to people."""
