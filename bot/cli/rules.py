"""`reef rules`: what the rule files say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.commands import Rules
from bot.cli.options import AsJson
from bot.cli.output import Column, bound, console, fires, print_json, say, table
from bot.documents import show_duration
from bot.risk.catalogue import WHEN, definition_of
from bot.rules import Gates, Rule, RuleSet, load_rules, rules_path
from bot.rules.editor import rules_schema, schema_text

COLUMNS = (
    Column("rule", wrap=True),
    Column("metric"),
    Column("fires"),
    Column("until"),
    Column("for", right=True),
    Column("severity"),
    Column("may", wrap=True),
)

app = typer.Typer(cls=Rules, no_args_is_help=True, help="Check, try and explain rule files.")


@app.callback()
def root() -> None:
    """Check, try and explain rule files."""


def check(
    choice: Annotated[
        str, typer.Argument(metavar="FILE|PROFILE", help="A rule file, or the name of a profile.")
    ],
    as_json: AsJson = False,
) -> None:
    """Load a rule file or profile and say what it means, or name every mistake at once (exit code 2).

    Example: reef rules check rules/balanced.yaml
    """
    rules = load_rules(rules_path(choice, Path.cwd()))
    if as_json:
        print_json({"ok": True, "source": rules.source, "version": rules.version, "rules": rules.rules})
    else:
        show(rules)


def schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of rule files, for editors; `--json` prints the same on one line.

    Example: reef rules schema > config/rules.schema.json
    """
    if as_json:
        print_json(rules_schema())
    else:
        typer.echo(schema_text(), nl=False)


def show(rules: RuleSet) -> None:
    """Print what a rule file means."""
    console.print(table(rules.source, COLUMNS, [row(rule) for rule in rules.rules]))
    for rule in rules.rules:
        if rule.gates is Gates.OFF:
            say(f"{rule.name}: does not wait for prices that are apart")
        if rule.if_blind is not None:
            after, does = show_duration(rule.if_blind.after), ", ".join(rule.if_blind.do)
            say(f"{rule.name}: {does} after {after} without its data")
        for line in terms_of(rule):
            say(f"{rule.name}: {line}")
    say(f"{len(rules.rules)} rules, no mistakes. Version {rules.version[:12]}.")


def terms_of(rule: Rule) -> Iterator[str]:
    """What else bounds a rule, a line each."""
    if rule.when is not None:
        yield f"{'when' if rule.metric == WHEN else 'and only when'} {rule.when.text}"
    if rule.active is not None:
        yield f"begins only {rule.active.text}"
    if rule.inhibited_by:
        yield f"is not told of while {' or '.join(rule.inhibited_by)} is firing"
    if rule.approve:
        yield "waits for the owner's yes"


def row(rule: Rule) -> tuple[str, ...]:
    """One rule's line."""
    unit = definition_of(rule.metric).unit.value
    return (
        rule.name,
        rule.metric,
        fires(unit, rule.sense, rule.limit),
        bound(unit, rule.goal),
        f"{rule.hold.total_seconds():g} s",
        rule.severity.value,
        ", ".join(action.value for action in rule.permits),
    )
