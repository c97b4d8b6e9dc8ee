"""Every field of config and rules, each with what is no value for it: refused, with its place."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.documents import Mistake, MistakesError, Shape
from bot.model import Sense
from bot.risk.definitions import METRICS, MetricDefinition, Unit
from bot.rules import load_rules_text
from bot.rules.hedges import HedgeShape, OptionShape
from bot.rules.moves import AddMarginShape, LowerLeverageShape, SecureShape
from bot.rules.schema import DefaultsShape, FileShape, IfBlindShape, MatchShape, RuleShape, TrimShape
from bot.rules.schema_hours import ActiveShape
from bot.settings import load_settings
from bot.settings.notice_shapes import (
    ChannelShape,
    HeartbeatShape,
    MetricsShape,
    NotificationsShape,
    QuietShape,
    RouteShape,
    SummaryShape,
)
from bot.settings.shapes import (
    AccountShape,
    ApprovalsShape,
    CapsShape,
    ChurnShape,
    LogShape,
    PricesShape,
    ProtectionShape,
    RetentionShape,
    SettingsShape,
    StartupShape,
    StrangerMatchShape,
    StrangerShape,
)
from bot.settings.signals import SignalShape

KEYS = {"REEF_MAIN_API_KEY": "key", "REEF_MAIN_SECRET": "secret", "REEF_NOTIFY_A": "json://127.0.0.1:1/x"}
Steps = tuple[str | int, ...]

SETTINGS: dict[Steps, type[Shape]] = {
    (): SettingsShape,
    ("caps",): CapsShape,
    ("protection",): ProtectionShape,
    ("prices",): PricesShape,
    ("approvals",): ApprovalsShape,
    ("startup",): StartupShape,
    ("churn",): ChurnShape,
    ("retention",): RetentionShape,
    ("log",): LogShape,
    ("accounts", 0): AccountShape,
    ("strangers", 0): StrangerShape,
    ("strangers", 0, "match"): StrangerMatchShape,
    ("signals", "x"): SignalShape,
    ("notifications",): NotificationsShape,
    ("notifications", "channels", "a"): ChannelShape,
    ("notifications", "routes", 0): RouteShape,
    ("notifications", "quiet"): QuietShape,
    ("notifications", "summary"): SummaryShape,
    ("heartbeat",): HeartbeatShape,
    ("metrics",): MetricsShape,
}
RULES: dict[Steps, type[Shape]] = {
    (): FileShape,
    ("defaults",): DefaultsShape,
    ("rules", 0): RuleShape,
    ("rules", 0, "match"): MatchShape,
    ("rules", 0, "trim"): TrimShape,
    ("rules", 0, "add_margin"): AddMarginShape,
    ("rules", 0, "lower_leverage"): LowerLeverageShape,
    ("rules", 0, "secure"): SecureShape,
    ("rules", 0, "hedge"): HedgeShape,
    ("rules", 0, "hedge", "put"): OptionShape,
    ("rules", 0, "hedge", "call"): OptionShape,
    ("rules", 0, "if_blind"): IfBlindShape,
    ("rules", 0, "active"): ActiveShape,
}
"""Where each shape stands."""


def right_settings() -> dict[str, Any]:
    return {
        "network": "testnet",
        "accounts": [{"name": "main", "venue": "bybit"}],
        "strangers": [{"match": {"symbol": "ETH*"}, "policy": "watch"}],
        "signals": {"x": {"file": "x.txt", "max_age": "1h"}},
        "notifications": {
            "channels": {"a": {}},
            "routes": [{"channels": ["a"]}],
            "quiet": {"from": "22:00", "to": "07:00"},
            "summary": {"at": "08:00"},
        },
    }


def right_rules() -> dict[str, Any]:
    limits = {"max": 5, "restore": 4}
    return {
        "version": 1,
        "rules": [{"name": "a", "metric": "account.leverage", **limits, "do": ["notify"]}],
    }


def put(document: dict[str, Any], steps: Steps, key: str, value: object) -> None:
    """Write a field, and the mappings on the way to it."""
    place: Any = document
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(step, str) else place[step]
    place[key] = value


def mistakes(document: dict[str, Any], *, rules: bool, folder: Path) -> tuple[Mistake, ...]:
    """What is said of a document; () where it is right."""
    text = json.dumps(document, indent=1)  # JSON is YAML, and quick to write
    try:
        if rules:
            load_rules_text(text, "r")
        else:
            path = folder / "reef.yaml"
            path.write_text(text)
            load_settings(path, KEYS)
    except MistakesError as error:
        return error.mistakes
    return ()


def fields(shapes: Mapping[Steps, type[Shape]]) -> Iterator[tuple[Steps, str]]:
    for steps, shape in shapes.items():
        for key in shape.known_keys():
            yield steps, key


PLACES = [(False, *one) for one in fields(SETTINGS)] + [(True, *one) for one in fields(RULES)]
ODD: dict[str, object] = {
    "mapping": {"bananas": 1},
    "list": [[1], [1]],
    "word": "bananas ?",
    "huge": 1e300,
    "negative": -1e300,
    "truth": True,
}
TEXT = {
    "journal",
    "rules",
    "secrets",
    "budget_dir",
    "symbol",
    "file",
    "path",
    "at",
    "account",
    "venue",
    "rule",
    "tags",
    "name",
}
"""Fields that some file, name or pattern of any text could be right for."""
PATTERNS = {("trim", "keep")}
"""Fields of one name with others, that any text could be right for."""
SWITCHES = {"live", "streams", "enabled", "approve", "convert"}
MONEY = {"keep"}
"""Fields that take USD as well as a share."""
BOUNDLESS = {("max", "huge"), ("if_stale", "huge"), ("if_stale", "negative")}
"""A limit, or a number that stands in for a signal, may be any number."""


def named(found: tuple[Mistake, ...], key: str) -> list[Mistake]:
    """Those that tell the place and the field, or the entry below it that is odd."""
    words = (key, "bananas", "this: ")
    return [one for one in found if one.line and one.column and any(word in one.what for word in words)]


def may_be_right(steps: Steps, key: str, kind: str, value: object) -> bool:
    free = isinstance(value, str) and (key in TEXT or (*steps[-1:], key) in PATTERNS)
    return free or (value is True and key in SWITCHES) or (key, kind) in BOUNDLESS


def test_what_the_fields_are_put_into_is_right(tmp_path: Path) -> None:
    assert mistakes(right_settings(), rules=False, folder=tmp_path) == ()
    assert mistakes(right_rules(), rules=True, folder=tmp_path) == ()


def test_every_shape_is_tried() -> None:
    def below(shape: type[Shape]) -> set[type[Shape]]:
        return {shape}.union(*(below(one) for one in shape.__subclasses__()))

    known = {one for one in below(Shape) if one.__module__.startswith(("bot.settings", "bot.rules"))}
    assert known == {*SETTINGS.values(), *RULES.values()}


@pytest.mark.parametrize(
    ("rules", "steps", "key"),
    PLACES,
    ids=lambda one: ".".join(map(str, one)) if isinstance(one, tuple) else None,
)
def test_what_is_no_value_is_refused_where_it_stands(
    rules: bool, steps: Steps, key: str, tmp_path: Path
) -> None:
    for kind, value in ODD.items():
        document = right_rules() if rules else right_settings()
        put(document, steps, key, value)
        found = mistakes(document, rules=rules, folder=tmp_path)
        assert named(found, key) or may_be_right(steps, key, kind, value), (kind, found)


@pytest.mark.parametrize(
    ("rules", "steps"), [(False, one) for one in SETTINGS] + [(True, one) for one in RULES]
)
def test_an_unknown_key_is_refused_where_it_stands(rules: bool, steps: Steps, tmp_path: Path) -> None:
    document = right_rules() if rules else right_settings()
    put(document, steps, "bananas", 1)
    found = mistakes(document, rules=rules, folder=tmp_path)
    assert [one for one in found if one.line and "unknown key 'bananas'" in one.what], found


def test_a_bare_15_is_no_percentage_anywhere(tmp_path: Path) -> None:
    def takes(rules: bool, steps: Steps, key: str, value: object) -> tuple[bool, str]:
        document = right_rules() if rules else right_settings()
        put(document, steps, key, value)
        found = [one for one in mistakes(document, rules=rules, folder=tmp_path) if f"{key}:" in one.what]
        told = " ".join(one.text for one in found if "there is no" not in one.what)
        return not told, told

    shares = [
        place
        for place in PLACES
        if place[2] not in TEXT | MONEY and any(takes(*place, one)[0] for one in ("0.1%", "1%", "15%", "40%"))
        if takes(*place, "bananas ?")[1]
    ]
    assert len(shares) > 15
    for place in shares:
        assert "15 means 1500 %: write 15%" in takes(*place, 15)[1], place


@pytest.mark.parametrize("metric", [one for one in METRICS.values() if one.unit is Unit.PERCENT])
def test_a_bare_15_is_no_limit_of_a_share(metric: MetricDefinition, tmp_path: Path) -> None:
    document = right_rules()
    sense = "max" if metric.sense is Sense.MAX else "min"
    document["rules"] = [{"name": "a", "metric": metric.name, sense: 15, "do": ["notify"]}]
    found = mistakes(document, rules=True, folder=tmp_path)
    assert [one for one in found if f"{sense}: 15 means 1500 %" in one.text], found
