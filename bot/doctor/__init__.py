"""What `reef doctor` looks at: machine, key and venue, and with --deep an order placed and cancelled."""

from bot.doctor.checks import Check, Grade
from bot.doctor.machine import examine_machine
from bot.doctor.probe import probe
from bot.doctor.venue import examine_account

__all__ = ["Check", "Grade", "examine_account", "examine_machine", "probe"]
