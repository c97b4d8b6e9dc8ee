"""YAML with the place of every key and value."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError

from bot.documents.mistakes import DocumentError, Mistake, MistakesError, shown
from bot.documents.places import place_inside

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value")}
_TAG = "tag:yaml.org,2002:"

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of a document, for example ("rules", 0, "max")."""


class Place(Struct, frozen=True):
    """Line and column in a file, from 1."""

    line: int
    column: int


class Document(Struct, frozen=True):
    """A YAML file as plain data (dict, list, str, int, float, bool, None), with places."""

    name: str
    text: str
    data: object
    values: dict[KeyPath, Place]
    keys: dict[KeyPath, Place]

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Return where the value (or with `key` the key) at `path` stands, else the nearest above it."""
        table = self.keys if key else self.values
        steps = tuple(path)
        if steps in table:
            return table[steps]
        while steps not in self.values:
            steps = steps[:-1]
        return self.values[steps]

    def mistake(
        self, path: Sequence[str | int], what: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> Mistake:
        """Return a mistake at the place of `path`."""
        place = self.place(path, key=key)
        return Mistake(self.name, place.line, place.column, what, expected, hint)

    def mistake_inside(
        self, path: Sequence[str | int], offset: int, what: str, expected: str = "", hint: str = ""
    ) -> Mistake:
        """Return a mistake at a character of the text at `path`."""
        place, value = self.place(path), self.data
        for step in path:
            value = value[step]  # type: ignore[index]
        lines = self.text.split("\n")
        line, column = place_inside(lines, place.line, place.column, str(value), offset)
        return Mistake(self.name, line, column, what, expected, hint)


def read_document(path: Path, name: str | None = None) -> Document:
    """Read a YAML file. Raises `MistakesError`, as `DocumentError` where the file itself cannot be read.

    `name` stands for the file in mistakes; the path as given by default.
    """
    return parse_document(read_text(path, name), name or str(path))


def read_text(path: Path, name: str | None = None) -> str:
    """Read a small UTF-8 file. Raises `DocumentError`."""
    shown_name = name or str(path)
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DocumentError(shown_name, "there is no such file") from None
    except IsADirectoryError:
        raise DocumentError(shown_name, "this is a directory", expected="a YAML file") from None
    except OSError as error:
        raise DocumentError(shown_name, f"the file cannot be read: {error.strerror}") from None
    if len(body) > MAX_BYTES:
        raise DocumentError(shown_name, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        raise DocumentError(shown_name, "the text is not UTF-8", line=line, column=column) from None


def parse_document(text: str, name: str) -> Document:
    """Parse YAML text. Raises `DocumentError` for bad YAML, `MistakesError` for doubled keys and the like.

    One document only. Anchors, aliases and tags are refused: every value stands where it is used.
    Dates stay text. Keys are text.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = partial(_PlainParser, name)
    try:
        node = yaml.compose(text)
    except YAMLError as error:
        raise _syntax_error(error, text, name) from None
    if node is None:
        raise DocumentError(name, "the file is empty")
    builder = _Builder(yaml, name)
    data = builder.build(node, ())
    if builder.mistakes:
        raise MistakesError(builder.mistakes)
    return Document(name, text, data, builder.values, builder.keys)


class _PlainParser(Parser):
    """Refuses anchors, aliases and what is nested too deeply, as it comes: before anything is made of it."""

    def __init__(self, name: str, loader: Any) -> None:
        super().__init__(loader)
        self._name = name
        self._depth = 0

    def get_event(self) -> Any:
        event = super().get_event()
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            hint = "put quotes around a pattern that begins with *"
            raise self._refused(event, "anchors and aliases are not supported", hint)
        if isinstance(event, CollectionStartEvent):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise self._refused(event, f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, CollectionEndEvent):
            self._depth -= 1
        return event

    def _refused(self, event: Any, what: str, hint: str = "") -> DocumentError:
        mark = event.start_mark
        return DocumentError(self._name, what, line=mark.line + 1, column=mark.column + 1, hint=hint)


def _syntax_error(error: YAMLError, text: str, name: str) -> DocumentError:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        return DocumentError(name, "there is a control character", line=line, column=column)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    parts = (getattr(error, "context", None), getattr(error, "problem", None))
    problem = " ".join(str(part) for part in parts if part)
    hint = ""
    if "'\\t'" in problem:
        problem, hint = "a tab is used for indentation", "use spaces"
    elif "mapping values are not allowed" in problem:
        hint = "is a line indented wrongly, or does a text with ': ' need quotes?"
    elif "cannot start any token" in problem:
        hint = "put quotes around the text"
    return DocumentError(name, f"not YAML: {problem}", line=line, column=column, hint=hint)


class _Builder:
    """Turns nodes into plain data and remembers where each stands."""

    def __init__(self, yaml: YAML, name: str) -> None:
        self._yaml = yaml
        self._name = name
        self.values: dict[KeyPath, Place] = {}
        self.keys: dict[KeyPath, Place] = {}
        self.mistakes: list[Mistake] = []

    def build(self, node: Node, path: KeyPath) -> object:
        self.values[path] = _place(node)
        tag = str(node.tag)
        if isinstance(node, MappingNode) and tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and tag == f"{_TAG}seq":
            return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        built: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                self._refuse(key_node, f"the key {shown(key_node.value)} is not text", "put quotes around it")
                continue
            inner = (*path, key)
            if key in built:
                self._refuse(key_node, f"{key!r} is given twice, first in line {self.keys[inner].line}")
                continue
            self.keys[inner] = _place(key_node)
            built[key] = self.build(value_node, inner)
        return built

    def _scalar(self, node: Node) -> object:
        tag = str(node.tag)
        if tag in _PLAIN_TAGS:
            return str(node.value)
        if tag not in {f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float")}:
            self._refuse(node, f"the tag {tag.replace(_TAG, '!!')} is not supported")
            return None
        try:
            built: object = self._yaml.constructor.construct_object(node)
        except ValueError:
            self._refuse(node, f"{shown(node.value)} is not a number")
            return None
        return built

    def _refuse(self, node: Node, what: str, hint: str = "") -> None:
        place = _place(node)
        self.mistakes.append(Mistake(self._name, place.line, place.column, what, "", hint))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
