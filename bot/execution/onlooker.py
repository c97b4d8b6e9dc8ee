"""Compares positions from look to look: what others did is told, and harm that the guard did halts it.

Executions are read only where the guard's own orders do not explain a change. While they cannot be read, or
do not explain it yet, the change waits: positions and executions are lists of different instants.
"""

import asyncio
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import changes, halts
from bot.execution.changes import ZERO, Effect
from bot.execution.intents import Intent
from bot.execution.recorder import UNWRITABLE, Recorder
from bot.execution.terms import ExecutionTerms
from bot.journal import Draft, Journal
from bot.journal.records import Outside
from bot.model import Fill, OrderRequest, Snapshot, position_key

SLACK = timedelta(seconds=2)
"""So much older than the last look may an execution be that the next one shows."""

RESUME = "Look at the positions and the position mode at the venue; `reef resume` lets the guard trade on."


class Anchor(Struct, frozen=True):
    """Positions of a symbol up to which everything is explained."""

    legs: dict[str, Decimal]
    at: datetime
    """The venue's time."""


class Own(Struct, frozen=True):
    """What an order of the guard did to its position, until a look shows it."""

    symbol: str
    key: str
    change: Decimal
    """Contracts; negative is less."""
    found_at: datetime


class Look(Struct, frozen=True):
    """What a look at the positions showed."""

    outside: tuple[Outside, ...]
    harm: str
    """Why the account is halted: the guard's own orders made a position grow; '' where they did not."""


class Onlooker:
    """Watches the positions of one account."""

    def __init__(self, gateway: Gateway, recorder: Recorder, clock: Clock, terms: ExecutionTerms) -> None:
        self._gateway = gateway
        self._recorder = recorder
        self._clock = clock
        self._terms = terms
        self._anchors: dict[str, Anchor] = {}
        self._own: dict[str, Own] = {}
        self._acted: set[str] = set()
        """Symbols on which an order was sent since their anchor."""
        self._waiting: dict[str, datetime] = {}
        """Symbols whose change is not explained, since when."""
        self._looked_at: datetime | None = None
        self._opening: dict[str, Decimal] = {}
        self.suspects: frozenset[str] = frozenset()
        """Symbols that grew after an order of the guard, and nobody knows by whom: no new order there."""
        self.harm = ""
        """Why the account must be halted, for as long as that is not on record."""

    def note(self, intent: Intent) -> None:
        """Remember an order that was sent, and what it has filled."""
        request, standing = intent.prepared.step.request, intent.standing
        assert isinstance(request, OrderRequest)
        self._acted.add(request.symbol)
        if intent.ended and standing is not None and standing.filled and standing.looked_at is not None:
            key = position_key(request.symbol, request.position_side)
            change = request.change * standing.filled
            self._own[intent.intent] = Own(request.symbol, key, change, standing.looked_at)

    async def look(
        self, snapshot: Snapshot, open_symbols: Set[str], opening: Mapping[str, Decimal] | None = None
    ) -> Look:
        """Compare a fresh snapshot with the last one: record what others did, halt for what the guard did.

        `open_symbols` have an order that has not ended. `opening` are the contracts, by position key, of
        those among them that open: so much of a growth that nothing explains waits until their end is known.
        """
        self._opening = dict(opening or {})
        at = snapshot.times.positions
        last, self._looked_at = self._looked_at, at
        if last is None:
            symbols = {position.symbol for position in snapshot.positions}
            self._anchors = {one: Anchor(changes.legs_of(snapshot, one), at) for one in symbols}
            self._own.clear()
            return Look((), "")
        self._acted |= open_symbols
        self._forget_old(at)
        found = await self._compare(snapshot, last)
        unshown = {own.symbol for own in self._own.values()}
        self._acted = {one for one in self._acted if one in open_symbols | unshown | self._waiting.keys()}
        harm, now = self.harm, self._clock.now()
        if harm:
            await self._halt()
        await self._recorder.note([Draft(now, self._gateway.account, one) for one in found])
        return Look(found, harm)

    async def _compare(self, snapshot: Snapshot, last: datetime) -> tuple[Outside, ...]:
        """Settle what is as it was or as the guard made it, and judge the rest by its executions."""
        symbols = sorted({position.symbol for position in snapshot.positions} | self._anchors.keys())
        changed: list[str] = []
        for symbol in symbols:
            legs = changes.legs_of(snapshot, symbol)
            before = self._anchors.setdefault(symbol, Anchor({}, last)).legs
            if self._is_ours_alone(symbol, before, legs):
                self._settle(symbol, legs, snapshot, shown=True)
            else:
                changed.append(symbol)
        answers = await asyncio.gather(*(self._fills(symbol, snapshot) for symbol in changed))
        found = [
            one
            for symbol, fills in zip(changed, answers, strict=True)
            for one in self._judge(symbol, fills, snapshot)
        ]
        self.suspects = frozenset(symbol for symbol in self._waiting if self._grew(symbol, snapshot))
        return tuple(found)

    def _forget_old(self, at: datetime) -> None:
        """Forget fills that no look showed in time, unless their symbol waits for an explanation."""
        patience = timedelta(seconds=self._terms.explain_seconds)
        self._own = {
            name: own
            for name, own in self._own.items()
            if own.symbol in self._waiting or at - own.found_at <= patience
        }

    def _is_ours_alone(self, symbol: str, before: dict[str, Decimal], after: dict[str, Decimal]) -> bool:
        """Whether what the guard knows of explains the positions, perhaps nothing at all: nothing is read."""
        moved: dict[str, Decimal] = {}
        for own in self._own.values():
            if own.symbol == symbol:
                moved[own.key] = moved.get(own.key, ZERO) + own.change
        return all(
            before.get(key, ZERO) + moved.get(key, ZERO) == after.get(key, ZERO)
            for key in {*before, *after, *moved}
        )

    async def _fills(self, symbol: str, snapshot: Snapshot) -> tuple[Fill, ...] | None:
        """Read the executions that the snapshot can show; None where they cannot be read now."""
        try:
            async with asyncio.timeout(self._terms.look_budget_seconds):
                fills = await self._gateway.fills(symbol, self._anchors[symbol].at - SLACK)
        except (GatewayError, TimeoutError):
            return None
        unique = {fill.fill_id: fill for fill in fills if fill.at <= snapshot.times.positions}
        return tuple(sorted(unique.values(), key=lambda fill: (fill.at, fill.fill_id)))

    def _judge(self, symbol: str, fills: tuple[Fill, ...] | None, snapshot: Snapshot) -> list[Outside]:
        """Say what others did to a symbol; nothing while that may still turn out otherwise."""
        anchor, legs = self._anchors[symbol], changes.legs_of(snapshot, symbol)
        since = self._waiting.setdefault(symbol, snapshot.times.positions)
        if fills is None:
            return []
        effects = changes.explaining(fills, anchor.legs, legs, anchor.at)
        if effects is None:
            effects = changes.effects([fill for fill in fills if fill.at > anchor.at], anchor.legs)
            waited = (snapshot.times.positions - since).total_seconds()
            opened = any(effect.opened for effect in effects.values())
            if (
                waited < self._terms.explain_seconds or self._may_be_opening(anchor.legs, legs)
            ) and not opened:
                return []
        if symbol in self._acted:
            self.harm = self.harm or changes.harm(effects, anchor.legs, legs)
        shown = legs != anchor.legs or any(effect.ours for effect in effects.values())
        self._settle(symbol, legs, snapshot, shown=shown)
        keys = sorted({*anchor.legs, *legs, *effects})
        found = (_outside(symbol, key, effects, anchor.legs, legs) for key in keys)
        return [one for one in found if one.others or one.note]

    def _may_be_opening(self, before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> bool:
        """Whether an order whose end nobody knows may have made all of a growth."""
        grown = {key: size - before.get(key, ZERO) for key, size in after.items()}
        return any(self._opening.get(key) for key in grown) and all(
            more <= self._opening.get(key, ZERO) for key, more in grown.items()
        )

    def _grew(self, symbol: str, snapshot: Snapshot) -> bool:
        before = self._anchors[symbol].legs
        legs = changes.legs_of(snapshot, symbol)
        return symbol in self._acted and any(legs[key] > before.get(key, ZERO) for key in legs)

    def _settle(self, symbol: str, legs: dict[str, Decimal], snapshot: Snapshot, *, shown: bool) -> None:
        """Take positions as explained, and the guard's own fills as `shown`; no leg needs no anchor."""
        self._anchors[symbol] = Anchor(legs, snapshot.times.positions)
        self._waiting.pop(symbol, None)
        if shown:
            self._own = {name: own for name, own in self._own.items() if own.symbol != symbol}
        if not legs:
            del self._anchors[symbol]

    async def _halt(self) -> None:
        """Halt the account; while that cannot be recorded, `harm` stays and is tried again."""
        worker = self._recorder.worker
        try:
            await worker.call(_halt_for, worker.journal, self._gateway.account, self.harm, self._clock.now())
        except UNWRITABLE:
            return
        self.harm = ""


def _halt_for(journal: Journal, account: str, why: str, at: datetime) -> None:
    if halts.halted(journal, account) is None:
        halts.halt(journal, account, who=halts.THE_GUARD, why=f"{why}. {RESUME}", at=at)


def _outside(
    symbol: str, key: str, effects: dict[str, Effect], before: dict[str, Decimal], after: dict[str, Decimal]
) -> Outside:
    effect, missing = effects.get(key, Effect()), changes.missing(effects, before, after, key)
    return Outside(
        symbol=symbol,
        side=key.removeprefix(f"{symbol}#"),
        before=before.get(key, ZERO),
        after=after.get(key, ZERO),
        ours=effect.ours,
        others=effect.others,
        kinds=effect.kinds,
        note=f"no execution explains {missing:f}" if missing else "",
    )
