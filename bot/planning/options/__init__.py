"""Options against positions: which contracts will do, which is the cheapest, and how many of it."""
