"""The registry of metrics. Prometheus' client is loaded here, where metrics are wanted, and nowhere else."""

import math
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.model import Number, Unknown
from bot.telemetry.catalogue import DEFINITIONS, Definition, Shape


class Meters:
    """All metrics of the catalogue, in a registry of their own. Safe to read from another thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {one.name: self._make(one) for one in DEFINITIONS}

    def set(self, name: str, value: Number, *labels: str) -> None:
        """Set a gauge; what is unknown is NaN."""
        self._of(name, labels).set(math.nan if isinstance(value, Unknown) else value)

    def read(self, name: str, function: Callable[[], float], *labels: str) -> None:
        """Let a gauge be read when it is asked for, on another thread."""
        self._of(name, labels).set_function(function)

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Add to a counter."""
        self._of(name, labels).inc(amount)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Enter a duration into a histogram."""
        self._of(name, labels).observe(max(seconds, 0.0))

    def remove(self, name: str, *labels: str) -> None:
        """Take one series out: what it measured is gone."""
        self._made[name].remove(*labels)

    def _of(self, name: str, labels: tuple[str, ...]) -> Any:
        found = self._made[name]
        return found.labels(*labels) if labels else found

    def _make(self, one: Definition) -> Any:
        if one.shape is Shape.HISTOGRAM:
            return Histogram(one.name, one.help, one.labels, registry=self.registry, buckets=one.buckets)
        kinds = {Shape.GAUGE: Gauge, Shape.COUNTER: Counter}
        return kinds[one.shape](one.name, one.help, one.labels, registry=self.registry)
