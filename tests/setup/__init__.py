"""Tests of what `reef init` writes."""
