"""A stand-alone exchange for perpetuals: pure, synchronous, deterministic."""
