"""Conditions as people write them: a part of CEL, read with the place of every mistake.

    or        := and ("||" and)*                 with an optional "? or : or" behind it
    and       := relation ("&&" relation)*
    relation  := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
    sum       := product (("+" | "-") product)*
    product   := factor (("*" | "/") factor)*
    factor    := ("!" | "-") factor | number | true | false | "(" or ")" | a name

A name is a metric, market("BTC").fall_24h or signal("name"). What CEL has beyond that (functions, loops,
lists, text) is refused, so that a condition is bounded in time and can only compare numbers. Whole numbers
count as doubles, so that `2 * account.leverage` means what it says.
"""

from collections.abc import Callable

from msgspec import Struct

from bot.rules.conditions import Condition, Name
from bot.rules.expression_names import percent_trouble, read_call, read_metric
from bot.rules.tokens import ExpressionError, Kind, Token, words

MAX_EXPRESSION = 500
MAX_DEPTH = 20
MAX_PROGRAM = 4000
_COMPARES = ("<", "<=", ">", ">=", "==", "!=")
_TRUTHS = ("true", "false")
_OPERAND = 'a number, or a name such as account.leverage, market("BTC").fall_24h or signal("name")'
_COMPARISON = "a comparison such as account.leverage > 3"
_SPELT = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}


class Part(Struct, frozen=True):
    """A part of a condition that was read."""

    program: str
    is_truth: bool
    at: int
    name: Name | None = None
    """Where it is a name alone."""
    number: float | None = None
    """Where it is a written number alone."""


def read_expression(text: str) -> tuple[Condition | None, list[ExpressionError]]:
    """Read a condition; None with everything that is wrong, as far as it can be read."""
    if not text.strip():
        return None, [ExpressionError(0, "the condition is empty", _COMPARISON)]
    if len(text) > MAX_EXPRESSION:
        what = f"the condition is longer than {MAX_EXPRESSION} characters"
        return None, [ExpressionError(0, what, "", "write two rules")]
    try:
        reader = _Reader(list(words(text)))
        whole = reader.whole()
    except ExpressionError as error:
        return None, [error]
    if reader.mistakes:
        return None, reader.mistakes
    if not reader.names:
        return None, [ExpressionError(0, "the condition measures nothing", "a name such as account.leverage")]
    if len(whole.program) > MAX_PROGRAM:
        return None, [ExpressionError(0, "too many divisions or == inside of each other", "a simpler one")]
    return Condition(" ".join(text.split()), whole.program, tuple(reader.names.values())), []


class _Reader:
    """Reads words from left to right. What is wrong but can be read over is collected in `mistakes`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self.names: dict[str, Name] = {}
        self.mistakes: list[ExpressionError] = []

    def whole(self) -> Part:
        part = self._choice()
        token = self._token
        if token.kind is not Kind.END:
            raise self._unexpected(token, "an operator such as && or >, or the end")
        self._want(part, truth=True, what="the condition")
        return part

    def _choice(self) -> Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(self._token.at, f"nested deeper than {MAX_DEPTH} levels")
        part = self._logic("||", lambda: self._logic("&&", self._relation))
        if self._takes("?"):
            self._want(part, truth=True, what="what stands before ?")
            first = self._choice()
            self._demand(":")
            second = self._choice()
            if first.is_truth is not second.is_truth:
                self._add(second.at, "one of the two is a number, the other is true or false", "two alike")
            program = f"({part.program} ? {first.program} : {second.program})"
            part = Part(program, first.is_truth, part.at)
        self._depth -= 1
        return part

    def _logic(self, sign: str, inner: Callable[[], Part]) -> Part:
        part = inner()
        while self._takes(sign):
            other = inner()
            for side in (part, other):
                self._want(side, truth=True, what=f"a side of {sign}")
            part = Part(f"({part.program} {sign} {other.program})", True, part.at)
        return part

    def _relation(self) -> Part:
        left = self._series(("+", "-"), lambda: self._series(("*", "/"), self._factor))
        sign = self._token.text
        if not self._takes(*_COMPARES):
            return left
        right = self._series(("+", "-"), lambda: self._series(("*", "/"), self._factor))
        if self._token.kind is Kind.SIGN and self._token.text in _COMPARES:
            raise ExpressionError(self._token.at, "two comparisons in a row", "", "write a < b && b < c")
        return self._compared(left, sign, right)

    def _compared(self, left: Part, sign: str, right: Part) -> Part:
        if sign in ("==", "!=") and left.is_truth and right.is_truth:
            return Part(f"({left.program} {sign} {right.program})", True, left.at)
        for side, other in ((left, right), (right, left)):
            self._want(side, truth=False, what=f"a side of {sign}")
            if side.name is not None and other.number is not None:
                trouble = percent_trouble(side.name, other.number)
                if trouble is not None:
                    self._add(other.at, *trouble)
        program = f"({left.program} {sign} {right.program})"
        if sign in ("==", "!="):  # what is no number must be an error here as in any other comparison
            equal = f"({left.program} <= {right.program} && {left.program} >= {right.program})"
            program = equal if sign == "==" else f"!{equal}"
        return Part(program, True, left.at)

    def _series(self, signs: tuple[str, ...], inner: Callable[[], Part]) -> Part:
        part = inner()
        while (sign := self._token.text) and self._takes(*signs):
            other = inner()
            for side in (part, other):
                self._want(side, truth=False, what=f"a side of {sign}")
            divisor = other.program
            if sign == "/" and other.number == 0.0:
                self._add(other.at, "a division by zero", "a divisor that is not 0")
            elif sign == "/" and other.number is None:
                divisor = f"({divisor} == 0.0 ? double(1 / 0) : {divisor})"
            part = Part(f"({part.program} {sign} {divisor})", False, part.at)
        return part

    def _factor(self) -> Part:
        token = self._token
        if self._takes("!"):
            part = self._deeper()
            self._want(part, truth=True, what="what stands behind !")
            return Part(f"(!{part.program})", True, token.at)
        if self._takes("-"):
            part = self._deeper()
            self._want(part, truth=False, what="what stands behind -")
            number = None if part.number is None else -part.number
            return Part(f"(-{part.program})", False, token.at, number=number)
        if self._takes("("):
            part = self._choice()
            self._demand(")")
            return Part(part.program, part.is_truth, token.at, part.name, part.number)
        return self._operand(token)

    def _deeper(self) -> Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(self._token.at, f"nested deeper than {MAX_DEPTH} levels")
        part = self._factor()
        self._depth -= 1
        return part

    def _operand(self, token: Token) -> Part:
        if token.kind is Kind.NUMBER:
            self._next += 1
            number = float(token.text)
            return Part(repr(number), False, token.at, number=number)
        if token.kind is Kind.TEXT:
            hint = 'text stands only in market("BTC") and signal("name")'
            raise ExpressionError(token.at, f"{token.shown} is text", _OPERAND, hint)
        if token.kind is not Kind.NAME:
            raise self._unexpected(token, _OPERAND)
        if token.text in _TRUTHS:
            self._next += 1
            return Part(token.text, True, token.at)
        return self._named(token)

    def _named(self, token: Token) -> Part:
        """Read a metric, a figure of a market or a signal."""
        dotted = self._dotted()
        if self._token.text == "(" and self._token.kind is Kind.SIGN:
            name = read_call(token, dotted, self._argument, self._dotted)
        else:
            name = read_metric(token, dotted)
        if isinstance(name, ExpressionError):
            self.mistakes.append(name)
            return Part("0.0", False, token.at)
        self.names.setdefault(name.variable, name)
        return Part(name.variable, False, token.at, name=name)

    def _dotted(self) -> str:
        """Take a name with its dots, '' where there is none; a leading dot is taken too."""
        taken = ""
        while self._token.kind is Kind.NAME or (self._token.kind is Kind.SIGN and self._token.text == "."):
            if self._token.kind is Kind.NAME and taken and not taken.endswith("."):
                break
            taken += self._token.text
            self._next += 1
        return taken

    def _argument(self) -> Token:
        """Take the one text in brackets."""
        self._demand("(")
        token = self._token
        if token.kind is not Kind.TEXT:
            raise ExpressionError(token.at, f"{token.shown} is not text", 'text in quotes such as "BTC"')
        self._next += 1
        self._demand(")")
        return token

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _takes(self, *signs: str) -> bool:
        token = self._token
        if token.kind is not Kind.SIGN or token.text not in signs:
            return False
        self._next += 1
        return True

    def _demand(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._unexpected(self._token, sign)

    def _unexpected(self, token: Token, expected: str) -> ExpressionError:
        hint = f"write {_SPELT[token.text]}" if token.kind is Kind.NAME and token.text in _SPELT else ""
        return ExpressionError(token.at, f"{token.shown} is not right here", expected, hint)

    def _want(self, part: Part, *, truth: bool, what: str) -> None:
        if part.is_truth is truth:
            return
        if truth:
            self._add(part.at, f"{what} is a number", _COMPARISON)
        else:
            self._add(part.at, f"{what} is true or false", "a number")

    def _add(self, at: int, what: str, expected: str = "", hint: str = "") -> None:
        self.mistakes.append(ExpressionError(at, what, expected, hint))
