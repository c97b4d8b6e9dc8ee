"""The JSON Schema of rule files, for editors: what may be written, with a hint for every key.

It refuses less than loading does: places, circles and what is said inside a condition are for
`reef rules check`.
"""

import json

from bot.model import Action, BlindAction, MarginMode, Severity, Side
from bot.risk.definitions import METRICS, MetricDefinition, Scope, Unit
from bot.risk.market_definitions import MARKET_METRICS
from bot.rules.active import DAYS
from bot.rules.checks import WITHOUT_LEVEL
from bot.rules.editor_parts import ACTION_PARTS
from bot.rules.editor_words import (
    DURATION,
    PERCENT,
    PLAIN,
    Schema,
    list_of,
    mapping,
    one_or_many,
    told,
    words_of,
)
from bot.rules.expressions import MAX_EXPRESSION
from bot.rules.limits import TRADING_CANNOT_MOVE
from bot.rules.named import named_scenarios
from bot.rules.ruleset import Gates
from bot.rules.schema import MAX_NAME, MAX_RULES, MAX_SCENARIOS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BASE = r"^(?=.*[A-Z0-9])[A-Za-z0-9]{1,20}$"


def rules_schema() -> Schema:
    """Return the schema of a whole rule file."""
    return {
        "$schema": _DIALECT,
        "title": "Reef rules",
        **mapping(
            {
                "version": told({"const": 1}, "Write version: 1."),
                "defaults": told(_defaults(), "What holds for every rule that does not say otherwise."),
                "rules": told(list_of(_rule(), MAX_RULES), "The rules, each with a name of its own."),
            },
            ("version", "rules"),
        ),
    }


def schema_text() -> str:
    """Return the schema as it stands in config/rules.schema.json."""
    return json.dumps(rules_schema(), indent=2, ensure_ascii=False) + "\n"


def _name() -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": MAX_NAME}


def _common() -> Schema:
    return {
        "for": told(DURATION, "How long the limit must be passed before the rule fires: 5s, 10m."),
        "cooldown": told(DURATION, "How long after an episode no new one begins: 30s, 1h."),
        "severity": told(words_of(Severity), "How loudly it is told."),
        "gates": told(words_of(Gates), "Whether the rule waits for a price that is apart from the others."),
        "approve": told({"type": "boolean"}, "Whether what it demands waits for the owner's yes."),
    }


def _defaults() -> Schema:
    return mapping(_common())


def _rule() -> Schema:
    limit = {"anyOf": [{"type": "number"}, {"type": "string"}]}
    properties = {
        "name": told(_name(), "What the rule is called; renamed, it forgets its running episodes."),
        "metric": told({"anyOf": _metrics()}, "What is measured."),
        "market": told({"type": "string", "pattern": _BASE}, "Base currency of a metric of a market: BTC."),
        "when": told(
            {"type": "string", "minLength": 1, "maxLength": MAX_EXPRESSION},
            'A condition: market("BTC").realized_vol_24h > 0.9 && account.leverage > 3.',
        ),
        "max": told(limit, "Fires above: 5, 15%, 10k."),
        "min": told(limit, "Fires below: 15%, 10k."),
        "restore": told(limit, "Where the episode ends. A rule that trims must give it."),
        "match": told(_match(), "Where the rule applies; without it, everywhere."),
        "do": told(list_of(words_of(Action), unique=True), "What the rule permits; the plan chooses."),
        **ACTION_PARTS,
        "scenarios": told(
            _scenarios(),
            "Moves by base currency, or names that ship: [{BTC: -20%}, march 2020].",
        ),
        "if_blind": told(_if_blind(), "What it does while its metric cannot be known."),
        "active": told(_active(), "The hours in which it may begin an episode."),
        "inhibited_by": told(one_or_many(_name()), "Stronger rules: while one fires, this is not told of."),
        **_common(),
    }
    made = mapping(properties, ("name", "do"))
    return {**made, "anyOf": [{"required": ["metric"]}, {"required": ["when"]}], "allOf": _across()}


def _metrics() -> list[Schema]:
    known = (*METRICS.values(), *MARKET_METRICS.values())
    return [{"const": one.name, "description": one.description} for one in known]


def _match() -> Schema:
    patterns = one_or_many({"type": "string", "minLength": 1})
    return mapping(
        {
            "account": told(patterns, "Names of accounts; * stands for anything."),
            "venue": told(patterns, "Venues."),
            "symbol": told(patterns, "Symbols such as BTC/USDT:USDT."),
            "side": told(one_or_many(words_of(Side)), "long or short."),
            "margin_mode": told(one_or_many(words_of(MarginMode)), "cross or isolated."),
            "tags": told(patterns, "Tags that the settings give accounts."),
        }
    )


def _scenarios() -> Schema:
    moves: Schema = {"type": "object", "minProperties": 1, "additionalProperties": PERCENT}
    own: Schema = {**moves, "propertyNames": {"pattern": _BASE}}
    return list_of({"anyOf": [own, {"enum": list(named_scenarios())}]}, MAX_SCENARIOS)


def _if_blind() -> Schema:
    return mapping(
        {
            "after": told(DURATION, "How long the metric must have been unknown."),
            "do": told(list_of(words_of(BlindAction), unique=True), "What may be done then."),
        },
        ("do",),
    )


def _active() -> Schema:
    time = "([01][0-9]|2[0-4]):[0-5][0-9]"
    return mapping(
        {
            "hours": told({"type": "string", "pattern": rf"^\s*{time}\s*-\s*{time}\s*$"}, "08:00-22:00."),
            "days": told(one_or_many(words_of(DAYS)), "Days; without them, every day."),
            "zone": told({"type": "string", "minLength": 1}, "Whose clocks count: Europe/Berlin."),
        }
    )


def _across() -> list[Schema]:
    """What one key says about the others."""
    every = (*METRICS.values(), *MARKET_METRICS.values())
    one_limit = {"anyOf": [{"required": ["max"]}, {"required": ["min"]}], "not": {"required": ["max", "min"]}}
    without_trim = {"properties": {"do": {"items": words_of(WITHOUT_LEVEL)}}}
    return [
        {"if": {"required": ["metric"]}, "then": one_limit, "else": {**_without_limit(), **without_trim}},
        _if_metric([one for one in every if one.unit is Unit.PERCENT], _limits(PERCENT)),
        _if_metric([one for one in every if one.unit is not Unit.PERCENT], _limits(PLAIN)),
        *(
            _if_metric(
                [one for one in METRICS.values() if one.sense.value == right],
                {"required": [right], "not": {"required": [wrong]}},
            )
            for right, wrong in (("max", "min"), ("min", "max"))
        ),
        _if_metric(list(MARKET_METRICS.values()), {"required": ["market"], **without_trim}),
        _if_metric(list(METRICS.values()), {"not": {"required": ["market"]}}),
        _if_metric([one for one in every if one.alert_only], _only([Action.NOTIFY])),
        _if_metric(
            [METRICS[name] for name in sorted(TRADING_CANNOT_MOVE)],
            _only([one for one in Action if one is not Action.TRIM]),
        ),
        _if_metric([one for one in every if one.parameters], {"required": ["scenarios"]}),
        _if_metric([one for one in every if not one.parameters], {"not": {"required": ["scenarios"]}}),
        _if_metric(
            [one for one in every if one.scope is not Scope.POSITION],
            {"properties": {"do": {"items": {"not": {"const": Action.CLOSE.value}}}}},
        ),
    ]


def _limits(number: Schema) -> Schema:
    return {"properties": {"max": number, "min": number, "restore": number}}


def _only(actions: list[Action]) -> Schema:
    return {"properties": {"do": {"items": words_of(actions)}}}


def _without_limit() -> Schema:
    keys = ("max", "min", "restore", "scenarios", "market")
    return {"not": {"anyOf": [{"required": [key]} for key in keys]}}


def _if_metric(metrics: list[MetricDefinition], then: Schema) -> Schema:
    names = words_of([one.name for one in metrics])
    return {"if": {"properties": {"metric": names}, "required": ["metric"]}, "then": then}
