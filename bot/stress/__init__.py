"""What a shock would do to an account, unguarded and guarded, a pure function."""
