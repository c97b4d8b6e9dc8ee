"""Until when this process may send. The lease itself is a row of the journal."""

from bot.clock import Clock


class Lease:
    """A daemon's lease as it knows it, by a clock that counts what it slept through.

    The venue cannot check an epoch, so sending stops `reserve` before the lease ends: the longest round trip
    and the venue's receive window. What was signed before is answered or refused as too old by the time
    another daemon may act, also where this process is stopped between signing and sending. So the gateway
    asks once more after it has signed: what waited for its turn is signed with the time of its sending.
    """

    def __init__(self, clock: Clock, length: float, reserve: float) -> None:
        self.length = length
        self.reserve = reserve
        self._clock = clock
        self._ends = float("-inf")

    def next_end(self) -> float:
        """When a lease ends that is asked for now. Asked before the write, which may take long."""
        return self._clock.elapsed() + self.length

    def lasts_until(self, end: float) -> None:
        """Take note of an end that the journal holds durably."""
        self._ends = end

    def stretch(self, seconds: float) -> None:
        """Let something be sent for so long without a renewal: the journal still names this one."""
        self._ends = self._clock.elapsed() + self.reserve + seconds

    @property
    def seconds_to_send(self) -> float:
        """Seconds in which something may still be sent; 0 or less where nothing may."""
        return self._ends - self.reserve - self._clock.elapsed()
