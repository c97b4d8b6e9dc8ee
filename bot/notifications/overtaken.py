"""What lasted and ended without an entry of its own: a position that is gone takes its findings along."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Finding, NoticeKind, State
from bot.model.account import Side, position_key
from bot.notifications.desk import Lasting
from bot.notifications.notice import Notice, Phase

GONE = "Its position is gone, or nothing looks at it any more."


class StatusSeen(Struct, frozen=True):
    """The part of a guard's remembered status that shows what still lasts."""

    at: datetime
    unprotected: tuple[str, ...] = ()
    active: tuple[Finding, ...] = ()


def overtaken(
    lasting: Mapping[str, Lasting], statuses: Mapping[str, StatusSeen], now: datetime
) -> tuple[Notice, ...]:
    """Return the ends of what a later status does not show any more."""
    return tuple(_ends(lasting, statuses, now))


def _ends(
    lasting: Mapping[str, Lasting], statuses: Mapping[str, StatusSeen], now: datetime
) -> Iterator[Notice]:
    for one in lasting.values():
        notice = one.notice
        status = statuses.get(notice.account)
        if status is not None and status.at >= notice.at and not _lasts(notice, status):
            yield replace(
                notice, subject=f"{notice.subject}: over", body=GONE, phase=Phase.ENDS, at=now, entry=0
            )


def _lasts(notice: Notice, status: StatusSeen) -> bool:
    if notice.kind is NoticeKind.PROTECTION:
        return position_key(notice.symbol, Side(notice.side)) in status.unprotected
    if notice.kind is NoticeKind.RULE:
        return any(
            one.rule == notice.rule
            and (one.target.symbol, one.target.side) == (notice.symbol, notice.side)
            and one.state is not State.INACTIVE
            for one in status.active
        )
    return True
