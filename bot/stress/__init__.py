"""What a shock would do to an account, unguarded and guarded; pure but for loading of scenarios."""
