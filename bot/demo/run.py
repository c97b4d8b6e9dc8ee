"""The demo from its first process to its last page."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import msgspec
from msgspec import Struct
from rich.console import Console

from bot.demo import hedged, scene
from bot.demo.books import Books
from bot.demo.chronicle import Chronicle
from bot.demo.hedged import Hedging
from bot.demo.process import Child, DemoError
from bot.demo.score import KEEPS_AT_LEAST, Score, score
from bot.demo.track import Track
from bot.demo.venue import Venue, VenueState, venue_symbol
from bot.demo.watch import Lines, Picture, Scene, Watch
from bot.journal import JournalError, open_journal, verify

JOURNAL = "reef.sqlite"
READY_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1
SETTLE_S = 0.6
"""Wall time that the guard is given after the last price, for the orders that it has under way."""
ENDING = (signal.SIGTERM, signal.SIGHUP)


class DemoOptions(Struct, frozen=True):
    """What `reef demo` was asked for. `folder` None makes a new one; `speed` is market over wall time."""

    seed: int
    folder: Path | None = None
    speed: float = scene.SPEED
    quiet: bool = False
    """No live view, only lines on standard error."""
    hedge: Hedging | None = None
    """What hedges, instead of the profile that sells."""


class Stage(Struct, frozen=True):
    """Both processes, ready to begin."""

    venue: Venue
    cast: scene.Cast
    daemon: Child
    exchange: Child
    chronicle: Chronicle
    watch: Watch
    track: Track
    books: Books | None
    """What is seen of hedges; None where nothing hedges, and protective stops rest instead."""

    @property
    def stops(self) -> bool:
        """Whether the guard places protective stops."""
        return self.books is None

    def look(self, state: VenueState) -> None:
        """Take in what the exchange and the journal show."""
        self.chronicle.update()
        self.track.add(state, self.cast)
        if self.books is not None:
            self.books.add(state.account(self.cast.guarded.api_key))

    def held(self, state: VenueState) -> set[str]:
        """Symbols of the guarded account's open positions, by the exchange's names."""
        return {one.symbol for one in state.account(self.cast.guarded.api_key).positions if one.size}

    def sheltered(self) -> set[str]:
        """Symbols whose protective stop the daemon has read back, by the exchange's names."""
        return {venue_symbol(symbol) for symbol in self.chronicle.sheltered}

    def picture(self, state: VenueState) -> Scene:
        """What there is to show."""
        sheltered = len(self.held(state) & self.sheltered())
        return Scene(self.track, self.chronicle.deeds, sheltered, state.length_s)


def run(options: DemoOptions, console: Console) -> Score:
    """Play the scenario. Raises `DemoError`; leaves no process behind, whatever happens."""
    folder = _folder(options.folder)
    watch = _watch(options, console)
    with _signals_end_it(), watch, ExitStack() as stack:
        stage = _set(options, folder, watch, stack)
        stage.venue.start()
        state = _play(stage)
        watch.say("The scenario is over; the daemon ends.")
        _end(stage)
        final = stage.venue.state() if state.over else state
        stage.look(final)
        deeds = stage.chronicle.deeds
    _gather(folder / JOURNAL)
    return score(
        seed=options.seed,
        journal=str(folder / JOURNAL),
        cast=stage.cast,
        final=final,
        track=stage.track,
        deeds=deeds,
        verified=verify(folder / JOURNAL),
        least=KEEPS_AT_LEAST if options.hedge is None else hedged.KEEPS_AT_LEAST,
        books=stage.books,
    )


def _folder(chosen: Path | None) -> Path:
    if chosen is None:
        return Path(tempfile.mkdtemp(prefix="reef-demo-"))
    folder = chosen.expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"the folder {folder} cannot be made: {error.strerror}. Give another one.") from error
    if (folder / JOURNAL).exists():
        raise DemoError(f"{folder} already holds a journal, which is left as it is. Give a fresh folder.")
    return folder


def _watch(options: DemoOptions, console: Console) -> Watch:
    if options.quiet or not console.is_terminal:
        return Lines()
    return Picture(
        console, f"Reef · autumn 2025, {options.speed:.0f} times as fast as a clock · seed {options.seed}"
    )


def _set(options: DemoOptions, folder: Path, watch: Watch, stack: ExitStack) -> Stage:
    """Start the exchange, open both accounts, start the daemon, and wait until its stops rest."""
    watch.say(f"Starting an exchange and a daemon; everything is kept in {folder}")
    exchange = stack.enter_context(_exchange(options, folder))
    line = exchange.wait_for("address", exchange.first_line, READY_WITHIN_S)
    venue = Venue(msgspec.json.decode(line)["url"])
    cast = scene.open_accounts(venue, options.hedge)
    track = Track()
    track.add(venue.state(), cast)
    config = scene.write_config(folder, venue.url, options.speed, options.hedge)
    daemon = stack.enter_context(scene.daemon(folder, config, cast.guarded))
    chronicle = daemon.wait_for("journal", lambda: _opened(folder / JOURNAL), READY_WITHIN_S)
    stack.enter_context(chronicle)
    does = "places protective stops" if options.hedge is None else "hedges"
    watch.say(f"Two equal accounts are open; the daemon looks at one of them and {does}.")
    stage = Stage(
        venue=venue,
        cast=cast,
        daemon=daemon,
        exchange=exchange,
        chronicle=chronicle,
        watch=watch,
        track=track,
        books=None if options.hedge is None else Books(),
    )
    daemon.wait_for("first cycle with a stop for every position", lambda: _ready(stage), READY_WITHIN_S)
    return stage


def _exchange(options: DemoOptions, folder: Path) -> Child:
    name = scene.SCENARIO if options.hedge is None else hedged.SCENARIO
    return scene.exchange(folder, seed=options.seed, speed=options.speed, scenario=name)


def _opened(path: Path) -> Chronicle | None:
    try:
        with Chronicle(path, scene.GUARDED):
            return Chronicle(path, scene.GUARDED)
    except JournalError:
        return None


def _ready(stage: Stage) -> bool | None:
    stage.chronicle.update()
    state = stage.venue.state()
    held = stage.held(state)
    sheltered = not stage.stops or (bool(held) and held <= stage.sheltered())
    return True if stage.chronicle.recovered and sheltered else None


def _play(stage: Stage) -> VenueState:
    """Watch until the scenario is over, and a moment longer; return the last state."""
    until = None
    while True:
        stage.daemon.check()
        stage.exchange.check()
        state = stage.venue.state()
        stage.look(state)
        stage.watch.show(stage.picture(state))
        now = time.monotonic()
        if state.over and until is None:
            until = now + SETTLE_S
        if until is not None and now >= until:
            return state
        time.sleep(LOOK_EVERY_S)


def _end(stage: Stage) -> None:
    code = stage.daemon.stop()
    if code != 0:
        raise DemoError(f"the daemon ended with exit code {code}.\n{stage.daemon.tail()}")


def _gather(journal: Path) -> None:
    """Fold the write-ahead log, which the demo's own reading kept open, into the file that is named."""
    with open_journal(journal, create=False):
        pass


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Let a request to end take the way of Ctrl-C, so that every child is ended too."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
