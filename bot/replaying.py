"""Takes a recorded decision again from its recorded input."""

from functools import lru_cache

import msgspec
from msgspec import Struct

from bot.decision import DecisionInput, decide
from bot.errors import ReefError
from bot.journal import Entry, Journal
from bot.journal.records import Decision as DecisionRecord
from bot.journal.records import canonical
from bot.rules import RuleSet, load_rules_text


@lru_cache(maxsize=8)
def recorded_rules(text: bytes) -> RuleSet:
    """Load the rules of a record; many decisions have the same."""
    return load_rules_text(text.decode(), "the recorded rules")


class Redecision(Struct, frozen=True):
    """What came of deciding again."""

    seq: int
    same: bool
    said: str
    readable: bool = True
    """Whether the recorded input is there and can be read."""
    pruned: bool = False
    """Whether retention took the input out: then nothing is wrong."""


def decide_again(journal: Journal, entry: Entry) -> Redecision:
    """Decide again and compare the plan's bytes with those recorded."""
    recorded = entry.record
    if not isinstance(recorded, DecisionRecord):
        raise TypeError(f"entry {entry.seq} is no decision but {entry.kind}")
    given, rules = journal.blob(recorded.input), journal.blob(recorded.rules)
    if given is None and journal.was_pruned(entry):
        said = "its input was pruned (`retention`): nothing was sent from it, and it cannot be decided again"
        return Redecision(entry.seq, False, said, readable=False, pruned=True)
    if given is None or rules is None:
        said = "its input is no longer in the journal: it cannot be decided again"
        return Redecision(entry.seq, False, said, readable=False)
    try:
        made = decide(msgspec.json.decode(given, type=DecisionInput), recorded_rules(rules))
    except (ReefError, msgspec.DecodeError) as error:
        return Redecision(entry.seq, False, f"this version cannot read its input: {error}", readable=False)
    if canonical(made.plan) == canonical(recorded.plan):
        return Redecision(entry.seq, True, "decided again from the record: the same plan, byte for byte")
    return Redecision(entry.seq, False, "decided again from the record: ANOTHER plan came out")
