"""What `reef doctor` looks at: machine, key and venue, and with --deep an order placed and cancelled."""

from bot.doctor.admission import NotCleanError, UnfitKeyError, admit, guarded_on_live
from bot.doctor.checks import Check, Grade
from bot.doctor.machine import examine_machine
from bot.doctor.probe import probe
from bot.doctor.venue import examine_account, examine_key, examine_reach

__all__ = [
    "Check",
    "Grade",
    "NotCleanError",
    "UnfitKeyError",
    "admit",
    "examine_account",
    "examine_key",
    "examine_machine",
    "examine_reach",
    "guarded_on_live",
    "probe",
]
