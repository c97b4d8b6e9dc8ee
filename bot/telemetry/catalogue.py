"""Every metric: its name, what it means, and its labels. docs/metrics.md and the dashboard follow this."""

from enum import StrEnum

from msgspec import Struct

from bot.model import State


class Shape(StrEnum):
    """How a metric moves."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """Since the daemon's start; Prometheus adds `_total` to the name."""
    HISTOGRAM = "histogram"


class Definition(Struct, frozen=True):
    """One metric. Labels are bounded: accounts, symbols and rules of the settings, and fixed words."""

    name: str
    shape: Shape
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


STATES = {state: number for number, state in enumerate(State)}
"""How the state of a rule is written as a number."""

_ACCOUNT = ("account",)
_POSITION = ("account", "symbol", "side")
_RULE = ("account", "rule", "symbol", "side")
_CODES = ", ".join(f"{number} {state.value}" for state, number in STATES.items())
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_APPENDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


def _gauge(name: str, text: str, labels: tuple[str, ...] = _ACCOUNT) -> Definition:
    return Definition(name, Shape.GAUGE, text, labels)


def _counter(name: str, text: str, labels: tuple[str, ...] = _ACCOUNT) -> Definition:
    return Definition(name, Shape.COUNTER, text, labels)


DEFINITIONS = (
    _gauge("reef_equity_usd", "Equity of the account in USD."),
    _gauge("reef_unit_value", "Unit value in USD: equity without the effect of deposits and withdrawals."),
    _gauge("reef_leverage", "Gross notional over equity."),
    _gauge("reef_margin_ratio", "Maintenance margin over margin balance; at 1 the account is liquidated."),
    _gauge("reef_drawdown", "Fall of the unit value from its peak, as a fraction."),
    _gauge("reef_positions", "Open positions."),
    _gauge("reef_unprotected_positions", "Positions that are not known to have a whole stop at the venue."),
    _gauge(
        "reef_position_liquidation_distance",
        "Distance from mark price to liquidation, as a fraction of mark.",
        _POSITION,
    ),
    _gauge("reef_rule_state", f"State of a rule on its target: {_CODES}.", _RULE),
    _gauge("reef_rule_value", "What the rule measures.", _RULE),
    _gauge("reef_rule_limit", "The limit past which the rule fires.", _RULE),
    _gauge("reef_view_age_seconds", "Age of the last view of the account that was decided on."),
    _gauge("reef_blind", "1 while no complete fresh view of the account can be had."),
    _gauge("reef_halted", "1 while the account may not act, but for protection."),
    _gauge("reef_armed", "1 where orders are sent, 0 where they are only planned.", ()),
    _gauge("reef_open_intents", "Orders, cancels and stops that have not ended."),
    _gauge("reef_unknown_intents", "Those of which nobody knows what became of them."),
    _gauge("reef_lease_seconds", "Seconds in which orders may be sent unless the lease is renewed.", ()),
    _gauge(
        "reef_request_budget_used",
        "Share of the requests that may be sent at once which is used up, as last seen.",
        ("venue",),
    ),
    _gauge("reef_silences", "Silences of notifications that are in force.", ()),
    _counter("reef_cycles", "Cycles by result: ok or failed.", ("account", "result")),
    _counter("reef_failures", "Failures that the journal records."),
    _counter("reef_episodes", "Episodes that began.", ("account", "rule")),
    _counter(
        "reef_orders",
        "Intents that ended, by kind (trim, cancel, protect, ...) and outcome (filled, rejected, ...).",
        ("account", "kind", "outcome"),
    ),
    _counter("reef_traded_usd", "Value that the guard's orders traded, in USD."),
    _counter("reef_fees_usd", "Fees of the guard's orders, in USD."),
    _counter("reef_loss_usd", "Realised loss and cost of the guard's orders, in USD."),
    _counter(
        "reef_notifications",
        "Messages given to a channel, by outcome: delivered or failed.",
        ("channel", "outcome"),
    ),
    Definition("reef_cycle_seconds", Shape.HISTOGRAM, "Time that a cycle took.", _ACCOUNT, _SECONDS),
    Definition(
        "reef_journal_append_seconds",
        Shape.HISTOGRAM,
        "Time that an append to the journal took, its wait for other writes included.",
        (),
        _APPENDS,
    ),
)


def exposed(one: Definition) -> tuple[str, ...]:
    """Return the names under which Prometheus stores a metric."""
    if one.shape is Shape.COUNTER:
        return (f"{one.name}_total",)
    if one.shape is Shape.HISTOGRAM:
        return tuple(f"{one.name}_{part}" for part in ("bucket", "sum", "count"))
    return (one.name,)
