"""What is seen while the demo runs: a live view in a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bot.demo import wording
from bot.demo.chapters import chapter
from bot.demo.chronicle import Deed
from bot.demo.scene import DEPOSIT
from bot.demo.track import Look, Track

LINE_EVERY_S = 5.0
DEEDS_SHOWN = 7
BAR_WIDTH = 24


class Scene(Struct, frozen=True):
    """What one picture shows."""

    track: Track
    deeds: Sequence[Deed]
    sheltered: int
    """Open positions of the guarded account whose stop was read back from the exchange."""
    length_s: float
    """Market time that the scenario lasts."""


class Watch(Protocol):
    """Shows how the demo goes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, text: str) -> None:
        """Tell what is being waited for."""
        ...

    def show(self, scene: Scene) -> None:
        """Show how things stand."""
        ...


class Lines:
    """Plain lines on standard error."""

    def __init__(self, every_s: float = LINE_EVERY_S) -> None:
        self._every_s = every_s
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def show(self, scene: Scene) -> None:
        """One line every few seconds."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            self.say(line(scene))


class Picture:
    """A live view in the terminal."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """A sentence where the picture will be."""
        self._live.update(Panel(Text(text), title=self._title, title_align="left"), refresh=True)

    def show(self, scene: Scene) -> None:
        """The whole picture."""
        width = min(self._console.width, 110) - 4
        self._live.update(
            Panel(
                picture(scene, width), title=self._title, title_align="left", width=width + 4, padding=(0, 1)
            ),
            refresh=True,
        )


def line(scene: Scene) -> str:
    """The state of things in one line."""
    last = scene.track.samples[-1]
    twin = "liquidated" if last.twin.liquidated else wording.times(last.twin.leverage)
    return (
        f"{wording.clock(last.elapsed_s)} of {wording.clock(scene.length_s)}  BTC {wording.price(last.btc)}"
        f"  guarded {wording.money(last.guarded.equity)} USD ({wording.times(last.guarded.leverage)})"
        f"  twin {wording.money(last.twin.equity)} USD ({twin})  actions {len(scene.deeds)}"
    )


def picture(scene: Scene, width: int) -> RenderableType:
    """Market, both accounts, and what the guard did last."""
    last = scene.track.samples[-1]
    fall = 1 - last.btc / scene.track.peak
    head = Text.assemble(
        ("BTC ", "bold"),
        (wording.price(last.btc), "bold"),
        (f"   {wording.percent(fall, 1)} below its peak", "red" if fall > 0.1 else "yellow"),
        f"   {chapter(last.elapsed_s)}",
    )
    return Group(
        head,
        Text(_course(scene, width), style="cyan"),
        _progress(scene, width),
        Text(),
        _accounts(scene),
        Text(),
        _deeds(scene),
    )


def _course(scene: Scene, width: int) -> str:
    samples = scene.track.samples
    now = samples[-1].elapsed_s
    cells = max(1, round(now / scene.length_s * width))
    prices = [scene.track.at_market(now * (number + 1) / cells).btc for number in range(cells)]
    everything = [sample.btc for sample in samples]
    return wording.sparkline(prices, min([*everything, scene.track.peak * 0.62]), scene.track.peak)


def _progress(scene: Scene, width: int) -> RenderableType:
    now = min(scene.track.samples[-1].elapsed_s, scene.length_s)
    text = f"  {wording.clock(now)} of {wording.clock(scene.length_s)} h of market time"
    grid = Table.grid()
    grid.add_row(ProgressBar(total=scene.length_s, completed=now, width=max(10, width - len(text))), text)
    return grid


def _accounts(scene: Scene) -> RenderableType:
    last = scene.track.samples[-1]
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("", "guarded by Reef", "its twin, unguarded"):
        made.add_column(column)
    looks = (last.guarded, last.twin)
    made.add_row("equity", *(_equity(one) for one in looks))
    made.add_row("leverage", *(wording.times(one.leverage) for one in looks))
    made.add_row("margin ratio", *(_ratio(one) for one in looks))
    made.add_row("", _guarded_state(last.guarded, scene.sheltered), _twin_state(last.twin))
    return made


def _equity(look: Look) -> Text:
    kept = look.equity / float(DEPOSIT)
    colour = "green" if kept > 0.7 else "yellow" if kept > 0.4 else "red"
    bar = wording.bar(kept, 1.0, BAR_WIDTH).ljust(BAR_WIDTH)
    return Text.assemble(f"{wording.money(look.equity):>8} ", (bar, colour))


def _ratio(look: Look) -> Text:
    if look.margin_ratio is None:
        return Text("-")
    colour = "green" if look.margin_ratio < 0.3 else "yellow" if look.margin_ratio < 0.6 else "bold red"
    return Text(f"{wording.percent(look.margin_ratio, 1)}  (100 % is liquidation)", style=colour)


def _guarded_state(look: Look, sheltered: int) -> Text:
    if look.liquidated:
        return Text("LIQUIDATED", style="bold red")
    return Text(f"{sheltered} of {look.positions} positions have a stop resting", style="green")


def _twin_state(look: Look) -> Text:
    return Text("LIQUIDATED", style="bold white on red") if look.liquidated else Text("nobody watches it")


def _deeds(scene: Scene) -> RenderableType:
    cost = sum(float(deed.cost) for deed in scene.deeds)
    title = f"What the guard did: {len(scene.deeds)} orders filled, cost {wording.money(cost)} USD"
    made = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(3):
        made.add_column(no_wrap=True, overflow="ellipsis")
    for deed in list(scene.deeds)[-DEEDS_SHOWN:]:
        at = scene.track.at_server(deed.at.timestamp() * 1000).elapsed_s
        made.add_row(wording.clock(at), wording.deed_text(deed), Text(wording.reason(deed), style="dim"))
    return Group(Text(title, style="bold"), made)
