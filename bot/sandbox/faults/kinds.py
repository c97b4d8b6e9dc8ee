"""What a kind of fault is, and what it gets to work with."""

import random
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import msgspec

from bot.sandbox.engine.exchange import Engine
from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.history import History
from bot.sandbox.http import Request, Response
from bot.sandbox.stream_rules import StreamRules

REQUEST_FIELDS = ("path", "api_key", "symbol", "count", "probability")
"""What every kind takes that strikes at requests."""

Row = dict[str, Any]


class Place(Enum):
    """Where a fault is made: only those of the venue can be armed here."""

    VENUE = "venue"
    JOURNAL = "journal"
    PROCESS = "process"
    CLIENT = "client"


class Act(Enum):
    """What a request is for."""

    READ = "read"
    PLACE = "place"
    AMEND = "amend"
    CANCEL = "cancel"
    STOP = "stop"
    """Stops of a position."""
    SETTING = "setting"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request, told apart from its venue's words.

    `symbol` is '' where the request names none. `reduce_only` is, for an amendment, the order's own.
    `sets_stop`: it puts a stop on a position, by itself or with an order.
    """

    path: str
    query: str
    api_key: str
    act: Act
    public: bool = False
    symbol: str = ""
    reduce_only: bool = False
    conditional: bool = False
    post_only: bool = False
    sets_stop: bool = False


class Refusal(Enum):
    """Refusals that a venue has a code and words of its own for."""

    OVERLOADED = "overloaded"
    DUPLICATE_ID = "duplicate id"
    MAINTENANCE = "maintenance"
    POST_ONLY_STAGE = "post-only stage"
    STOP_TYPE = "stop type"
    BAD_KEY = "bad key"
    NO_PERMISSION = "no permission"
    BAD_ADDRESS = "bad address"


class Fields(msgspec.Struct, frozen=True):
    """What a venue calls the fields of its rows."""

    symbol: str
    order_id: str
    liquidation_price: str
    mark_price: str


class Venue(Protocol):
    """What faults need of a venue: its engine, and how its protocol words things."""

    @property
    def engine(self) -> Engine:
        """The engine behind it."""

    @property
    def streams(self) -> StreamRules:
        """What its streams keep back."""

    @property
    def fields(self) -> Fields:
        """The names in its rows."""

    def describe(self, request: Request, api_key: str) -> Call:
        """What a request is for; never raises."""

    def error(self, code: int, message: str) -> Response:
        """A refusal with this code."""

    def refuse(self, refusal: Refusal, code: int | None = None, message: str = "") -> Response:
        """A refusal with the venue's own code and words, unless others are given."""

    def limited(self, wait_ms: int) -> Response:
        """The answer to an address that sends too much, with the time to wait."""

    def banned(self, status: int, wait_ms: int) -> Response:
        """The answer to an address that is banned."""

    def rows(self, response: Response) -> list[Row]:
        """The rows of a list; none where the answer holds no list."""

    def with_rows(self, response: Response, rows: Sequence[Row], *, last: bool = False) -> Response:
        """The same answer with other rows; `last`: without a cursor to more."""

    def placed_id(self, response: Response) -> str:
        """The id of the order that this answer says was taken; '' where it says none."""

    def without_result(self, response: Response) -> Response:
        """The same answer, a success in form, with null for its result."""


class Execute(Protocol):
    """Does the request and gives the true answer; `page`: with at most so many rows in it."""

    def __call__(self, *, page: int | None = None) -> Response:
        """Execute. Never raises."""


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One strike at one request.

    `random` is the registry's: all chance comes from it, so that a seed repeats it. `memory` belongs to
    the armed fault and lives as long as it.
    """

    fault: Fault
    call: Call
    venue: Venue
    execute: Execute
    random: random.Random
    memory: dict[str, Any]
    history: History

    @property
    def now_ms(self) -> int:
        """Server time."""
        return self.venue.engine.clock.server_ms()


def _always(_strike: Strike) -> bool:
    return True


def _nothing(_memory: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _fine(_fault: Fault) -> str:
    return ""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of fault.

    `rows` are the rows of the list of faults that it stands for; `uses` the fields that mean something
    to it, `needs` those that must be given, `variants` the words for `variant`, the first one standing
    for ''. `check` says what else is wrong with a fault, or ''.

    It works in exactly one way. `answer` makes another answer out of the true one; of several armed
    faults the first that strikes gives it. `before` does something at the venue before the true answer
    is made, and says whether it did. `apply` begins something that lasts, `lift` ends it. What is made
    elsewhere, or by the one who tests, says how in `by_hand`.

    `concerns` tells which requests it may strike at (path, key, symbol and count are looked at before).
    `picks_rows`: `symbol` chooses rows of an answer, not requests. `lasts`: `seconds` is how long it stays
    armed. `shows` is what else the list of armed faults tells of its memory. `veil` bends every true answer
    after the first strike, without being a strike.
    """

    name: str
    meaning: str
    rows: tuple[int, ...] = ()
    place: Place = Place.VENUE
    path: str = ""
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    check: Callable[[Fault], str] = _fine
    concerns: Callable[[Strike], bool] = _always
    picks_rows: bool = False
    lasts: bool = False
    shows: Callable[[Mapping[str, Any]], dict[str, Any]] = _nothing
    answer: Callable[[Strike], Response] | None = None
    veil: Callable[[Strike, Response], Response] | None = None
    before: Callable[[Strike], bool] | None = None
    apply: Callable[[Venue, Fault], None] | None = None
    lift: Callable[[Venue, Fault], None] | None = None
    by_hand: str = ""

    @property
    def way(self) -> str:
        """How it works: answer, before, state, or by hand."""
        if self.answer is not None:
            return "answer"
        if self.before is not None:
            return "before"
        return "by hand" if self.apply is None else "state"


def named(*kinds: Kind) -> Mapping[str, Kind]:
    """Kinds by their names."""
    return {kind.name: kind for kind in kinds}
