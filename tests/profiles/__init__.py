"""The shipped examples, each through the market it was written for, beside an unguarded twin."""
