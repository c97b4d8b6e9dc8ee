"""How what owners are asked and shown is told: proposals, reloads, churn, hedges."""

from collections.abc import Iterator

from bot.journal.controls import Answered, Churned, Closing, EpisodeEnded, Preview, Proposed, Reloaded
from bot.journal.records import HedgeChanged
from bot.model import NoticeKind, Severity
from bot.notifications.figures import amount, money
from bot.notifications.notice import Notice, Phase, lines
from bot.notifications.sources import Source

BY_PEOPLE = (Closing.APPROVED, Closing.RENEWED)


def preview(source: Source, body: Preview) -> Iterator[Notice]:
    """Tell what a daemon that has just begun would do at once; nothing where nothing fires."""
    if not body.firing:
        return
    wait = f"Orders wait until {body.until:%H:%M:%S} UTC; `reef halt` stops them." if body.until else ""
    yield source.notice(
        NoticeKind.PLAN,
        Severity.WARNING,
        f"preview:{source.entry.seq}",
        "fires at the start: " + ", ".join(dict.fromkeys(one.rule for one in body.firing)),
        lines(
            *(f"{step.reason}." for step in body.steps),
            f"In all about {money(body.cost)} USD." if body.steps else "",
            source.sends or wait,
        ),
    )


def proposed(source: Source, body: Proposed) -> Iterator[Notice]:
    """Tell what waits for the owner's yes: critical, since a limit is passed and nothing is done."""
    then = {"act": "it is done", "drop": "it is dropped", "protect": "only stops are placed"}
    yield source.notice(
        NoticeKind.APPROVAL,
        Severity.CRITICAL,
        f"proposal:{body.name}",
        f"asks for your yes: {', '.join(body.rules)}",
        lines(
            *body.what,
            *(f"Why: {why}" for why in body.why),
            f"Instead of the one before: {body.changed}." if body.changed else "",
            f"It costs about {money(body.cost)} USD. `reef approve {body.name}` lets it go.",
            f"Without an answer by {body.deadline:%Y-%m-%d %H:%M:%S} UTC {then[body.then.value]}.",
        ),
        phase=Phase.BEGINS,
    )


def answered(source: Source, body: Answered) -> Iterator[Notice]:
    """Tell what became of a proposal."""
    yield source.notice(
        NoticeKind.APPROVAL,
        Severity.INFO if body.closing in BY_PEOPLE else Severity.WARNING,
        f"proposal:{body.name}",
        f"proposal {body.name} {body.closing.value} by {body.who}",
        lines(f"Why: {body.why}" if body.why else ""),
        phase=Phase.ENDS,
    )


def reloaded(source: Source, body: Reloaded) -> Iterator[Notice]:
    """Tell that other rules run, or why they do not."""
    if body.mistakes:
        subject, severity = "rules not reloaded: the old ones run on", Severity.WARNING
    else:
        subject, severity = "rules reloaded", Severity.INFO
    yield source.notice(
        NoticeKind.DAEMON,
        severity,
        f"reload:{source.entry.seq}",
        subject,
        lines(f"Asked for by {body.trigger}.", *body.mistakes, *body.changes, body.note),
    )


def episode_ended(source: Source, body: EpisodeEnded) -> Iterator[Notice]:
    """Tell that an episode ended although its limit was not restored."""
    yield source.notice(
        NoticeKind.RULE,
        Severity.INFO,
        f"ended:{body.episode}",
        f"{body.rule} ended without being restored",
        lines(
            f"Reason: {body.reason.replace('_', ' ')}.",
            f"`reef explain {body.episode}` tells the whole of it.",
        ),
        rule=body.rule,
        symbol=body.target.symbol,
        side=body.target.side,
    )


def churned(source: Source, body: Churned) -> Iterator[Notice]:
    """Tell that somebody fills up again what a rule trims."""
    one = body.churning
    backs_off = f"The rule waits until {one.until:%H:%M:%S} UTC: each round costs money and protects nothing."
    goes_on = "The rule stands between the account and liquidation, and goes on."
    yield source.notice(
        NoticeKind.OUTSIDE,
        Severity.CRITICAL,
        f"churn:{one.item}:{one.rule}",
        f"{one.item.replace('#', ' ')} is filled up again after each trim",
        lines(
            f"{one.refills} times after {one.rule} trimmed it.",
            backs_off if body.backs_off else goes_on,
            "Stop the other hand (a bot, a grid, a colleague), or change the rule.",
        ),
        rule=one.rule,
    )


def hedge_changed(source: Source, body: HedgeChanged) -> Iterator[Notice]:
    """Tell of a hedge that others changed, or that has lost its parent."""
    where = f"{body.symbol} {body.side}"
    parent = body.parent.replace("#", " ")
    yield source.notice(
        NoticeKind.OUTSIDE,
        Severity.CRITICAL if body.lost else Severity.WARNING,
        f"hedge:{where}:{source.entry.seq}",
        f"the hedge {where} of {parent} was changed",
        lines(
            f"{amount(body.before)} -> {amount(body.after)} contracts.",
            body.note,
            f"{parent} stands without it; the rule decides anew." if body.lost else "",
        ),
        rule=body.rule,
        symbol=body.symbol,
        side=body.side,
    )
