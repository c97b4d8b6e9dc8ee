"""Rules that are taken while the daemon runs: what changed, and why they were read again."""

from msgspec import Struct

from bot.journal.controls import Reloaded
from bot.rules import RuleSet, rule_changes


class Reload(Struct, frozen=True):
    """Why rules were read again."""

    trigger: str
    note: str = ""
    """What else the owner must know, for example that the settings changed as well."""

    def taken(self, before: RuleSet, after: RuleSet) -> Reloaded:
        """Return the entry of rules that were taken."""
        changes = rule_changes(before, after)
        return Reloaded(self.trigger, before.version, after.version, changes, note=self.note)

    def refused(self, before: str, mistakes: tuple[str, ...]) -> Reloaded:
        """Return the entry of rules that were not taken."""
        return Reloaded(self.trigger, before, "", (), mistakes, self.note)
