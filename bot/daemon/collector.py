"""How often Python looks for cycles of objects.

A decision makes thousands of small values, and hardly a cycle among them: with Python's own threshold a tenth
of its time goes into looking. What is loaded once is never garbage.
"""

import gc

THRESHOLD = 100_000
"""Objects made, less those that are gone, after which young ones are looked through; Python's own is 700."""


def spare() -> None:
    """Look through what is new only now and then, and never again through what is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
