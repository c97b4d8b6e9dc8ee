"""Ratios against something measured in the same run. Absolute times tell more of the machine than of Reef."""
