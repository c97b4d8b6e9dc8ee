"""What `reef check` shows to people; it fits 80 columns."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from bot.cli.output import Column, fires, level, measured, number, percent, size, table
from bot.cli.plan_view import order_text, proof_text, refusal_text, value_text
from bot.cli.reasoning_text import reasoning_lines
from bot.inspection import Inspection
from bot.model import Plan, Position, Unknown
from bot.outlook import IdleRule, RuleOutlook
from bot.risk.portfolio import Holding

POSITIONS = (
    Column("position"),
    Column("size", right=True),
    Column("entry", right=True),
    Column("mark", right=True),
    Column("USD", right=True),
    Column("liquidation", right=True),
    Column("stop", right=True),
)
METRICS_COLUMNS = (Column("account metric"), Column("value", wrap=True))
RULES = (
    Column("rule", wrap=True),
    Column("now", right=True),
    Column("limit", right=True),
    Column("room", right=True),
    Column("fires at"),
    Column("state"),
)
STEPS = (Column("step"), Column("order", wrap=True), Column("USD", right=True), Column("cost", right=True))


def show(console: Console, seen: Inspection, *, armed: bool) -> None:
    """Print one account."""
    balance = seen.snapshot.balance
    head = Text.assemble(
        (seen.account, "bold"),
        f" on {seen.snapshot.venue} ({seen.snapshot.network}), ",
        f"{seen.snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC",
    )
    console.print(head)
    state = "armed: `reef run` would act on this" if armed else "disarmed: `reef run` would send nothing"
    console.print(Text(f"equity {number(balance.equity)} USD; {state}"))
    console.print()
    held = {one.key: one for one in seen.decision.portfolio.holdings}
    rows = [_position_row(one, held.get(one.key)) for one in seen.snapshot.positions]
    console.print(table("", POSITIONS, rows) if rows else Text("no positions"))
    console.print()
    metrics = [
        (name.removeprefix("account.").replace("_", " "), value_text(name, value))
        for name, value in sorted(seen.metrics.items())
    ]
    console.print(table("", METRICS_COLUMNS, metrics))
    console.print()
    rules = [_rule_row(seen, one) for one in seen.rules] + [_idle_row(one) for one in seen.idle]
    console.print(table("", RULES, rules))
    for line in _notes(seen):
        console.print(Text(line))
    console.print()
    _show_plan(console, seen.decision.plan)


def _position_row(position: Position, holding: Holding | None) -> tuple[str, ...]:
    isolated = " isolated" if position.margin_mode.value == "isolated" else ""
    return (
        f"{position.symbol} {position.side.value}{isolated}",
        size(position.size),
        level(position.entry_price),
        level(position.mark_price),
        number(holding.notional if holding else Unknown("not measured"), 0),
        _liquidation_text(holding),
        "none" if position.stop_price is None else level(position.stop_price),
    )


def _liquidation_text(holding: Holding | None) -> str:
    if holding is None or isinstance(holding.liquidation_price, Unknown):
        return "unknown"
    if holding.liquidation_price == 0:
        return "at no price"
    move = (holding.liquidation_price - holding.price) / holding.price
    return f"{level(holding.liquidation_price)} ({move * 100:+.1f} %)"


def _rule_row(seen: Inspection, look: RuleOutlook) -> tuple[str, ...]:
    finding = look.finding
    target = " ".join(part for part in (finding.target.symbol, finding.target.side) if part)
    return (
        f"{finding.rule}\n  {target}" if target else finding.rule,
        measured(look.unit, finding.value),
        fires(look.unit, finding.sense, finding.limit),
        "none" if look.past else "" if look.unit == "truth" else measured(look.unit, look.room),
        fires_text(seen, look),
        finding.state.value,
    )


def _idle_row(idle: IdleRule) -> tuple[str, ...]:
    limit = fires(idle.unit, idle.sense, idle.limit)
    return (idle.rule, "", limit, "", "applies to nothing now", "")


def fires_text(seen: Inspection, look: RuleOutlook) -> str:
    """Say at which price a rule fires."""
    if look.past:
        return "now"
    if look.move is None:
        return "at no price"
    if isinstance(look.move, Unknown):
        return "unknown"
    market = (look.finding.target.symbol or seen.decision.portfolio.reference).split("/")[0]
    at = "" if isinstance(look.fires_at, Unknown) or look.fires_at is None else f" {level(look.fires_at)}"
    return f"{market}{at} ({look.move * 100:+.1f} %)"


def _notes(seen: Inspection) -> Iterator[str]:
    for symbol in seen.unknown_symbols:
        yield f"warning: {symbol.text}"
    for base in seen.unlisted:
        yield f"warning: {seen.snapshot.venue} lists no perpetual of {base}, so its figures are unknown"
    for gap in seen.decision.portfolio.gaps:
        yield f"unknown: {gap}"
    for one in seen.rules:
        if isinstance(one.finding.value, Unknown):
            yield f"{one.finding.rule} is unknown: {one.finding.value.reason}"
        elif one.finding.note:
            yield f"{one.finding.rule}: {one.finding.note}"
    for difference in seen.decision.differences:
        yield (
            f"{difference.target.text}: {difference.figure} is {number(difference.ours)} recomputed, "
            f"{number(difference.venue)} by the venue ({percent(difference.share)} apart); the worse is used"
        )


def _show_plan(console: Console, plan: Plan) -> None:
    """Print what would be done, a rule at a time."""
    if not plan.steps:
        console.print(Text("no plan: nothing would be done now"))
    for rule in dict.fromkeys(step.rule for step in plan.steps):
        steps = [step for step in plan.steps if step.rule == rule]
        rows = [
            (step.kind.value, order_text(step.request), number(step.notional, 0), number(step.cost))
            for step in steps
        ]
        console.print(table(f"the plan: {rule or 'protection'}", STEPS, rows))
        for proof in (proof for proof in plan.proofs if proof.rule == rule):
            console.print(Text(f"  {proof_text(proof)}"))
        console.print()
    for line in reasoning_lines(plan.reasoning) if plan.steps else ():
        console.print(Text(f"  {line}"))
    for refusal in plan.refusals:
        console.print(Text(f"  {refusal_text(refusal)}"))
    if plan.halt:
        console.print(Text(f"then the account would be halted: {plan.halt}"))
