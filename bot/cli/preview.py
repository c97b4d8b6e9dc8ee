"""What `reef run` would do at once: `reef run --preview`."""

import asyncio
from collections.abc import Iterator

from bot.cli.check import Checked, look_at_all
from bot.cli.output import complain, number, print_json, say
from bot.clock import SystemClock
from bot.journal.controls import Preview
from bot.model import Unknown
from bot.rules import RuleSet
from bot.settings import AccountSettings, Settings
from bot.startup import preview_of


def show_preview(settings: Settings, rules: dict[AccountSettings, RuleSet], *, as_json: bool) -> bool:
    """Look at every account once and print what would be done at once; whether that is nothing."""
    checked = asyncio.run(look_at_all(settings, rules, SystemClock()))
    found = [(one, _preview(one, armed=settings.armed)) for one in checked]
    if as_json:
        print_json(
            {
                "armed": settings.armed,
                "accounts": [
                    {"account": one.account, "error": one.error, "preview": preview} for one, preview in found
                ],
            }
        )
    else:
        for one, preview in found:
            if preview is None:
                complain(one.error)
                continue
            for line in lines(one.account, preview):
                say(line)
    return all(preview is not None and not preview.firing for _, preview in found)


def _preview(one: Checked, *, armed: bool) -> Preview | None:
    return None if one.seen is None else preview_of(one.seen.decision, armed=armed)


def lines(account: str, preview: Preview) -> Iterator[str]:
    """Tell which rules fire, and the steps that would follow."""
    if not preview.firing:
        yield f"{account}: no rule fires at once."
    for one in preview.firing:
        value = "unknown" if isinstance(one.value, Unknown) else f"{one.value:.4g}"
        yield (
            f"{account}: {one.rule} on {one.target.text} is {one.state.value}: "
            f"{one.metric} is {value}, limit {one.limit:.4g}"
        )
    for step in preview.steps:
        yield f"  {step.kind.value} {step.request.symbol}: {step.reason} (about {number(step.cost)} USD)"
    if preview.steps:
        sent = "" if preview.armed else " Disarmed, so none of it would be sent."
        yield f"  {len(preview.steps)} steps for about {number(preview.cost)} USD.{sent}"
