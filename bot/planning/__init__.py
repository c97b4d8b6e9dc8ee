"""Planning: from what rules demand to reduce-only orders that fit the venue, with a proof. Pure."""
