"""Whether a fault can be armed as it is asked for."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

import msgspec

from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.kinds import Kind

LONGEST_S = 86_400.0


def read_fault(kinds: Mapping[str, Kind], body: Mapping[str, Any]) -> Fault:
    """A fault from a JSON object. Raises FaultError with all that is wrong."""
    name = body.get("name")
    if not isinstance(name, str) or name not in kinds:
        raise FaultError(unknown(kinds, name))
    kind = kinds[name]
    if kind.by_hand:
        raise FaultError(f"fault {name!r} is not the venue's and cannot be armed here: {kind.by_hand}")
    strange = [field for field in body if field in Fault.__struct_fields__ and field not in _taken(kind)]
    if strange:
        raise FaultError(
            f"fault {name!r}: {', '.join(strange)} means nothing to it; it takes {', '.join(kind.uses)}"
        )
    try:
        fault = msgspec.convert(body, Fault)
    except msgspec.ValidationError as error:
        raise FaultError(f"fault {name!r}: {error}") from None
    problems = _problems(kind, fault)
    if problems:
        raise FaultError(f"fault {name!r}: {'; '.join(problems)}")
    return fault


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


def _taken(kind: Kind) -> tuple[str, ...]:
    return ("name", *kind.uses)


def _problems(kind: Kind, fault: Fault) -> list[str]:
    problems = []
    if fault.count is not None and fault.count < 1:
        problems.append("count must be 1 or more")
    if not 0.0 < fault.probability <= 1.0:
        problems.append("probability must be above 0 and at most 1")
    if fault.seconds is not None and not 0.0 <= fault.seconds <= LONGEST_S:
        problems.append(f"seconds must lie between 0 and {LONGEST_S:.0f}")
    if not 400 <= fault.status <= 599:
        problems.append("status must be an HTTP error, 400 to 599")
    if fault.share is not None and not 0 <= fault.share <= 1:
        problems.append("share must lie between 0 and 1")
    if fault.variant and fault.variant not in kind.variants:
        problems.append(f"variant must be one of {', '.join(kind.variants)}, got {fault.variant!r}")
    given = msgspec.structs.asdict(fault)
    missing = [field for field in kind.needs if given[field] in (None, "")]
    problems.extend(f"{field} is needed" for field in missing)
    problem = "" if missing else kind.check(fault)
    return [*problems, problem] if problem else problems
