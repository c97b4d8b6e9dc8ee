"""Whether a fault can be armed as it is asked for."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, get_type_hints

import msgspec

from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.kinds import Kind

LONGEST_S = 86_400.0

_TYPES = get_type_hints(Fault)


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong with one field of a fault."""

    field: str
    message: str


def read_fault(kinds: Mapping[str, Kind], body: Mapping[str, Any]) -> Fault:
    """A fault from a JSON object. Raises FaultError with all that is wrong."""
    mistakes = find_mistakes(kinds, body)
    if not mistakes:
        return msgspec.convert(body, Fault)
    told = "; ".join(mistake.message for mistake in mistakes)
    raise FaultError(told if mistakes[0].field == "name" else f"fault {body['name']!r}: {told}")


def find_mistakes(kinds: Mapping[str, Kind], body: Mapping[str, Any]) -> list[Mistake]:
    """Everything that is wrong with a fault; with a name that cannot be armed, only that."""
    name = body.get("name")
    if not isinstance(name, str) or name not in kinds:
        return [Mistake("name", unknown(kinds, name))]
    kind = kinds[name]
    if kind.by_hand:
        words = f"fault {name!r} is not the venue's and cannot be armed here: {kind.by_hand}"
        return [Mistake("name", words)]
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for field, value in body.items():
        if field not in ("name", *kind.uses):
            mistakes.append(Mistake(field, _strange(kind, field)))
            continue
        try:
            values[field] = msgspec.convert(value, _TYPES[field])
        except msgspec.ValidationError as error:
            mistakes.append(Mistake(field, f"{field}: {error}"))
    fault = Fault(**values)
    wrong = [*_out_of_range(kind, fault), *_missing(kind, body, fault)]
    if not mistakes and not wrong and (problem := kind.check(fault)):
        wrong.append(Mistake(problem.partition(" ")[0], problem))
    return mistakes + wrong


def unknown(kinds: Mapping[str, Kind], name: object) -> str:
    """The sentence about a name that no kind has."""
    known = ", ".join(sorted(kinds))
    near = get_close_matches(name, kinds, n=1) if isinstance(name, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown fault {name!r}.{hint} Known faults: {known}."


def not_decimal(fault: Fault) -> str:
    """What is wrong with a `value` that has to be a finite decimal, or ''."""
    try:
        finite = Decimal(fault.value).is_finite()
    except InvalidOperation:
        finite = False
    return "" if finite else f"value must be a decimal as text, got {fault.value!r}"


def not_count(fault: Fault) -> str:
    """What is wrong with a `value` that has to be a whole number from 1 on, or ''."""
    good = fault.value.isascii() and fault.value.isdigit() and int(fault.value) > 0
    return "" if good else f"value must be a whole number from 1 on, as text, got {fault.value!r}"


def _strange(kind: Kind, field: str) -> str:
    near = get_close_matches(field, kind.uses, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(kind.uses) or 'no field'}"
    return f"{field} means nothing to it{hint}"


def _missing(kind: Kind, body: Mapping[str, Any], fault: Fault) -> list[Mistake]:
    given = msgspec.structs.asdict(fault)
    absent = [field for field in kind.needs if given[field] in (None, "") and not body.get(field)]
    return [Mistake(field, f"{field} is needed") for field in absent]


def _out_of_range(kind: Kind, fault: Fault) -> list[Mistake]:
    seconds, share, count = fault.seconds, fault.share, fault.count
    known = ", ".join(kind.variants)
    rules = {
        "count": (count is None or count >= 1, "count must be 1 or more"),
        "probability": (0.0 < fault.probability <= 1.0, "probability must be above 0 and at most 1"),
        "seconds": (
            seconds is None or 0.0 <= seconds <= LONGEST_S,
            f"seconds must lie between 0 and {LONGEST_S:.0f}",
        ),
        "status": (400 <= fault.status <= 599, "status must be an HTTP error, 400 to 599"),
        "share": (share is None or -1 <= share <= 1, "share must lie between -1 and 1"),
        "variant": (
            fault.variant in ("", *kind.variants),
            f"variant must be one of {known}, got {fault.variant!r}",
        ),
    }
    return [Mistake(field, message) for field, (good, message) in rules.items() if not good]
