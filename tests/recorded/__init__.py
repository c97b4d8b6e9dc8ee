"""Recorded payloads through the whole of reading and assessing, beside the venue's own figures."""
