"""A stand-alone exchange on loopback: engine, protocols, faults, admin API. Shares no code with the rest."""
