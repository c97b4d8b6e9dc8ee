"""Rules: their schema, loading with places, and their states. Pure but for loading."""

from bot.rules.active import Active
from bot.rules.blindness import BlindCall, BlindLook, evaluate_blind
from bot.rules.breaches import breaches
from bot.rules.changes import rule_changes
from bot.rules.conditions import Condition
from bot.rules.evaluation import Evaluation, evaluate
from bot.rules.gauge import measure_rule
from bot.rules.loading import load_choices, load_rules, load_rules_text
from bot.rules.memory import EndedEpisode, EndReason, MemoryUnreadableError, RulesMemory, Standing
from bot.rules.names import Names, UnknownSymbol, unknown_symbols
from bot.rules.profiles import profile_names, profile_path, rules_path
from bot.rules.ruleset import Gates, IfBlind, Match, Rule, RuleSet

__all__ = [
    "Active",
    "BlindCall",
    "BlindLook",
    "Condition",
    "EndReason",
    "EndedEpisode",
    "Evaluation",
    "Gates",
    "IfBlind",
    "Match",
    "MemoryUnreadableError",
    "Names",
    "Rule",
    "RuleSet",
    "RulesMemory",
    "Standing",
    "UnknownSymbol",
    "breaches",
    "evaluate",
    "evaluate_blind",
    "load_choices",
    "load_rules",
    "load_rules_text",
    "measure_rule",
    "profile_names",
    "profile_path",
    "rule_changes",
    "rules_path",
    "unknown_symbols",
]
