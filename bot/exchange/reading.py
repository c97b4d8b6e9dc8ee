"""Calls that read, the pages of their lists, and the one error that a failure becomes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from bot.exchange.errors import GatewayError
from bot.exchange.failures import VENUE_FAILURES, MalformedDataError
from bot.exchange.freshness import Freshness
from bot.exchange.scrub import Scrubber
from bot.exchange.values import Row, moment
from bot.model import Verdict

MAX_PAGES = 200

_HINTS = {
    Verdict.AUTH: "Check the key, its permissions and its IP list at the venue.",
    Verdict.THROTTLED: "The venue asks for fewer requests: poll less often.",
    Verdict.MAINTENANCE: "The venue is closed for now; ask again later, as `reef run` does by itself.",
    Verdict.REJECTED: "The venue does not answer this call for this account; check the account's type.",
}
_DEFAULT_HINT = "Nothing was assumed; ask again, as `reef run` does by itself."


class Call(Struct, frozen=True):
    """One reading request: the name of ccxt's implicit method, and its parameters."""

    method: str
    params: dict[str, Any]
    paged: bool = False


class Rows(Struct, frozen=True):
    """A complete list out of the venue, with the venue's time of its first page."""

    rows: list[Row]
    at: datetime


class Judge(Protocol):
    """Names what a failure proves."""

    def __call__(self, error: Exception) -> tuple[Verdict, str]:
        """Return the verdict and the venue's code or the kind of failure."""
        ...


class Reads:
    """Reads of one account through one ccxt client."""

    def __init__(
        self,
        client: Any,
        account: str,
        scrub: Scrubber,
        judge: Judge,
        freshness: Freshness,
        hints: Mapping[str, str],
    ) -> None:
        self._client = client
        self._account = account
        self._scrub = scrub
        self._judge = judge
        self._freshness = freshness
        self._hints = hints

    @contextmanager
    def told(self, call: str) -> Iterator[None]:
        """Turn every failure inside into a GatewayError that names the account and the call."""
        try:
            yield
        except VENUE_FAILURES as error:
            verdict, code = self._judge(error)
            raise GatewayError(
                account=self._account,
                call=call,
                verdict=verdict,
                code=code,
                came=self._scrub.clean(f"{type(error).__name__}: {error}"),
                hint=self._hints.get(code) or _HINTS.get(verdict, _DEFAULT_HINT),
            ) from None  # the cause may quote what was sent

    async def result(self, call: Call) -> tuple[Mapping[str, object], datetime]:
        """Return the envelope's result and the venue's time. Raises GatewayError."""
        with self.told(call.method):
            return await self._ask(call.method, call.params)

    async def rows(self, call: Call) -> Rows:
        """Return the whole list, following the cursor to its end. Raises GatewayError."""
        with self.told(call.method):
            result, at = await self._ask(call.method, call.params)
            rows = _list(result)
            seen: set[str] = set()
            page = rows
            while call.paged and page and (cursor := result.get("nextPageCursor")):
                if not isinstance(cursor, str) or cursor in seen or len(seen) >= MAX_PAGES:
                    raise MalformedDataError(
                        f"the list has no end: page {len(seen) + 2} repeats or passes the bound"
                    )
                seen.add(cursor)
                result, _ = await self._ask(call.method, {**call.params, "cursor": cursor})
                page = _list(result)
                rows = rows + page
            return Rows(rows, at)

    async def _ask(self, method: str, params: Mapping[str, object]) -> tuple[Mapping[str, object], datetime]:
        envelope = await getattr(self._client, method)(dict(params))
        at = moment(envelope, "time")
        self._freshness.check(method, params, at)
        return envelope["result"], at


def _list(result: Mapping[str, object]) -> list[Row]:
    rows = result.get("list")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedDataError(f"no list in the answer: {repr(result)[:60]}")
    return rows
