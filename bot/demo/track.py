"""The course of the market and of both accounts, sampled while the demo runs."""

from bisect import bisect_right

from msgspec import Struct

from bot.demo.scene import REFERENCE, Cast
from bot.demo.venue import AccountState, VenueState


class Look(Struct, frozen=True):
    """How one account stands. Money in USD."""

    equity: float
    leverage: float | None
    margin_ratio: float | None
    positions: int
    liquidated: bool


class Sample(Struct, frozen=True):
    """One look at everything. `elapsed_s` is market time since the start, `server_ms` the wall clock's."""

    server_ms: int
    elapsed_s: float
    btc: float
    guarded: Look
    twin: Look


class Track(Struct):
    """Samples in the order of time."""

    samples: list[Sample] = []

    def add(self, state: VenueState, cast: Cast) -> Sample:
        """Take one more look."""
        sample = Sample(
            server_ms=state.server_ms,
            elapsed_s=state.elapsed_s,
            btc=float(state.mark(REFERENCE)),
            guarded=look(state.account(cast.guarded.api_key)),
            twin=look(state.account(cast.twin.api_key)),
        )
        self.samples.append(sample)
        return sample

    @property
    def peak(self) -> float:
        """The highest price of BTC so far, 0 before the first sample."""
        return max((sample.btc for sample in self.samples), default=0.0)

    def at_server(self, server_ms: float) -> Sample:
        """The last sample that is not younger than a moment of the wall clock, else the first."""
        number = bisect_right(self.samples, server_ms, key=lambda one: one.server_ms)
        return self.samples[max(0, number - 1)]

    def at_market(self, elapsed_s: float) -> Sample:
        """The last sample that is not younger than a moment of market time, else the first."""
        number = bisect_right(self.samples, elapsed_s, key=lambda one: one.elapsed_s)
        return self.samples[max(0, number - 1)]


def look(account: AccountState) -> Look:
    """How an account stands."""
    ratio, leverage = account.wallet.margin_ratio, account.leverage
    return Look(
        equity=float(account.wallet.equity),
        leverage=None if leverage is None else float(leverage),
        margin_ratio=None if ratio is None else float(ratio),
        positions=sum(1 for one in account.positions if one.size),
        liquidated=account.liquidated_ms is not None,
    )
