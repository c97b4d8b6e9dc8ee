"""How many examples a property is tried on."""

import os


def examples(quick: int) -> int:
    """Return `quick`, which fits every run, times REEF_EXAMPLES where a longer run asks for more."""
    return quick * int(os.environ.get("REEF_EXAMPLES", "1"))
