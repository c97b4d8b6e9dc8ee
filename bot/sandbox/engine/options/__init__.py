"""Options of the sandbox: a chain of European puts and calls on coins that have a perpetual here."""
