"""Documents, dashboard and registry name the same metrics."""

import json
import re
from pathlib import Path

from bot.telemetry.catalogue import DEFINITIONS, STATES, Definition, Shape, exposed
from bot.telemetry.meters import Meters

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
BOUNDED = {"account", "symbol", "side", "rule", "kind", "outcome", "result", "channel", "venue"}
NAME = re.compile(r"\breef_[a-z_]+")


def rows() -> dict[str, list[str]]:
    found = {}
    for line in DOCUMENT.splitlines():
        if line.startswith("| `reef_"):
            name, *rest = [cell.strip() for cell in line.strip("|").split("|")]
            found[name.strip("`")] = rest
    return found


def shown(one: Definition) -> str:
    return exposed(one)[0] if one.shape is Shape.COUNTER else one.name


def test_the_document_tells_of_every_metric_and_of_no_other() -> None:
    told = rows()
    assert set(told) == {shown(one) for one in DEFINITIONS}
    for one in DEFINITIONS:
        kind, labels, meaning = told[shown(one)]
        assert (kind, meaning) == (one.shape.value, one.help)
        assert labels == (", ".join(f"`{label}`" for label in one.labels) or "none")


def test_the_registry_holds_every_metric_with_its_help() -> None:
    found = {family.name: family for family in Meters().registry.collect()}
    assert set(found) == {one.name for one in DEFINITIONS}
    for one in DEFINITIONS:
        assert (found[one.name].documentation, found[one.name].type) == (one.help, one.shape.value)


def test_labels_are_bounded() -> None:
    for one in DEFINITIONS:
        assert set(one.labels) <= BOUNDED
        assert one.help.endswith(".")
    assert all(f"{number} {state.value}" in DOCUMENT for state, number in STATES.items())


def expressions(value: object) -> list[str]:
    """Every text in the dashboard in which a metric may be named."""
    if isinstance(value, dict):
        own = [text for key, text in value.items() if key in {"expr", "query"} and isinstance(text, str)]
        return own + [text for inner in value.values() for text in expressions(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in expressions(inner)]
    return []


def test_the_dashboard_asks_only_for_metrics_that_exist_and_for_each_of_them() -> None:
    dashboard = json.loads((ROOT / "config" / "grafana.json").read_text())
    known = {name for one in DEFINITIONS for name in exposed(one)}
    asked = {name for text in expressions(dashboard) for name in NAME.findall(text)}
    assert asked <= known
    assert all(set(exposed(one)) & asked for one in DEFINITIONS)
    for panel in dashboard["panels"]:
        assert panel["targets"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_labels_of_the_dashboard_are_those_of_the_metrics() -> None:
    dashboard = json.loads((ROOT / "config" / "grafana.json").read_text())
    labels = {name: {*one.labels, "le"} for one in DEFINITIONS for name in exposed(one)}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = NAME.findall(target["expr"])
            known = set.union(*(labels[name] for name in names))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_the_alerts_of_the_document_ask_for_metrics_that_exist() -> None:
    known = {name for one in DEFINITIONS for name in exposed(one)}
    asked = set(NAME.findall(DOCUMENT.split("```yaml")[1].split("```")[0]))
    assert asked
    assert asked <= known
