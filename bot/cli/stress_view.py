"""What `reef stress` shows to people; it fits 80 columns."""

from rich.console import Console
from rich.text import Text

from bot.cli.output import Column, level, number, say, table
from bot.stress.results import Ending, Fired, Liquidated, Outcome, Stress
from bot.stress.together import Sum, Together

COLUMNS = (
    Column("scenario", wrap=True),
    Column("unguarded", right=True),
    Column("ratio", right=True),
    Column("taken", right=True),
    Column("guarded", right=True),
    Column("ratio", right=True),
    Column("taken", right=True),
    Column("cost", right=True),
)
BOTH = (
    Column("scenario", wrap=True),
    Column("unguarded", right=True),
    Column("taken", wrap=True),
    Column("guarded", right=True),
    Column("taken", wrap=True),
)


def show(console: Console, found: Stress) -> None:
    """Print one account."""
    say(f"{found.account}: equity {number(found.equity, 0)} USD, positions {number(found.gross, 0)} USD")
    console.print(table("", COLUMNS, [_row(one, found.equity) for one in found.outcomes]))
    say("unguarded, guarded: equity left, of today's; ratio: the highest on the way (100 % is liquidation)")
    say("taken: positions that the venue liquidates; cost: what the guard's orders and funding cost, in USD")
    told = Text()  # printed at once: Rich takes a while for each print
    for one in found.outcomes:
        told.append("\n").append(one.scenario.name, "bold")
        for line in lines(one):
            told.append("\n  ").append(line)
        told.append("\n")
    console.print(told, soft_wrap=True, end="")


def show_together(console: Console, found: Together) -> None:
    """Print an account with that which hedges it."""
    console.print()
    if found.equity is None:
        say(f"{found.account} is hedged by {found.hedged_by}: {found.error}")
        return
    say(f"{found.account} with {found.hedged_by}, which hedges it: equity {number(found.equity, 0)} USD")
    console.print(table("", BOTH, [_both_row(one, found.equity) for one in found.sums]))
    say("equity left of both, of today's; taken: accounts of which something is liquidated, each by itself:")
    say("what stands on another account is no margin")


def lines(outcome: Outcome) -> list[str]:
    """Tell one scenario in words: who is liquidated in which order, which rules fire, what is done."""
    told = []
    if outcome.scenario.about:
        told.append(outcome.scenario.about)
    told.append("unguarded: " + taken_text(outcome.unguarded.liquidated))
    guarded = outcome.guarded
    told.append("guarded: " + taken_text(guarded.ending.liquidated))
    told += [fired_text(one) for one in guarded.fired]
    if guarded.acts:
        traded, cost = sum(one.notional for one in guarded.acts), sum(one.cost for one in guarded.acts)
        told.append(
            f"the plans there: {len(guarded.acts)} steps, {number(traded, 0)} USD, cost {number(cost, 0)} USD"
        )
    if guarded.stops:
        told.append("stops reached: " + ", ".join(guarded.stops))
    if guarded.halted:
        told.append(f"halts: {guarded.halted}")
    if guarded.moved_out:
        told.append(f"moved out of reach: {number(guarded.moved_out, 0)} USD")
    told += [f"not done: {one}" for one in guarded.refused]
    return told


def taken_text(taken: tuple[Liquidated, ...]) -> str:
    """Say what the venue takes, in its order."""
    if not taken:
        return "nothing is liquidated"
    parts = [f"{one.position} at {level(one.price)} ({one.share * 100:.0f} %)" for one in taken]
    return "liquidated in this order: " + ", ".join(parts)


def fired_text(fired: Fired) -> str:
    """Say where a rule fires."""
    where = "" if fired.price is None else f" at {fired.market} {level(fired.price)}"
    when = "today" if fired.at == 0.0 else f"after {fired.at * 100:.0f} % of the way"
    return f"{fired.rule} on {fired.target} fires {when}{where}"


def ratio_text(ratio: float | None) -> str:
    """Write a margin ratio; without anything behind it there is none."""
    return "gone" if ratio is None else f"{ratio * 100:,.0f} %"


def share_text(equity: float, before: float) -> str:
    """Write equity with its share of what was there before."""
    share = f" ({equity / before * 100:.0f} %)" if before > 0.0 else ""
    return f"{number(equity, 0)}{share}"


def kept_text(equity: float, before: float) -> str:
    """Write equity as a share of what was there before."""
    return f"{equity / before * 100:.0f} %" if before > 0.0 else number(equity, 0)


def taken_count(ending: Ending) -> str:
    """Say how many positions the venue takes."""
    return str(len(ending.liquidated)) if ending.liquidated else "-"


def _both_row(one: Sum, before: float) -> tuple[str, ...]:
    return (
        one.scenario,
        kept_text(one.unguarded, before),
        ", ".join(one.liquidated) or "-",
        kept_text(one.guarded, before),
        ", ".join(one.guarded_liquidated) or "-",
    )


def _row(one: Outcome, before: float) -> tuple[str, ...]:
    alone, kept = one.unguarded, one.guarded.ending
    return (
        one.scenario.name,
        kept_text(alone.equity, before),
        ratio_text(alone.worst_ratio),
        taken_count(alone),
        kept_text(one.guarded.kept, before),
        ratio_text(kept.worst_ratio),
        taken_count(kept),
        number(kept.cost, 0),
    )
