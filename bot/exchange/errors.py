"""Failures of reading from a venue."""

from bot.errors import ReefError
from bot.model import Verdict


class GatewayError(ReefError):
    """A venue could not be read. Carries the account, the call, what came and what to do next."""

    def __init__(self, *, account: str, call: str, verdict: Verdict, code: str, came: str, hint: str) -> None:
        super().__init__(f"account {account}: {call} failed: {came}. {hint}")
        self.account = account
        self.call = call
        self.verdict = verdict
        self.code = code
