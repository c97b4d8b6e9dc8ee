"""A stand-alone exchange for linear perpetuals: pure, synchronous, deterministic."""
