"""Conditions as values, and whether they are true: CEL over numbers that were measured before.

A condition cannot do anything but compare: its program holds variables, numbers, truth and operators alone,
and the context that it runs in holds nothing but numbers, no functions.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from bot.model import Number, Surroundings, Unknown

if TYPE_CHECKING:
    import cel


class Source(StrEnum):
    """Where the number behind a name comes from."""

    ACCOUNT = "account"
    POSITION = "position"
    MARKET = "market"
    SIGNAL = "signal"


class Name(Struct, frozen=True, order=True):
    """A number that a condition mentions."""

    text: str
    """As it is told, for example market("BTC").fall_24h."""
    source: Source
    variable: str
    """What it is called in the program."""
    of: str = ""
    """Base currency of a market, or name of a signal."""
    figure: str = ""
    """The market's figure."""


class Condition(Struct, frozen=True):
    """What a rule's `when` says."""

    text: str
    """On one line."""
    program: str
    """The same with variables for names: all numbers are doubles, and a divisor of 0 is an error."""
    names: tuple[Name, ...]
    """In the order in which they are mentioned first."""

    @property
    def of_position(self) -> bool:
        """Whether it asks for figures of a position."""
        return any(name.source is Source.POSITION for name in self.names)

    @property
    def of_account(self) -> tuple[str, ...]:
        """The metrics of the account or a position that it asks for."""
        own = (Source.ACCOUNT, Source.POSITION)
        return tuple(name.text for name in self.names if name.source in own)


Truth: TypeAlias = bool | Unknown
Program: TypeAlias = Callable[["cel.Context"], bool]
Measure: TypeAlias = Callable[[str, str], Number]
"""Measures a metric without parameters; the second argument is the position's key, '' for the account."""


@lru_cache(maxsize=1024)
def compiled(program: str) -> Program:
    """Compile a program once for the life of the process; what is returned runs it."""
    import cel  # a quarter of a second to import, and most rules have no condition

    return cel.compile(program).execute


class Conditions:
    """Judges conditions in one evaluation, in one context.

    A number is put into the context when it changes: once for the account, markets and signals, once for each
    position.
    """

    def __init__(self, measure: Measure, surroundings: Surroundings) -> None:
        self._measure = measure
        self._surroundings = surroundings
        self._numbers: dict[tuple[str, str], Number] = {}
        self._unknown: dict[str, Unknown] = {}
        self._set_for: dict[str, str] = {}

    @cached_property
    def _context(self) -> "cel.Context":
        import cel

        return cel.Context()

    def truth(self, condition: Condition, key: str) -> Truth:
        """Say whether a condition is true for the position `key`, or for the account where it is ''.

        Unknown where any number that it mentions is, or where it cannot be computed.
        """
        return self.judge((key,), (condition,))[0][0]

    def judge(self, keys: Sequence[str], asked: Sequence[Condition]) -> list[tuple[Truth, ...]]:
        """Judge conditions on targets; what comes out is by condition, then by target, in their order.

        Every number that a target has is handed over before any condition runs on it.
        """
        names = list({name.variable: name for condition in asked for name in condition.names}.values())
        programs = [compiled(condition.program) for condition in asked]
        context, rows = self._context, []
        for key in keys:
            for name in names:
                where = key if name.source is Source.POSITION else ""
                if self._set_for.get(name.variable) != where:
                    self._set(name, where)
            rows.append(self._row(asked, programs, context))
        return list(zip(*rows, strict=True))

    def _row(
        self, asked: Sequence[Condition], programs: Sequence[Program], context: "cel.Context"
    ) -> Sequence[Truth]:
        if not self._unknown:
            try:
                return [program(context) for program in programs]
            except (ZeroDivisionError, TypeError):
                pass  # which of them it was is told one by one
        return [self._one(condition) for condition in asked]

    def _one(self, condition: Condition) -> Truth:
        for name in condition.names if self._unknown else ():
            missing = self._unknown.get(name.variable)
            if missing is not None:
                return Unknown(f"{name.text}: {missing.reason}")
        try:
            return compiled(condition.program)(self._context)
        except ZeroDivisionError:
            return Unknown(f"a division by zero in {condition.text}")
        except TypeError:
            return Unknown(f"numbers too large to be compared in {condition.text}")

    def saw(self, condition: Condition, key: str) -> tuple[tuple[Name, Number], ...]:
        """Return the names in a condition, each with its number."""
        return tuple(
            (name, self._number(name, key if name.source is Source.POSITION else ""))
            for name in condition.names
        )

    def _set(self, name: Name, where: str) -> None:
        number = self._number(name, where)
        self._set_for[name.variable] = where
        if isinstance(number, Unknown):
            self._unknown[name.variable] = number
        else:
            self._unknown.pop(name.variable, None)
            self._context.add_variable(name.variable, float(number))

    def _number(self, name: Name, where: str) -> Number:
        found = self._numbers.get((name.variable, where))
        if found is None:
            found = self._numbers[name.variable, where] = self._read(name, where)
        return found

    def _read(self, name: Name, where: str) -> Number:
        if name.source is Source.MARKET:
            number = self._surroundings.market(name.of, name.figure)
        elif name.source is Source.SIGNAL:
            number = self._surroundings.signal(name.of)
        else:
            return self._measure(name.text, where)
        return finite(name.text, number)


def finite(what: str, number: Number) -> Number:
    """Return a number that can be compared, else Unknown with the reason."""
    if isinstance(number, Unknown) or abs(number) < float("inf"):
        return number
    return Unknown(f"{what} is not a number")
