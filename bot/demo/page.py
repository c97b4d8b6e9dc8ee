"""The last page: who was liquidated, what each action cost and saved, and where the record is."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bot.demo import wording
from bot.demo.books import Books
from bot.demo.chronicle import Deed
from bot.demo.score import Ending, Fall, Score

DEFINITIONS = """\
cost   fee + (mark price of the decision - fill price) x size: what closing that part cost there and then
saved  (fill price - final mark price) x size: what that part would have lost had it been held to the end\
"""

OF_OPTIONS = "       of an option: what was got for it; negative, what was paid"


def print_page(console: Console, score: Score) -> None:
    """Print it."""
    for part in page(score):
        console.print(part, soft_wrap=isinstance(part, Text))


def page(score: Score) -> Iterator[RenderableType]:
    """The parts of the page, in their order."""
    yield Text()
    yield _accounts(score)
    yield Text()
    yield _actions(score)
    yield Text(DEFINITIONS, style="dim")
    if _options(score):
        yield Text(OF_OPTIONS, style="dim")
    yield from (Text(text) for text in _remarks(score))
    yield Text()
    yield from _record(score)


def _accounts(score: Score) -> RenderableType:
    made = Table(title=f"November 2025, seed {score.seed}", title_justify="left", header_style="bold")
    made.add_column("")
    made.add_column("guarded by Reef", justify="right")
    made.add_column("its twin, unguarded", justify="right")
    both = (score.guarded, score.unguarded)
    falls = (score.guarded_fall, score.unguarded_fall)
    made.add_row("liquidated", *(_liquidated(*one) for one in zip(both, falls, strict=True)))
    made.add_row("equity at the start, USD", *(wording.money(one.initial_equity) for one in both))
    made.add_row(
        "equity at the end, USD", *(Text(wording.money(one.final_equity), style="bold") for one in both)
    )
    made.add_row("kept", *(wording.percent(one.kept, 1) for one in both))
    made.add_row("actions of the guard", *(str(one.actions) for one in both))
    made.add_row("cost, USD", *(wording.cents(one.cost) for one in both))
    return made


def _liquidated(ending: Ending, fall: Fall | None) -> Text:
    if not ending.liquidated:
        return Text("no", style="bold green")
    where = "" if fall is None else f" at {wording.clock(fall.elapsed_s)} h, BTC {wording.price(fall.btc)}"
    return Text(f"YES{where}", style="bold red")


def _actions(score: Score) -> RenderableType:
    made = Table(title="What the guard did", title_justify="left", header_style="bold", show_footer=True)
    made.add_column("time", "", justify="right")
    made.add_column("what", "together")
    made.add_column("why")
    made.add_column("cost, USD", wording.cents(sum(one.cost for one in score.told)), justify="right")
    made.add_column("saved, USD", wording.cents(sum(one.saved for one in score.told)), justify="right")
    for one in score.told:
        made.add_row(
            wording.clock(one.elapsed_s),
            wording.deed_text(one.deed),
            wording.reason(one.deed),
            wording.cents(one.cost),
            wording.cents(one.saved),
        )
    return made


def _remarks(score: Score) -> Iterator[str]:
    for symbol, size in score.by_stops.items():
        yield f"Protective stops that rested at the exchange sold {float(size):,.6g} {symbol} besides."
    fall = score.unguarded_fall
    if fall is not None:
        yield f"The exchange sold {wording.money(fall.sold)} USD of the twin in {fall.sales} forced sales."
    if score.books is not None:
        yield from _hedges(score, score.books)
    yield "The seed repeats the prices; when the guard's orders arrive depends a little on the machine."


def _options(score: Score) -> list[Deed]:
    return [one.deed for one in score.told if one.deed.is_option]


def _hedges(score: Score, books: Books) -> Iterator[str]:
    coins = ", ".join(sorted(books.least)) or "nothing"
    left = f"left of them at the end: {', '.join(books.left)}" if books.left else "none is left"
    turned = ", ".join(sorted(books.turned))
    short = f"NET SHORT at times: {turned}" if turned else "with them no coin was ever net short"
    yield f"Hedges of {coins}: {left}, {short}."
    puts = _options(score)
    if puts:
        paid = sum(float(one.paid) for one in puts if one.opens)
        got = -sum(float(one.paid) for one in puts if not one.opens)
        inside = "each inside its limit price" if all(one.inside for one in puts) else "NOT ALL INSIDE"
        yield (
            f"Puts were bought for {wording.money(paid)} USD and sold for {wording.money(got)}, {inside}; "
            f"those held had cost at most {wording.percent(float(books.paid), 1)} of the equity."
        )


def _record(score: Score) -> Iterator[Text]:
    verified, path = score.verified, score.journal
    episode = score.told[0].deed.episode if score.told else "EPISODE"
    yield Text.assemble(("Journal: ", "bold"), path)
    if verified.sound:
        yield Text(f"         {verified.entries} entries, all as they were written", style="green")
    else:
        yield Text(f"         NOT SOUND: {verified.problems[0].what}", style="bold red")
    yield Text("Go on with:", style="bold")
    for command in ("journal verify", "journal", f"explain {episode}"):
        yield Text(f"  {_reef()} {command} --journal {path}")


def _reef() -> str:
    """Return the command as it can be typed here: the virtual environment may not be on the path."""
    if shutil.which("reef"):
        return "reef"
    beside = Path(sys.executable).with_name("reef")
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)
