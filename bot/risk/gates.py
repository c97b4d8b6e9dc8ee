"""Gates: which mark price may begin or end something.

- Age: a mark older than the limit is no price for deciding, and what would be measured on it is unknown.
- Band and jump: a mark that is apart (`bot.risk.prices`) is not believed at once.
- Confirmation: it is believed after so many looks, one after the other, that agree with each other within the
  band and lie a second apart by the venue's time. One look back inside begins the count anew. What is
  believed stays so while it moves by no more than the band from look to look.
- Waiver: near liquidation by the venue's own figures there is no time, and nothing waits.

A price that is not believed never makes anything safe: it begins no episode and ends none.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Figure, MarginMode, Mark, Position, PriceTerms, Snapshot, Unknown
from bot.risk.ages import SEEN, age_trouble, parts_trouble
from bot.risk.figures import number_of, price_of
from bot.risk.prices import Apart, apart_by_band, apart_by_jump, is_near, show_share, witnesses

LEAST_APART = timedelta(seconds=1)
"""Between two looks that confirm each other, by the venue's time."""

OWN_BLOCK = frozenset(
    {
        "position.leverage",
        "position.liquidation_distance",
        "position.liquidation_distance_atr",
        "position.liquidation_distance_sigma",
    }
)
"""Metrics that of an isolated position depend on its own price alone."""


class Look(Struct, frozen=True):
    """A mark price at a moment of the venue's clock."""

    at: datetime
    price: float


class PriceStanding(Struct, frozen=True):
    """What is remembered of the prices of one symbol."""

    symbol: str
    accepted: Look | None = None
    """The last price that was believed."""
    apart: tuple[Look, ...] = ()
    """The latest looks that were apart and agree with each other, oldest first."""
    believed: bool = False
    """Whether the accepted price is apart, and believed by confirmation."""


class PriceMemory(Struct, frozen=True):
    """The standings of all symbols held, sorted; to be given to the next decision."""

    standings: tuple[PriceStanding, ...] = ()

    def of(self, symbol: str) -> PriceStanding | None:
        """Find what is remembered of a symbol."""
        return next((one for one in self.standings if one.symbol == symbol), None)


class Doubt(Struct, frozen=True):
    """A mark price that is apart."""

    symbol: str
    price: float
    sane: float
    """What the price would be by the others."""
    text: str
    held: bool
    """Whether it is not believed yet."""


class Gate(Struct, frozen=True):
    """What the gates say of one metric on one target."""

    old: str = ""
    """Why its value cannot be known; '' where it can."""
    doubts: tuple[Doubt, ...] = ()
    waived: str = ""
    """Why nothing waits; '' where it does."""

    @property
    def held(self) -> bool:
        """Whether a price that it depends on is not believed yet."""
        return any(doubt.held for doubt in self.doubts)

    @property
    def text(self) -> str:
        """The doubts in words."""
        return "; ".join(doubt.text for doubt in self.doubts)


class PriceGates(Struct, frozen=True):
    """What the gates say of one snapshot."""

    memory: PriceMemory = PriceMemory()
    view: str = ""
    """Why the whole view is too old; '' where it is not."""
    old: Mapping[str, str] = {}
    """Symbols whose mark is too old, and how old."""
    doubts: Mapping[str, Doubt] = {}
    """Marks that are apart, by symbol; sorted."""
    near: Mapping[str, str] = {}
    """Where liquidation is near: of the account ('') and of isolated positions, by key."""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say: every price is fresh and together with the others."""
        return not (self.view or self.old or self.doubts)

    @property
    def unsettled(self) -> tuple[Doubt, ...]:
        """Prices that are not believed yet."""
        return tuple(doubt for doubt in self.doubts.values() if doubt.held)

    def gate(self, metric: str, position: Position | None = None) -> Gate:
        """Return the gate of a metric: of a position, or without one of the account.

        An account depends on the prices of all that it holds, and so does a position in cross margin.
        """
        if self.quiet:
            return OPEN
        isolated = position is not None and position.margin_mode is MarginMode.ISOLATED
        if isolated and position is not None and metric in OWN_BLOCK:
            own = self.doubts.get(position.symbol)
            old = self.view or self.old.get(position.symbol, "")
            near = self.near.get(position.key, "")
            return Gate(old, () if own is None else (own,), near)
        old = self.view or "; ".join(self.old.values())
        near = self.near.get("", "")
        if position is None:
            near = near or next(iter(self.near.values()), "")
        return Gate(old, tuple(self.doubts.values()), near)


OPEN = Gate()


def judge(
    snapshot: Snapshot, memory: PriceMemory, terms: PriceTerms, at: datetime, max_age_seconds: float
) -> PriceGates:
    """Judge the mark price of every symbol held. `at` is of the guard's clock. Pure."""
    standings: list[PriceStanding] = []
    old: dict[str, str] = {}
    doubts: dict[str, Doubt] = {}
    now = snapshot.venue_time(at)
    for symbol, position in sorted({one.symbol: one for one in snapshot.positions}.items()):
        known = memory.of(symbol) or PriceStanding(symbol)
        mark = _mark_of(snapshot, position)
        trouble = "" if mark is None else age_trouble(f"prices of {symbol}", mark.at, now, max_age_seconds)
        price = None if mark is None or trouble else _price(mark.mark)
        if trouble:
            old[symbol] = trouble
        if mark is None or price is None:
            standings.append(known)
            continue
        standing, doubt = look(known, mark, price, terms)
        standings.append(standing)
        if doubt is not None:
            doubts[symbol] = doubt
    return PriceGates(
        memory=PriceMemory(tuple(standings)),
        view=parts_trouble(snapshot, at, max_age_seconds, SEEN),
        old=old,
        doubts=doubts,
        near=_near(snapshot, terms) if doubts else {},
    )


def _mark_of(snapshot: Snapshot, position: Position) -> Mark | None:
    """Return the prices that risk is measured on: of the marks, else the position's own mark."""
    mark = snapshot.marks.get(position.symbol)
    if mark is not None and _price(mark.mark) is not None:
        return mark
    if _price(position.mark_price) is None:
        return None
    none = Unknown("not given")
    at = snapshot.times.positions
    if mark is None:
        return Mark(position.symbol, position.mark_price, none, none, none, none, none, at)
    return replace(mark, mark=position.mark_price, at=min(at, mark.at))


def _price(figure: Figure) -> float | None:
    price = price_of(figure, "mark")
    return None if isinstance(price, Unknown) else price


def look(
    known: PriceStanding, mark: Mark, price: float, terms: PriceTerms
) -> tuple[PriceStanding, Doubt | None]:
    """Take one look at a symbol; return what to remember, and the doubt where the price is apart."""
    symbol, last = known.symbol, known.accepted
    found = _apart(known, mark, price, terms)
    if found is None:
        return PriceStanding(symbol, Look(mark.at, price)), None
    if known.believed and last is not None and is_near(price, last.price, terms.band):
        standing = PriceStanding(symbol, Look(mark.at, price), (), believed=True)
        return standing, Doubt(symbol, price, found.sane, _words(symbol, found, "believed"), held=False)
    looks = _agreeing(known.apart, Look(mark.at, price), terms)
    if len(looks) >= terms.confirmations:
        standing = PriceStanding(symbol, Look(mark.at, price), (), believed=True)
        how = f"believed after {terms.confirmations} looks"
        return standing, Doubt(symbol, price, found.sane, _words(symbol, found, how), held=False)
    how = f"look {len(looks)} of {terms.confirmations}"
    return (
        PriceStanding(symbol, last, looks),
        Doubt(symbol, price, found.sane, _words(symbol, found, how), held=True),
    )


def _words(symbol: str, found: Apart, how: str) -> str:
    return f"{symbol}: {found.why}: {how}"


def _apart(known: PriceStanding, mark: Mark, price: float, terms: PriceTerms) -> Apart | None:
    others = witnesses(mark)
    found = apart_by_band(price, others, terms.band)
    if found is not None or known.accepted is None:
        return found
    before = known.accepted
    return apart_by_jump(price, mark.at, others, before.price, before.at, terms.jump, terms.band)


def _agreeing(looks: tuple[Look, ...], new: Look, terms: PriceTerms) -> tuple[Look, ...]:
    """Return the latest looks that agree with each other, the new one last.

    One that comes within `LEAST_APART` of the last adds nothing: polls may follow each other closely.
    """
    if looks and new.at - looks[-1].at < LEAST_APART:
        return looks
    run = [new]
    low = high = new.price
    for look in reversed(looks[-terms.confirmations :]):
        low, high = min(low, look.price), max(high, look.price)
        if not is_near(high, low, terms.band):
            break
        run.append(look)
    return tuple(reversed(run))


def _near(snapshot: Snapshot, terms: PriceTerms) -> dict[str, str]:
    """Say where the venue's own figures show that liquidation is near."""
    balance = snapshot.balance
    found = {"": _near_words("the account", balance.maintenance_margin, balance.margin_balance, terms)}
    for position in snapshot.positions:
        margin, profit = position.isolated_margin, position.unrealised_pnl
        if isinstance(margin, Decimal) and isinstance(profit, Decimal):
            what = position.key
            found[what] = _near_words(what, position.maintenance_margin, margin + profit, terms)
    return {key: words for key, words in found.items() if words}


def _near_words(what: str, maintenance: Figure, margin: Figure, terms: PriceTerms) -> str:
    needed, held = number_of(maintenance, "maintenance margin"), number_of(margin, "margin")
    if isinstance(needed, Unknown) or isinstance(held, Unknown) or needed < terms.waive_at * held:
        return ""
    if needed <= 0.0:
        return ""
    ratio = "above 100 %" if held <= 0.0 else show_share(needed / held)
    limit = show_share(terms.waive_at)
    return f"the venue's own margin ratio of {what} is {ratio}, and from {limit} on nothing waits"
