"""The rules in the tempo of the demo: where the market runs faster, so do the durations of its rules."""

from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from bot.documents import parse_duration

DURATIONS = frozenset({"for", "cooldown", "escalate_after"})


def hastened(text: str, speed: float, name: str) -> str:
    """A rule file with every duration divided by `speed`, to the millisecond; nothing else is changed."""
    yaml = YAML(typ="rt")
    document = yaml.load(text)
    _divide(document, speed)
    out = StringIO()
    out.write(f"# The {name}; its durations are divided by {speed:g}, as the market is as much faster.\n")
    yaml.dump(document, out)
    return out.getvalue()


def _divide(node: object, speed: float) -> None:
    if isinstance(node, CommentedSeq):
        for one in node:
            _divide(one, speed)
    elif isinstance(node, CommentedMap):
        for key, value in node.items():
            if key in DURATIONS:
                node[key] = f"{round(parse_duration(value).total_seconds() / speed * 1000)}ms"
            else:
                _divide(value, speed)
