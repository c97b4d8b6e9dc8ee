"""Every row of the fault matrix: made to happen by name, and survived."""
