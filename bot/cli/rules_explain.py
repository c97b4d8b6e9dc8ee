"""`reef rules explain`: rules in plain words, and on real accounts what each reads and would do."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.text import Text

from bot.cli.check import Checked, look_at_all
from bot.cli.check_view import fires_text
from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import AccountName, AsJson, Live, chosen_account
from bot.cli.output import complain, console, measured, number, print_json, say
from bot.cli.plan_view import order_text, refusal_text
from bot.cli.rule_words import Row, words_of
from bot.clock import SystemClock
from bot.foresight import plan_then
from bot.inspection import Inspection
from bot.logs import configure_logs
from bot.model import Plan, Unknown
from bot.outlook import RuleOutlook
from bot.rules import Rule, RuleSet, load_rules, rules_path


class Sight(Struct, frozen=True):
    """One rule on one target of one account: what it reads, and what it would do once it fires."""

    account: str
    look: RuleOutlook
    fires: str
    then: Plan | None
    """None where no price makes it fire, or that cannot be told."""


def explain(
    choice: Annotated[
        str, typer.Argument(metavar="FILE|PROFILE", help="A rule file, or the name of a profile.")
    ],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A settings file: explain on its accounts, too.")
    ] = None,
    account: AccountName = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Tell each rule in plain words: what it watches, when it fires, where it goes back to, what it may do.

    With a config, each account is looked at once, and nothing is sent: what the rule reads now, at which
    price it fires, and what it would do there. Exit code 1 where an account could not be read.

    Example: reef rules explain balanced --config reef.yaml
    """
    rules = load_rules(rules_path(choice, Path.cwd()))
    looks = [] if config is None else _look(config, account, rules, live=live)
    sights = {
        rule.name: [sight for one in looks for sight in _sights(rule, one.seen)] for rule in rules.rules
    }
    if as_json:
        print_json(as_value(rules, sights, looks))
    else:
        for rule in rules.rules:
            _show(rule, sights[rule.name], looked=bool(looks))
        for one in looks:
            if one.seen is None:
                complain(one.error)
    if any(one.seen is None for one in looks):
        raise typer.Exit(1)


def _look(config: Path, account: str | None, rules: RuleSet, *, live: bool) -> list[Checked]:
    settings = settings_from(config, live=live)
    chosen_account(account, tuple(one.name for one in settings.accounts))
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings))
    accounts = {one: rules for one in settings.accounts if account in (None, one.name)}
    return asyncio.run(look_at_all(settings, accounts, SystemClock()))


def _sights(rule: Rule, seen: Inspection | None) -> Iterator[Sight]:
    """Look at one rule on every target that one account has for it."""
    for look in () if seen is None else seen.rules:
        if seen is not None and look.finding.rule == rule.name:
            foreseen = look.past or bool(look.prices)
            given = seen.given
            then = plan_then(given, rule, look.prices) if foreseen and given is not None else None
            yield Sight(seen.account, look, fires_text(seen, look), then)


def _show(rule: Rule, sights: Sequence[Sight], *, looked: bool) -> None:
    console.print(Text.assemble((rule.name, "bold"), f" ({rule.severity.value})"))
    for label, text in words_of(rule):
        say(f"  {label:8s} {text}")
    for sight in sights:
        for label, text in _sight_rows(sight):
            say(f"  {label:8s} {text}")
    if looked and not sights:
        say("  now      applies to nothing")
    console.print()


def _sight_rows(sight: Sight) -> Iterator[Row]:
    finding = sight.look.finding
    value = measured(sight.look.unit, finding.value)
    if isinstance(finding.value, Unknown):
        value = f"unknown ({finding.value.reason})"
    yield "now", f"{finding.target.text}: {finding.metric} is {value}; {finding.state.value}"
    if finding.note:
        yield "", finding.note
    yield "price", sight.fires
    yield from (("then" if index == 0 else "", text) for index, text in enumerate(_deeds(sight.then)))


def _deeds(plan: Plan | None) -> list[str]:
    if plan is None:
        return []
    found = [
        f"{step.kind.value}: {order_text(step.request)} ({number(step.notional, 0)} USD)"
        for step in plan.steps
    ]
    found += [refusal_text(one) for one in plan.refusals]
    found += ["halt the account"] if plan.halt else []
    return found or ["nothing is sent"]


def as_value(rules: RuleSet, sights: dict[str, list[Sight]], looks: Sequence[Checked]) -> dict[str, object]:
    """Turn all of it into what scripts read."""
    return {
        "source": rules.source,
        "version": rules.version,
        "rules": [
            {"name": rule.name, "words": dict(words_of(rule)), "sights": sights[rule.name]}
            for rule in rules.rules
        ],
        "errors": {one.account: one.error for one in looks if one.seen is None},
    }
