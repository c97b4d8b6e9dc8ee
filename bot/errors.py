"""Roots of the errors that Reef raises on purpose: what was tried, what came, what to do next."""


class ReefError(Exception):
    """Any failure that Reef foresaw. `exit_code` is what the command line ends with."""

    exit_code = 1


class MisuseError(ReefError):
    """The command, the config or the rules are wrong: nothing was started."""

    exit_code = 2
