"""What a JSON Schema of rules is made of: numbers, percentages and durations as people write them."""

from collections.abc import Iterable
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

_NUMBER = r"[+-]?([0-9][0-9_]*)?(\.[0-9]+)?"
PERCENT: Schema = {
    "anyOf": [
        {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*%\s*$"},
        {"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1},
    ]
}
PLAIN: Schema = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*[kKmMxX]?\s*$"}]
}
DURATION: Schema = {
    "anyOf": [{"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(d|h|ms|m|s)\s*)+$"}, {"const": 0}]
}


def told(schema: Schema, description: str) -> Schema:
    """Add a hint."""
    return {"description": description, **schema}


def mapping(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """Return a mapping that knows no other key."""
    made: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**made, "required": list(required)} if required else made


def list_of(item: Schema, most: int | None = None, *, unique: bool = False) -> Schema:
    """Return a list of at least one."""
    made: Schema = {"type": "array", "items": item, "minItems": 1}
    if most is not None:
        made["maxItems"] = most
    return {**made, "uniqueItems": True} if unique else made


def one_or_many(item: Schema) -> Schema:
    """Return one of it, or a list."""
    return {"anyOf": [item, list_of(item)]}


def words_of(words: Iterable[object]) -> Schema:
    """Return a choice of words."""
    return {"enum": [str(word) for word in words]}
