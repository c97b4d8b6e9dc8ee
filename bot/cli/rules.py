"""`reef rules`: what the rule files say."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import console, percent, print_json, table
from bot.documents import MistakesError
from bot.risk.metrics import METRICS, Unit
from bot.rules import Rule, RuleSet, load_rules, rules_path

app = typer.Typer(no_args_is_help=True, help="Check rule files.")


@app.callback()
def root() -> None:
    """Check rule files."""


@app.command("check")
def check(
    choice: Annotated[
        str, typer.Argument(metavar="FILE|PROFILE", help="A rule file, or the name of a profile.")
    ],
    as_json: AsJson = False,
) -> None:
    """Load a rule file or profile and say what it means, or name every mistake at once (exit code 2).

    Example: reef rules check rules/balanced.yaml
    """
    try:
        rules = load_rules(rules_path(choice, Path.cwd()))
    except MistakesError as error:
        if as_json:
            print_json({"ok": False, "mistakes": error.mistakes})
            raise typer.Exit(error.exit_code) from None
        raise
    if as_json:
        print_json({"ok": True, "source": rules.source, "version": rules.version, "rules": rules.rules})
    else:
        show(rules)


def limit_text(rule: Rule, value: float) -> str:
    """Write a limit in its metric's unit."""
    return percent(value) if METRICS[rule.metric].unit is Unit.PERCENT else f"{value:g}"


def show(rules: RuleSet) -> None:
    """Print what a rule file means."""
    rows = [
        (
            rule.name,
            rule.metric,
            f"{'above' if rule.sense.value == 'max' else 'below'} {limit_text(rule, rule.limit)}",
            limit_text(rule, rule.goal),
            f"{rule.hold.total_seconds():g} s",
            rule.severity.value,
            ", ".join(action.value for action in rule.permits),
        )
        for rule in rules.rules
    ]
    console.print(table(rules.source, ("rule", "metric", "fires", "until", "for", "severity", "may"), rows))
    console.print(f"{len(rows)} rules, no mistakes. Version {rules.version[:12]}.")
