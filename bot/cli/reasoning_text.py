"""Words for how the trades of a plan were found."""

from collections.abc import Iterator

from bot.cli.output import number, percent
from bot.model import Alternative, Binding, Reasoning

_CAPS = {
    "notional_per_day": "the cap on a day's notional",
    "loss_per_day": "the cap on a day's loss",
    "free_margin": "the free margin that may be used",
    "spare_margin": "what the cross positions can spare of their margin",
    "hedge_room": "the size of the position that is hedged",
    "net_exposure": "the account's net exposure, which hedges may not turn",
}
_SAME = 0.01
"""Share of its cost by which an action may seem dearer or cheaper than it and is neither."""


def reasoning_lines(reasoning: Reasoning | None) -> Iterator[str]:
    """Say it in a few lines; nothing where there was nothing to choose."""
    if reasoning is None:
        return
    if reasoning.method != "programme":
        yield f"one limit after another, as the programme gave nothing ({reasoning.code}): {reasoning.why}"
        return
    yield f"the cheapest trades that meet every limit, about {number(reasoning.cost)} USD by the programme"
    for one in reasoning.binding:
        yield f"decided by {_limit(one)}: each USD that it asks for costs {number(one.price, 4)} USD"
    for other in reasoning.alternatives:
        yield _alternative(other)


def _limit(one: Binding) -> str:
    if one.metric == "max_premium":
        return f"{one.rule}, what its options may cost"
    return _CAPS.get(one.metric) or f"{one.rule}, {one.metric} of {one.target}"


def _alternative(one: Alternative) -> str:
    item = one.item.replace("#", " ")
    if one.dearer > one.cost * (1.0 + _SAME):
        return f"not {item}: it works against a limit that decides"
    cost, dearer = percent(one.cost, 3), percent(one.dearer, 3)
    if one.dearer > one.cost * (1.0 - _SAME):
        return f"not {item}: a USD of it costs {cost}, and nothing that decides needs it"
    return f"not {item}: a USD of it costs {cost}, {dearer} more than it saves"
