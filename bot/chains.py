"""Keeps the options that rules may buy: reads the chains of one venue beside the cycles, a base at a time.

A decision takes what stands. Only the first one that could use a chain waits for it, not long: without it, it
would sell what could have been protected. Only contracts that some rule could take are kept, since every
decision is recorded with what it knew. A chain that cannot be read again grows old, and nothing is bought by
it then.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.exchange.errors import GatewayError
from bot.exchange.protocol import ChainReader
from bot.model import Chain, OptionTerms, Right
from bot.planning.options.screening import contract_trouble
from bot.rules import RuleSet

EVERY = timedelta(seconds=5)
FORGOTTEN_AFTER = timedelta(minutes=10)
TRIES = 2
"""Through so many accounts a reading is tried."""
TRY_SECONDS = 4.0
FIRST_SECONDS = 2.0
"""So long a decision waits for chains that were never read."""
ROUNDING = 1e-6
NEAREST = 0.25
"""Strikes further from the underlying than this are not kept where the price has passed them: what is deep
in the money is a dear way to protect."""

log = structlog.get_logger(__name__)


class ChainKeeper:
    """Options of the bases that accounts hold, at one venue."""

    def __init__(self, venue: str, every: timedelta = EVERY) -> None:
        self.venue = venue
        self._every = every
        self._readers: list[ChainReader] = []
        self._asked: dict[str, datetime] = {}
        self._tried: dict[str, datetime] = {}
        self._chains: dict[str, Chain] = {}
        self._trouble: dict[str, str] = {}
        self._turn = asyncio.Lock()

    def join(self, reader: ChainReader) -> None:
        """Read through one more account."""
        self._readers.append(reader)

    def chains(self, rules: RuleSet, bases: Iterable[str], now: datetime) -> dict[str, Chain]:
        """Return what stands of these bases that the rules could take; from now on they are read."""
        terms = option_terms(rules)
        if not terms:
            return {}
        wanted = self._ask(bases, now)
        return {base: thinned(self._chains[base], terms) for base in wanted if base in self._chains}

    async def first(self, rules: RuleSet, bases: Iterable[str], now: datetime) -> None:
        """Wait, `FIRST_SECONDS` at most, for chains that were neither read nor found unreadable."""
        if not option_terms(rules):
            return
        wanted = self._ask(bases, now)
        if not self._unread(wanted):
            return
        try:
            async with asyncio.timeout(FIRST_SECONDS), self._turn:
                await asyncio.gather(*(self._read(base, now) for base in self._unread(wanted)))
        except TimeoutError:
            for base in self._unread(wanted):
                self._missed(base, f"no answer within {FIRST_SECONDS:g} s")

    def _ask(self, bases: Iterable[str], now: datetime) -> list[str]:
        """Have these bases read from now on; return each once."""
        wanted = sorted(set(bases))
        self._asked |= dict.fromkeys(wanted, now)
        return wanted

    def _unread(self, bases: Sequence[str]) -> list[str]:
        """Return those of which nothing is known yet."""
        return [base for base in bases if base not in self._chains and base not in self._trouble]

    async def refresh(self, now: datetime) -> None:
        """Read what is due. Failures are told and wait for the next time, never raised."""
        async with self._turn:
            self._asked = {base: at for base, at in self._asked.items() if now - at <= FORGOTTEN_AFTER}
            self._chains = {base: one for base, one in self._chains.items() if base in self._asked}
            due = [base for base in self._asked if self._due(base, now)]
            await asyncio.gather(*(self._read(base, now) for base in due))

    def _due(self, base: str, now: datetime) -> bool:
        tried = self._tried.get(base)
        return tried is None or now < tried or now - tried >= self._every

    async def _read(self, base: str, now: datetime) -> None:
        self._tried[base] = now
        trouble = ""
        for reader in self._readers[:TRIES]:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    self._chains[base] = await reader.chain(base)
            except (GatewayError, TimeoutError) as error:
                trouble = str(error) or f"no answer within {TRY_SECONDS:g} s"
            else:
                self._trouble.pop(base, None)
                return
        self._missed(base, trouble)

    def _missed(self, base: str, trouble: str) -> None:
        if self._trouble.get(base) != trouble:
            log.warning("options could not be read", base=base, venue=self.venue, error=trouble)
        self._trouble[base] = trouble


def option_terms(rules: RuleSet) -> tuple[tuple[Right, OptionTerms], ...]:
    """Return which options rules may buy."""
    return tuple(
        (right, terms)
        for rule in rules.rules
        if rule.hedge is not None
        for right in Right
        if (terms := rule.hedge.options(right)) is not None
    )


def thinned(chain: Chain, wanted: Sequence[tuple[Right, OptionTerms]]) -> Chain:
    """Return the contracts of a chain that some of these terms could take."""
    kept = {
        symbol: market
        for symbol, market in chain.markets.items()
        if any(_may_do(chain, symbol, right, terms) for right, terms in wanted)
    }
    quotes = {symbol: quote for symbol, quote in chain.quotes.items() if symbol in kept}
    return Chain(chain.base, kept, quotes, {}, chain.at)


def _may_do(chain: Chain, symbol: str, right: Right, terms: OptionTerms) -> bool:
    market, quote = chain.markets[symbol], chain.quotes.get(symbol)
    if market.right is not right or quote is None or contract_trouble(market, terms, chain.at):
        return False
    forward = quote.underlying
    if not isinstance(forward, Decimal):
        return False
    beyond = right.sign * (float(market.strike / forward) - 1.0)
    return -NEAREST <= beyond <= terms.protect_below + ROUNDING
