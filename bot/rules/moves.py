"""The parts of a rule for actions that are no orders: their shape, what goes with what, and their terms."""

from collections.abc import Set
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator

from bot.documents import (
    Shape,
    WordingError,
    Words,
    parse_fraction,
    parse_number,
    percent,
    shown,
    within,
    word_of,
)
from bot.model import Action, Keep, MarginTerms, MoveTerms, SecureTerms, Stable, Wallet
from bot.risk.definitions import MARGIN_HELPS, MetricDefinition

SECURED_BY = (
    "account.available",
    "account.equity",
    "account.leverage",
    "account.net_leverage",
    "account.drawdown",
    "account.daily_loss",
)
"""Metrics on which money may be moved out: none of them is of how near liquidation is."""

MOST_LEVERAGE = 200.0
MOST_MONEY = 1e12


def _keep(value: object) -> Keep:
    """Read what stays: a share of equity with %, or USD."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return Keep(share=within(parse_fraction, 0.0, 10.0, lambda share: f"{share:.0%}")(value))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WordingError(f"{shown(value)} is not an amount", "USD such as 2000, or a share such as 30%")
    usd = float(parse_number(value))
    if not 0.0 <= usd <= MOST_MONEY:
        raise WordingError(f"{shown(value)} is out of range", f"0 to {MOST_MONEY:g}")
    return Keep(usd=usd)


def _money(value: object) -> float:
    usd = float(parse_number(value))
    if not 1.0 <= usd <= MOST_MONEY:
        raise WordingError(f"{shown(value)} is out of range", f"1 to {MOST_MONEY:g}")
    return usd


def _leverage(value: object) -> float:
    text = value.strip().removesuffix("x") if isinstance(value, str) else value
    number = float(parse_number(text))
    if not 1.0 <= number <= MOST_LEVERAGE:
        raise WordingError(f"{shown(value)} is out of range", f"1 to {MOST_LEVERAGE:g}")
    return number


KeepWord = Annotated[Any, BeforeValidator(_keep)]
Money = Annotated[float, BeforeValidator(_money)]


class AddMarginShape(Shape):
    """`add_margin`: how margin is added to isolated positions."""

    max_share: Annotated[float, percent(0.01, 1.0)] = 0.3
    max_per_day: Money | None = None
    keep: KeepWord = Keep(share=0.05)


class LowerLeverageShape(Shape):
    """`lower_leverage`: where the venue's setting goes."""

    to: Annotated[float, BeforeValidator(_leverage)] = 0.0


class SecureShape(Shape):
    """`secure`: what is moved out of reach of the positions."""

    keep: KeepWord = None
    to: Annotated[Wallet, BeforeValidator(word_of(Wallet))] = Wallet.FUND
    convert: bool = False
    stable: Annotated[Stable, BeforeValidator(word_of(Stable))] = Stable.USDT
    max_per_day: Money | None = None
    max_slippage: Annotated[float, percent(0.0001, 0.1)] = 0.005


class HasMoves(Protocol):
    """A rule's shape. None stands for a part that is not there."""

    @property
    def add_margin(self) -> AddMarginShape | None: ...

    @property
    def lower_leverage(self) -> LowerLeverageShape | None: ...

    @property
    def secure(self) -> SecureShape | None: ...


MOVE_WORDS: Words = {
    ("add_margin",): AddMarginShape.known_keys(),
    ("lower_leverage",): LowerLeverageShape.known_keys(),
    ("secure",): SecureShape.known_keys(),
}

Found = tuple[tuple[str | int, ...], str, str]
"""Where something is wrong, what, and what was expected."""


def action_mistakes(number: int, action: Action, definition: MetricDefinition) -> list[Found]:
    """Say what is wrong with an action for a metric."""
    place = ("do", number)
    if action is Action.ADD_MARGIN and definition.name not in MARGIN_HELPS:
        what = f"do: more margin does not move {definition.name}"
        return [(place, what, f"a metric such as {', '.join(MARGIN_HELPS[-4:-2])}")]
    if action is Action.SECURE and definition.name not in SECURED_BY:
        what = f"do: money is not moved out on {definition.name}"
        return [(place, what, f"one of {', '.join(SECURED_BY)}")]
    trades = action in (Action.TRIM, Action.CLOSE_ALL)
    if trades and definition.name == "account.available":
        return [(place, f"do: to {action.value} only makes {definition.name} larger", "notify or secure")]
    return []


def part_mistakes(moves: HasMoves, do: tuple[Action, ...], broken: Set[str]) -> list[Found]:
    """Say what is missing, or there without its action; nothing of parts that are `broken` anyway."""
    if "do" in broken:
        return []
    found: list[Found] = []
    asked = frozenset(do) - broken
    parts = {
        Action.ADD_MARGIN: moves.add_margin,
        Action.LOWER_LEVERAGE: moves.lower_leverage,
        Action.SECURE: moves.secure,
    }
    for action, part in parts.items():
        if part is not None and action not in do:
            found.append(((action.value,), f"{action.value}: there is no {action.value} in do", ""))
    if Action.LOWER_LEVERAGE in asked and (moves.lower_leverage is None or not moves.lower_leverage.to):
        what = "'lower_leverage.to' is missing: the leverage to set"
        found.append(((), what, "lower_leverage: {to: 5}"))
    if Action.SECURE in asked and (moves.secure is None or moves.secure.keep is None):
        what = "'secure.keep' is missing: the free margin that stays"
        found.append(((), what, "secure: {keep: 2000} or secure: {keep: 50%}"))
    if Action.SECURE in do and {Action.TRIM, Action.CLOSE_ALL} & set(do):
        what = "do: secure takes strength from the account, and the rest of the list gives it some"
        found.append((("do",), what, "two rules"))
    return found


def terms_of(moves: HasMoves) -> MoveTerms:
    """Return the terms that the planner works with."""
    margin, lower, secure = moves.add_margin or AddMarginShape(), moves.lower_leverage, moves.secure
    return MoveTerms(
        margin=MarginTerms(margin.max_share, margin.max_per_day, margin.keep),
        leverage_to=0.0 if lower is None else lower.to,
        secure=None if secure is None else _secured(secure),
    )


def _secured(shape: SecureShape) -> SecureTerms:
    return SecureTerms(
        keep=shape.keep or Keep(),
        to=shape.to,
        convert=shape.convert,
        stable=shape.stable,
        max_per_day=shape.max_per_day,
        max_slippage=shape.max_slippage,
    )
