"""Takes a recorded decision again from its recorded input."""

import msgspec
from msgspec import Struct

from bot.decision import DecisionInput, decide
from bot.errors import ReefError
from bot.journal import Entry, Journal
from bot.journal.records import Decision as DecisionRecord
from bot.journal.records import canonical
from bot.rules import load_rules_text


class Redecision(Struct, frozen=True):
    """What came of deciding again."""

    seq: int
    same: bool
    said: str
    readable: bool = True
    """Whether the recorded input is there and can be read."""


def decide_again(journal: Journal, entry: Entry) -> Redecision:
    """Decide again and compare the plan's bytes with those recorded."""
    recorded = entry.record
    if not isinstance(recorded, DecisionRecord):
        raise TypeError(f"entry {entry.seq} is no decision but {entry.kind}")
    given, rules = journal.blob(recorded.input), journal.blob(recorded.rules)
    if given is None or rules is None:
        said = "its input is no longer in the journal: it cannot be decided again"
        return Redecision(entry.seq, False, said, readable=False)
    try:
        ruleset = load_rules_text(rules.decode(), "the recorded rules")
        made = decide(msgspec.json.decode(given, type=DecisionInput), ruleset)
    except (ReefError, msgspec.DecodeError) as error:
        return Redecision(entry.seq, False, f"this version cannot read its input: {error}", readable=False)
    if canonical(made.plan) == canonical(recorded.plan):
        return Redecision(entry.seq, True, "decided again from the record: the same plan, byte for byte")
    return Redecision(entry.seq, False, "decided again from the record: ANOTHER plan came out")
