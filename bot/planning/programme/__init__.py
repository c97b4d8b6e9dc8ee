"""The cheapest way back: one linear programme over all demands, all positions and all limits at once."""
