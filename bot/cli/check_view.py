"""What `reef check` shows to people."""

from collections.abc import Iterator

from rich.console import Console

from bot.cli.output import number, percent, price, table
from bot.inspection import Inspection
from bot.model import Number, Plan, Position, Sense, Unknown
from bot.outlook import RuleOutlook
from bot.risk.metrics import METRICS
from bot.risk.portfolio import Holding

POSITION_COLUMNS = (
    "position",
    "size",
    "entry",
    "mark",
    "notional",
    "liquidation",
    "distance",
    "stop at venue",
)
RULE_COLUMNS = ("rule", "target", "now", "limit", "room", "fires at", "state")


def show(console: Console, seen: Inspection, *, armed: bool) -> None:
    """Print one account."""
    balance = seen.snapshot.balance
    console.print(
        f"[bold]{seen.account}[/bold] on {seen.snapshot.venue} ({seen.snapshot.network}), "
        f"{seen.snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC: equity {number(balance.equity)} USD, "
        f"{'armed' if armed else 'disarmed: nothing would be sent'}"
    )
    held = {one.key: one for one in seen.decision.portfolio.holdings}
    rows = [_position_row(one, held.get(one.key)) for one in seen.snapshot.positions]
    console.print(table("positions", POSITION_COLUMNS, rows) if rows else "no positions")
    metrics = [(name, _metric_text(name, value)) for name, value in sorted(seen.metrics.items())]
    console.print(table("account metrics", ("metric", "value"), metrics))
    console.print(table("rules", RULE_COLUMNS, [_rule_row(seen, one) for one in seen.rules]))
    for line in _notes(seen):
        console.print(line, markup=False, soft_wrap=True)
    _show_plan(console, seen.decision.plan)


def _position_row(position: Position, holding: Holding | None) -> tuple[str, ...]:
    known = holding is not None and not isinstance(holding.liquidation_price, Unknown)
    liquidation: Number = holding.liquidation_price if holding else Unknown("not measured")
    distance: Number = Unknown("not measured")
    if known and holding is not None and isinstance(liquidation, float):
        distance = abs(liquidation - holding.price) / holding.price
    return (
        f"{position.symbol} {position.side.value} {position.margin_mode.value}",
        f"{position.size:f}",
        price(position.entry_price),
        price(position.mark_price),
        number(holding.notional if holding else Unknown("not measured"), 0),
        "none above 0" if liquidation == 0 else price(liquidation),
        percent(distance),
        "none" if position.stop_price is None else price(position.stop_price),
    )


def _metric_text(name: str, value: Number) -> str:
    if isinstance(value, Unknown):
        return f"unknown: {value.reason}"
    unit = METRICS[name].unit.value
    if unit == "percent":
        return percent(value)
    return f"{number(value)} USD" if unit == "usd" else f"{value:,.2f}"


def _rule_row(seen: Inspection, look: RuleOutlook) -> tuple[str, ...]:
    finding = look.finding
    word = "above" if finding.sense is Sense.MAX else "below"
    return (
        finding.rule,
        " ".join(part for part in (finding.target.symbol, finding.target.side) if part) or "account",
        _metric_text(finding.metric, finding.value),
        f"{word} {_metric_text(finding.metric, finding.limit)}",
        _metric_text(finding.metric, look.room),
        _fires_text(seen, look),
        finding.state.value,
    )


def _fires_text(seen: Inspection, look: RuleOutlook) -> str:
    if look.past:
        return "now"
    if look.move is None:
        return "at no price"
    if isinstance(look.move, Unknown):
        return "unknown"
    market = look.finding.target.symbol or seen.decision.portfolio.reference
    at = "" if isinstance(look.fires_at, Unknown) or look.fires_at is None else f" {price(look.fires_at)}"
    return f"{market}{at} ({look.move * 100:+.1f} %)"


def _notes(seen: Inspection) -> Iterator[str]:
    for gap in seen.decision.portfolio.gaps:
        yield f"unknown: {gap}"
    for one in seen.decision.differences:
        yield (
            f"{one.target.text}: {one.figure} is {number(one.ours)} recomputed, {number(one.venue)} by the "
            f"venue ({percent(one.share)} apart); the worse is used"
        )


def _show_plan(console: Console, plan: Plan) -> None:
    if plan.steps:
        rows = [
            (
                step.kind.value,
                step.rule or "protection",
                step.reason,
                number(step.notional, 0),
                number(step.cost),
            )
            for step in plan.steps
        ]
        console.print(table("the plan that would follow", ("step", "rule", "what", "USD", "cost USD"), rows))
    else:
        console.print("no plan: nothing would be done now")
    for proof in plan.proofs:
        console.print(
            f"  {proof.rule}: {proof.metric} {_metric_text(proof.metric, proof.before)} -> "
            f"{_metric_text(proof.metric, proof.after)} (goal {_metric_text(proof.metric, proof.goal)}, "
            f"{'met' if proof.met else 'not met yet'})",
            markup=False,
            soft_wrap=True,
        )
    for refusal in plan.refusals:
        console.print(f"  refused: {refusal.item}: {refusal.reason}", markup=False, soft_wrap=True)
