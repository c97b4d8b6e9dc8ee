"""The shape of a settings file: every key, its type and its range."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from bot.documents import (
    LATER,
    MAX_DURATION,
    Shape,
    WordingError,
    parse_number,
    parse_share,
    percent,
    show_percent,
    shown,
    span,
    within,
    word_of,
)
from bot.model import Policy, Side, Unanswered
from bot.model.churn import LONGEST
from bot.settings.values import IfJournalFails, LogFormat, LogLevel, Mode, Network, Venue

LATER_VENUES = ("binance", "binanceusdm", "okx", "hyperliquid", "deribit")
LATER_KEYS = ("dashboard",)
MAX_ACCOUNTS = 1000
MAX_SIGNALS = 50
MAX_STRANGERS = 100

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        expected = "up to 32 letters, digits, - and _, beginning with a letter or digit"
        raise WordingError(f"{shown(value)} is not a name", expected)
    return value


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        expected = "a name such as REEF_MAIN_API_KEY"
        raise WordingError("this is not the name of an environment variable", expected)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise WordingError(f"{shown(value)} is not right", "text")
    return value.strip()


def _journal(value: object) -> str:
    text = _text(value)
    if "://" in text:
        raise WordingError(f"a database by URL is {LATER}", "the path of a file such as reef.db")
    return text


def _url(value: object) -> str:
    expected = "an address such as http://127.0.0.1:8899"
    text = _text(value)
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise WordingError("this is not an address", expected) from None
    if "@" in parts.netloc:
        raise WordingError("an address may hold no user and no password", expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_right:
        raise WordingError(f"{shown(text)} is not an address", expected)
    if parts.query or parts.fragment:
        raise WordingError("an address may hold no query", expected)
    return text.rstrip("/")


def whole(value: object) -> int:
    """Take a whole number; raises `WordingError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WordingError(f"{shown(value)} is not right", "a whole number such as 60")
    return value


def _accounts(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not a list of accounts", "a list of at least one account")
    if len(value) > MAX_ACCOUNTS:
        raise WordingError(f"more than {MAX_ACCOUNTS} accounts")
    return tuple(value)


def _signals(value: object) -> dict[str, object]:
    expected = "a mapping such as {fear: {url: ..., path: data.0.value, max_age: 1d}}"
    if not isinstance(value, dict) or not value:
        raise WordingError(f"{shown(value)} names no signal", expected)
    if len(value) > MAX_SIGNALS:
        raise WordingError(f"more than {MAX_SIGNALS} signals")
    return value


def _tags(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        hint = f"write [{value}]" if isinstance(value, str) else ""
        raise WordingError(f"{shown(value)} is not a list", "a list such as [fund, btc]", hint)
    for tag in value:
        if value.count(tag) > 1:
            raise WordingError(f"{shown(tag)} is given twice")
    return tuple(value)


def _listed(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WordingError(f"{shown(value)} is not a pattern", "text, where * stands for anything")
    return value.strip()


def _strangers(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        expected = "a list such as [{match: {symbol: ETH*}, policy: watch}]"
        raise WordingError(f"{shown(value)} is not a list of policies", expected)
    if len(value) > MAX_STRANGERS:
        raise WordingError(f"more than {MAX_STRANGERS} policies")
    return tuple(value)


def _share(low: str, high: str) -> BeforeValidator:
    return BeforeValidator(within(parse_share, Decimal(low), Decimal(high), show_percent))


Pattern = Annotated[str, BeforeValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed)]
Text = Annotated[str, BeforeValidator(_text)]
Url = Annotated[str, BeforeValidator(_url)]
Variable = Annotated[str, BeforeValidator(_variable)]
Money = Annotated[Decimal, BeforeValidator(within(parse_number, Decimal(1), Decimal(10) ** 12))]


class CapsShape(Shape):
    """`caps`: bounds on what the guard may do, whatever the rules say."""

    actions_per_hour: Annotated[int, BeforeValidator(within(whole, 1, 10_000))] = 300
    notional_per_day: Money | None = None
    loss_per_day: Money | None = None
    max_slippage: Annotated[Decimal, _share("0.0001", "0.2")] = Decimal("0.02")
    max_share: Annotated[Decimal, _share("0.01", "1")] = Decimal(1)
    margin_per_day: Money | None = None
    secured_per_day: Money | None = None


class ProtectionShape(Shape):
    """`protection`: where protective stops rest."""

    enabled: bool = True
    distance_share: Annotated[float, percent(0.1, 0.95)] = 0.6
    slippage: Annotated[float, percent(0.0, 0.2)] = 0.02
    tolerance: Annotated[float, percent(0.001, 0.2)] = 0.01


class PricesShape(Shape):
    """`prices`: when a mark price is believed."""

    band: Annotated[float, percent(0.001, 0.5)] = 0.05
    jump: Annotated[float, percent(0.01, 1.0)] = 0.1
    confirmations: Annotated[int, BeforeValidator(within(whole, 1, 20))] = 3
    waive_at: Annotated[float, percent(0.1, 1.0)] = 0.6


class ApprovalsShape(Shape):
    """`approvals`: how the owner is asked."""

    deadline: Annotated[timedelta, span(timedelta(seconds=10), timedelta(days=1))] = timedelta(minutes=10)
    then: Annotated[Unanswered, BeforeValidator(word_of(Unanswered))] = Unanswered.DROP
    room: Annotated[float, percent(0.0, 1.0)] = 0.2


class StartupShape(Shape):
    """`startup`: what holds after the start."""

    grace: Annotated[timedelta, span(timedelta(0), timedelta(hours=1))] = timedelta(0)


class ChurnShape(Shape):
    """`churn`: when a rule backs off from a position that somebody fills up again."""

    times: Annotated[int, BeforeValidator(within(whole, 1, 100))] = 3
    within: Annotated[timedelta, span(timedelta(seconds=10), timedelta(days=1))] = timedelta(minutes=10)
    pause: Annotated[timedelta, span(timedelta(seconds=1), LONGEST)] = timedelta(minutes=5)


class StrangerMatchShape(Shape):
    """`strangers.match`: which positions and orders a policy is for."""

    account: Patterns = ()
    symbol: Patterns = ()
    side: Annotated[
        tuple[Annotated[Side, BeforeValidator(word_of(Side))], ...], BeforeValidator(_listed)
    ] = ()


class StrangerShape(Shape):
    """One entry of `strangers`."""

    match: StrangerMatchShape = StrangerMatchShape()
    policy: Annotated[Policy | None, BeforeValidator(word_of(Policy))] = None


class LogShape(Shape):
    """`log`: what is logged, and how it looks."""

    format: Annotated[LogFormat, BeforeValidator(word_of(LogFormat))] = LogFormat.PEOPLE
    level: Annotated[LogLevel, BeforeValidator(word_of(LogLevel))] = LogLevel.INFO


class RetentionShape(Shape):
    """`retention`: what of the journal may go once it is old."""

    decisions: Annotated[timedelta | None, span(timedelta(days=1), MAX_DURATION)] = None


class AccountShape(Shape):
    """One account. None and '' stand for keys that are not there."""

    name: Annotated[str, BeforeValidator(_name)] = ""
    venue: Annotated[Venue | None, BeforeValidator(word_of(Venue, LATER_VENUES))] = None
    api_key_env: Variable | None = None
    secret_env: Variable | None = None
    rules: Text | None = None
    base_url: Url | None = None
    tags: Annotated[tuple[Annotated[str, BeforeValidator(_name)], ...], BeforeValidator(_tags)] = ()
    hedged_by: Annotated[str, BeforeValidator(_name)] = ""


class SettingsShape(Shape):
    """The whole file; accounts, and what is told of them, are validated apart."""

    mode: Annotated[Mode, BeforeValidator(word_of(Mode))] = Mode.OBSERVE
    network: Annotated[Network | None, BeforeValidator(word_of(Network))] = None
    live: bool = False
    journal: Annotated[str, BeforeValidator(_journal)] = "reef.db"
    rules: Text = "balanced"
    secrets: Text | None = None
    base_url: Url | None = None
    poll_interval: Annotated[timedelta, span(timedelta(milliseconds=100), timedelta(minutes=5))] = timedelta(
        seconds=2
    )
    reconcile_interval: Annotated[timedelta, span(timedelta(seconds=1), timedelta(hours=1))] = timedelta(
        minutes=1
    )
    housekeeping_interval: Annotated[timedelta, span(timedelta(seconds=10), timedelta(days=1))] = timedelta(
        hours=1
    )
    max_age: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=5))] = timedelta(seconds=10)
    streams: bool = True
    stream_interval: Annotated[timedelta, span(timedelta(milliseconds=100), timedelta(minutes=1))] = (
        timedelta(milliseconds=250)
    )
    stream_move: Annotated[Decimal, _share("0.0001", "0.5")] = Decimal("0.0025")
    stream_silence: Annotated[timedelta, span(timedelta(seconds=2), timedelta(minutes=10))] = timedelta(
        seconds=10
    )
    stream_renewal: Annotated[timedelta, span(timedelta(minutes=1), timedelta(days=1))] = timedelta(
        minutes=30
    )
    lease: Annotated[timedelta, span(timedelta(seconds=20), timedelta(minutes=10))] = timedelta(seconds=30)
    if_journal_fails: Annotated[IfJournalFails, BeforeValidator(word_of(IfJournalFails))] = (
        IfJournalFails.STOP
    )
    budget_dir: Text | None = None
    budget_share: Annotated[float, percent(0.05, 1.0)] = 0.75
    budget_reserve: Annotated[float, percent(0.05, 0.8)] = 0.2
    caps: CapsShape = CapsShape()
    protection: ProtectionShape = ProtectionShape()
    prices: PricesShape = PricesShape()
    approvals: ApprovalsShape = ApprovalsShape()
    startup: StartupShape = StartupShape()
    churn: ChurnShape = ChurnShape()
    strangers: Annotated[tuple[Any, ...], BeforeValidator(_strangers)] = ()
    retention: RetentionShape = RetentionShape()
    log: LogShape = LogShape()
    signals: Annotated[dict[str, Any], BeforeValidator(_signals)] = Field(default_factory=dict)
    accounts: Annotated[tuple[Any, ...], BeforeValidator(_accounts)] = ()
    notifications: Any = None
    heartbeat: Any = None
    metrics: Any = None
