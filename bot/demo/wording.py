"""How the demo writes its figures."""

from bot.demo.chronicle import Deed
from bot.model import Finding, Number, Sense, State, Unknown
from bot.model.options import option_base

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def money(value: float) -> str:
    """Whole USD, thousands apart."""
    return f"{value:,.0f}"


def cents(value: float) -> str:
    """USD with two digits."""
    return f"{value:,.2f}"


def clock(elapsed_s: float) -> str:
    """Market time since the start, as hours and minutes."""
    minutes = max(0, int(elapsed_s)) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"


def percent(value: float, digits: int = 0) -> str:
    """A fraction as a percentage."""
    return f"{value * 100:,.{digits}f} %"


def times(value: float | None) -> str:
    """A leverage."""
    return "-" if value is None else f"{value:.2f}x"


def price(value: float) -> str:
    """A price with the digits that its size needs."""
    return f"{value:,.0f}" if value >= 10_000 else f"{value:,.2f}"


def coin(symbol: str) -> str:
    """The base of a unified symbol; of an option its strike and right, too."""
    base = symbol.partition("/")[0]
    if option_base(symbol) is None:
        return base
    _, _, strike, right = symbol.rsplit("-", 3)
    return f"{base} {'put' if right == 'P' else 'call'} {price(float(strike))}"


def metric_value(metric: str, value: Number) -> str:
    """A metric's value: leverages as multiples, everything else as a percentage."""
    if isinstance(value, Unknown):
        return "unknown"
    return f"{value:.2f}x" if metric.endswith("leverage") else percent(value, 1)


def reason(deed: Deed) -> str:
    """The rule and its metric against the limit."""
    return deed.rule if deed.why is None else f"{deed.rule}: {against(deed.why)}"


def against(finding: Finding) -> str:
    """A metric's value beside the limit that it passed, or beside the level that it is brought back to."""
    value = metric_value(finding.metric, finding.value)
    if finding.state is State.RESTORING:
        return f"{value}, back to {metric_value(finding.metric, finding.goal)}"
    bound = "max" if finding.sense is Sense.MAX else "min"
    return f"{value} ({bound} {metric_value(finding.metric, finding.limit)})"


def deed_text(deed: Deed) -> str:
    """What was done, in a few words."""
    return f"{deed.kind} {float(deed.size):,.6g} {coin(deed.symbol)} at {price(float(deed.price))}"


def bar(value: float, full: float, width: int) -> str:
    """A bar of `width` cells at `full`, in eighths of a cell."""
    eighths = round(max(0.0, min(1.0, value / full)) * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip() if eighths else ""


def sparkline(values: list[float], low: float, high: float) -> str:
    """One character a value, by its place between `low` and `high`."""
    span = (high - low) or 1.0
    steps = (round((value - low) / span * (len(_LEVELS) - 1)) for value in values)
    return "".join(_LEVELS[max(0, min(len(_LEVELS) - 1, step))] for step in steps)
