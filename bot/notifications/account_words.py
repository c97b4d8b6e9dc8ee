"""How an account and the daemon are told: what cannot be seen, what others did, what failed, who spoke."""

from collections.abc import Iterator

from bot.journal.records import (
    Adopted,
    Blindness,
    Command,
    DifferencesSeen,
    Failure,
    Outside,
    Protection,
    Recovered,
    Started,
    Stopped,
    Word,
)
from bot.journal.told import Silenced, Summary
from bot.model import NoticeKind, Severity, Shelter, Verdict
from bot.notifications.day import day_lines
from bot.notifications.figures import amount, money, price, span
from bot.notifications.notice import Notice, Phase, lines
from bot.notifications.sources import Source

MOST_NAMED = 5
FORCED = ("adl", "liquidation")
STOPS_STAY = "Protective stops stay at the venue."
NOT_SEEN = "No rule is judged and no order is sized from what cannot be seen; stops at the venue stay."


def started(source: Source, body: Started) -> Iterator[Notice]:
    """Tell that a daemon began; one whose forerunner did not say that it ended follows a crash."""
    how = "sends orders" if body.mode == "act" else "plans and sends nothing"
    after = (
        "The daemon before it did not say that it ended: it crashed, was killed, or hung."
        if source.standing.running
        else ""
    )
    yield source.notice(
        NoticeKind.DAEMON,
        Severity.WARNING if after else Severity.INFO,
        f"started:{source.entry.seq}",
        f"Reef {body.version} has started",
        lines(
            f"It guards {', '.join(body.accounts)} on {body.network}, and {how} (mode {body.mode}).",
            after,
            "Next: it reads each account and settles what was left open, before anything may be traded.",
        ),
    )


def stopped(source: Source, body: Stopped) -> Iterator[Notice]:
    """Tell that nobody watches any more."""
    yield source.notice(
        NoticeKind.DAEMON,
        Severity.WARNING,
        f"stopped:{source.entry.seq}",
        "Reef has stopped",
        lines(f"Reason: {body.reason}.", f"Nobody watches the accounts now. {STOPS_STAY}"),
    )


def protection(source: Source, body: Protection) -> Iterator[Notice]:
    """Tell of a position that has no whole stop, or has it again."""
    where = f"{body.symbol} {body.side}"
    bare = body.shelter in {Shelter.UNPROTECTED, Shelter.UNKNOWN}
    # A guard that may not send places no stop, so that it is no alarm there.
    severity = Severity.CRITICAL if source.standing.armed else Severity.WARNING
    if bare:
        subject = f"{where} is unprotected"
        told = lines(
            body.note or "No stop rests at the venue.",
            source.sends or "Next: every cycle asks the venue for it again. Look at the position yourself.",
        )
    else:
        subject = f"{where} is protected again"
        told = f"A stop rests at {price(body.found)}."
    yield source.notice(
        NoticeKind.PROTECTION,
        severity,
        f"bare:{where}",
        subject,
        told,
        phase=Phase.BEGINS if bare else Phase.ENDS,
        symbol=body.symbol,
        side=body.side,
    )


def blindness(source: Source, body: Blindness) -> Iterator[Notice]:
    """Tell that an account cannot be seen, or is seen again."""
    since = f"{body.since:%Y-%m-%d %H:%M:%S} UTC"
    if body.ended is not None:
        subject = "can be seen again"
        told = f"It was blind for {span((body.ended - body.since).total_seconds())}, since {since}."
    else:
        owner = "The venue refuses the key, its address or its rights: only you can mend that."
        subject = "is blind"
        told = lines(
            f"No whole fresh view since {since}: {body.reason}",
            owner if body.refused else "",
            NOT_SEEN,
            "Next: it is asked again with every poll; `if_blind` of the rules says what else is done.",
        )
    yield source.notice(
        NoticeKind.BLINDNESS,
        Severity.CRITICAL,
        "blind",
        subject,
        told,
        phase=Phase.BEGINS if body.ended is None else Phase.ENDS,
    )


def outside(source: Source, body: Outside) -> Iterator[Notice]:
    """Tell of a position that others changed."""
    kinds = ", ".join(body.kinds) or "no execution is listed"
    forced = any(word in kind.lower() for kind in body.kinds for word in FORCED)
    yield source.notice(
        NoticeKind.OUTSIDE,
        Severity.CRITICAL if forced else Severity.WARNING,
        f"{body.symbol}:{body.side}:{source.entry.seq}",
        f"{body.symbol} {body.side} was changed by others ({kinds})",
        lines(
            f"{amount(body.before)} -> {amount(body.after)} contracts; others {body.others:+f}, "
            f"the guard {body.ours:+f}.",
            body.note,
            "Next: the guard goes on from what the account shows now.",
        ),
        symbol=body.symbol,
        side=body.side,
    )


def differences(source: Source, body: DifferencesSeen) -> Iterator[Notice]:
    """Tell of figures that are apart from the venue's."""
    for one in body.differences:
        yield source.notice(
            NoticeKind.DIFFERENCE,
            Severity.WARNING,
            f"{one.figure}:{one.target.text}",
            f"{one.figure.replace('_', ' ')} of {one.target.symbol or 'the account'} is not the venue's",
            lines(
                f"Recomputed {money(one.ours)}, the venue says {money(one.venue)} "
                f"({one.share * 100:,.1f} % apart).",
                "Next: the worse of the two is used.",
            ),
            symbol=one.target.symbol,
            side=one.target.side,
        )


def adopted(source: Source, body: Adopted) -> Iterator[Notice]:
    """Tell of an order of the guard that the journal did not know."""
    order = body.order
    yield source.notice(
        NoticeKind.OUTSIDE,
        Severity.WARNING,
        f"adopted:{order.order_id}",
        f"order {order.order_id} on {order.symbol} was not in the journal",
        lines(body.note, "Next: it is followed until it ends." if body.followed else ""),
        symbol=order.symbol,
    )


def recovered(source: Source, body: Recovered) -> Iterator[Notice]:
    """Tell what start-up could not settle."""
    if not (body.open or body.failures or body.orphan_stops):
        return
    yield source.notice(
        NoticeKind.FAILURE,
        Severity.WARNING,
        "recovery:" + ",".join((*body.open, *body.failures, *body.orphan_stops)),
        "not all could be settled with the venue",
        lines(
            f"Orders of which nobody knows yet: {', '.join(body.open)}." if body.open else "",
            f"Stops without a position: {', '.join(body.orphan_stops)}." if body.orphan_stops else "",
            *body.failures,
            "Next: it is tried again; an instrument with an open order takes no new one meanwhile.",
        ),
    )


def failure(source: Source, body: Failure) -> Iterator[Notice]:
    """Tell that a call or a part of the guard failed."""
    refused = body.verdict is Verdict.AUTH
    yield source.notice(
        NoticeKind.FAILURE,
        Severity.CRITICAL if refused else Severity.WARNING,
        f"{body.call}:{body.code}",
        f"{body.call} failed" + (f" ({body.code})" if body.code else ""),
        lines(body.message, "Only you can mend the key, its address or its rights." if refused else ""),
    )


def word(source: Source, body: Word) -> Iterator[Notice]:
    """Tell who halted, resumed or gave up what, and why."""
    who = source.entry.account or "all accounts"
    halts = body.command in {Command.HALT, Command.RESUME}
    told = {
        Command.HALT: ("halted", f"Nothing is sent for {who} but protective stops, until `reef resume`."),
        Command.RESUME: ("resumed", "Rules that fire act again from the next cycle on."),
        Command.ABANDON: (f"intent {source.entry.intent} given up", "Its symbol takes orders again."),
    }
    done, means = told.get(body.command, (body.command.value, ""))
    by_people = body.who not in {"the guard", "the rules"}
    yield source.notice(
        NoticeKind.HALT if halts else NoticeKind.WORD,
        Severity.WARNING if by_people or body.command is not Command.HALT else Severity.CRITICAL,
        f"{body.command.value}:{source.entry.seq}",
        f"{done} by {body.who}" if source.entry.account else f"{who} {done} by {body.who}",
        lines(f"Why: {body.why}", means),
    )


def silenced(source: Source, body: Silenced) -> Iterator[Notice]:
    """Tell that notifications are not wanted, or wanted again."""
    what = f"rule {body.rule}" if body.rule else source.entry.account or "all accounts"
    until = f"{body.until:%Y-%m-%d %H:%M} UTC"
    yield source.notice(
        NoticeKind.WORD,
        Severity.WARNING,
        f"silence:{source.entry.seq}",
        f"notifications of {what} are wanted again"
        if body.ended
        else f"notifications of {what} silenced until {until}",
        lines(
            f"By {body.who}: {body.why}",
            "What still lasts is told again now."
            if body.ended
            else "Only telling stops: the guard acts as before, and the journal records it.",
        ),
    )


def summary(source: Source, body: Summary) -> Iterator[Notice]:
    """Tell the day."""
    parts = ["\n".join(day_lines(day, source.gauge)) for day in body.days]
    yield source.notice(
        NoticeKind.SUMMARY,
        Severity.INFO,
        f"{source.entry.seq}",
        f"the day of {', '.join(day.account for day in body.days[:MOST_NAMED])}"
        + (f" and {more} more" if (more := len(body.days) - MOST_NAMED) > 0 else ""),
        "\n\n".join(parts),
    )
