"""What it means that an account is blind or halted: what goes on meanwhile, and the way back."""

from collections.abc import Iterator, Sequence

from bot.execution import Halt
from bot.journal.records import Blindness
from bot.model import Finding, State, Unknown
from bot.record import Status

ACTING = (State.FIRING, State.RESTORING)

MEANWHILE_BLIND = (
    "stops rest at the venue as they were; Reef goes on asking, reads public prices, "
    "and does what the rules say under if_blind."
)
REFUSED = (
    "The venue refuses the key, and only you can mend that: check the key, its permissions and its addresses "
    "there. With a new key, restart `reef run`. Until then watch the account yourself."
)
UNSEEN = (
    "You may: look at the account at the venue, at its own status page, and at this machine's network; "
    "`reef doctor` tries each part. Nothing needs a restart: Reef goes on when it sees again."
)
MEANWHILE_HALTED = (
    "no order and no cancel is sent, positions and resting orders stay; rules are evaluated and recorded; "
    "protective stops are placed, kept in step and read back."
)


def blind_lines(name: str, blind: Blindness) -> Iterator[str]:
    """Say since when and why an account cannot be seen, what Reef does, and what its owner may do."""
    yield f"{name} is BLIND since {blind.since:%Y-%m-%d %H:%M:%S} UTC: {blind.reason}"
    seen = "never since Reef began" if blind.seen_at is None else f"at {blind.seen_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"  It was last seen whole {seen}. Every rule is unknown; no order is made from what is not seen."
    yield f"  Meanwhile: {MEANWHILE_BLIND}"
    yield f"  {REFUSED if blind.refused else UNSEEN}"


def halt_lines(name: str, halt: Halt, found: Sequence[Status]) -> Iterator[str]:
    """Say who halted an account ('' for all) and why, what goes on meanwhile, and what lifts it."""
    who = f"{name} is" if name else "All accounts are"
    yield f"{who} HALTED by {halt.who} since {halt.at:%Y-%m-%d %H:%M:%S} UTC: {halt.why}"
    yield f"  Meanwhile: {MEANWHILE_HALTED}"
    option = f"--account {name} " if name else ""
    yield f'  `reef resume {option}--why "..."` lifts it: {resume_text(found)}'


def _stands(finding: Finding) -> str:
    value = "unknown" if isinstance(finding.value, Unknown) else f"{finding.value:.4g}"
    return f"{finding.metric} {value}, limit {finding.limit:.4g}"


def resume_text(found: Sequence[Status]) -> str:
    """Say what follows when a halt is lifted, by what the last cycles saw."""
    blind = any(one.blind is not None for one in found)
    acting = [
        f"{finding.rule} on {finding.target.text} ({_stands(finding)})"
        for one in found
        for finding in one.active
        if finding.state in ACTING
    ]
    after = "once the account is seen again" if blind else "from the next cycle on"
    if not found:
        return f"rules that fire act again {after}."
    if not any(one.armed for one in found):
        return "Reef is disarmed, so it goes on planning and sends nothing."
    if not acting:
        return f"no rule was firing at the last look; one that fires acts again {after}."
    return f"{', '.join(acting)} {'acts' if len(acting) == 1 else 'act'} again {after}."
