"""Intents, their states, settlement, protective stops and recovery."""

from bot.execution.executor import Executor
from bot.execution.halts import Halt, NothingOpenError, abandon, halt, halted, resume
from bot.execution.hedging import HedgeLook, recorded_hedges
from bot.execution.intents import IllegalTransitionError, Intent, StoryError, fold
from bot.execution.lease import Lease
from bot.execution.recovery import recover
from bot.execution.report import ExecutionReport, Held, IntentNotRecordedError, StepResult
from bot.execution.settlement import Settlement
from bot.execution.terms import OWN_PREFIX, ExecutionTerms
from bot.journal.records import IntentState

__all__ = [
    "OWN_PREFIX",
    "ExecutionReport",
    "ExecutionTerms",
    "Executor",
    "Halt",
    "HedgeLook",
    "Held",
    "IllegalTransitionError",
    "Intent",
    "IntentNotRecordedError",
    "IntentState",
    "Lease",
    "NothingOpenError",
    "Settlement",
    "StepResult",
    "StoryError",
    "abandon",
    "fold",
    "halt",
    "halted",
    "recorded_hedges",
    "recover",
    "resume",
]
