"""YAML written by people: where every word stands, what was meant, and all mistakes at once."""

from bot.documents.mistakes import (
    DocumentError,
    Mistake,
    MistakesError,
    nearest,
    nearest_hint,
    shown,
)
from bot.documents.quantities import (
    WordingError,
    parse_duration,
    parse_fraction,
    parse_multiple,
    parse_number,
    parse_share,
    plain_percent,
    show_duration,
)
from bot.documents.reading import Document, KeyPath, Place, parse_document, read_document, read_text
from bot.documents.shapes import LATER, Checked, Shape, Words, check_shape, show_percent, within, word_of

__all__ = [
    "LATER",
    "Checked",
    "Document",
    "DocumentError",
    "KeyPath",
    "Mistake",
    "MistakesError",
    "Place",
    "Shape",
    "WordingError",
    "Words",
    "check_shape",
    "nearest",
    "nearest_hint",
    "parse_document",
    "parse_duration",
    "parse_fraction",
    "parse_multiple",
    "parse_number",
    "parse_share",
    "plain_percent",
    "read_document",
    "read_text",
    "show_duration",
    "show_percent",
    "shown",
    "within",
    "word_of",
]
