"""The other hands on a seeded day: traders, the owner, and whoever pulls the plug."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from bot.execution import halts
from bot.journal import JournalError, open_journal
from bot.sandbox.engine.types import EngineRefusal, Leg, OrderRequest, PositionMode, Side
from tests.simulation import cast
from tests.simulation.cast import leg_of, rest
from tests.simulation.market import LISTED
from tests.simulation.world import World

USDT = "USDT"


def arm(world: World, body: dict[str, Any]) -> None:
    """Arm a fault at the venue, where the venue can do that now."""
    try:
        world.sandbox.faults.arm(body)
    except EngineRefusal as refusal:
        world.story.tell("fault", f"{body['name']} cannot be: {refusal.reason.value}")
    else:
        world.story.tell("fault", f"armed {body}")


def crash(world: World, points: int) -> None:
    """Kill the daemon at one of its next requests or commits."""
    if world.life is not None:
        world.life.crash_in = points


def restart(world: World) -> None:
    """Ask the daemon to end and begin again."""
    world.wants_restart = True


# Traders


def enter(world: World) -> None:
    """Let every owner take up the positions again that were trimmed, with fresh money where it is gone."""
    for one in world.guarded:
        short = (one.role.deposit / 2 - one.judge.truth.equity).quantize(Decimal("0.01"))
        if short > 0:
            world.engine.transfer(one.name, USDT, short)
        cast.enter(world.engine, one.role)
        resume(world, one.name)
        held = {f"{symbol} {leg.name}": str(size) for (symbol, leg), size in one.judge.truth.held().items()}
        world.story.tell("hand", f"{one.name} holds {held}")


def trade(world: World, account: str, seed: float) -> None:
    """Trade at market by hand: more, less, or something new."""
    random = Random(seed)
    symbol, side = random.choice(LISTED), random.choice((Side.BUY, Side.SELL))
    held = list(world.guarded_by(account).judge.truth.held())
    if held and random.random() < 0.7:
        symbol = random.choice(held)[0]
    instrument, price = world.engine.instrument(symbol), world.engine.ticker(symbol).mark_price
    worth = max(world.engine.wallet(account).equity, Decimal(0)) * Decimal(
        str(random.choice((0.1, 0.4, 1.0)))
    )
    size = max(worth / price // instrument.qty_step * instrument.qty_step, instrument.min_qty)
    hedged = world.engine.position_mode(account, symbol) is PositionMode.HEDGE
    leg = leg_of(random.choice((Side.BUY, Side.SELL))) if hedged else Leg.NET
    _place(world, account, OrderRequest(symbol=symbol, side=side, qty=size, leg=leg))


def close(world: World, account: str, seed: float) -> None:
    """Close a position by hand."""
    random = Random(seed)
    held = world.guarded_by(account).judge.truth.held()
    if held:
        key = random.choice(sorted(held))
        side = Side.SELL if held[key] > 0 else Side.BUY
        request = OrderRequest(symbol=key[0], side=side, qty=abs(held[key]), reduce_only=True, leg=key[1])
        _place(world, account, request)


def remove_stop(world: World, account: str, seed: float) -> None:
    """Take the stop off a position."""
    random = Random(seed)
    held = sorted(world.guarded_by(account).judge.truth.held())
    if held:
        symbol, leg = random.choice(held)
        try:
            world.engine.set_trading_stop(account, symbol, leg, stop_loss=Decimal(0))
        except EngineRefusal as refusal:
            world.story.tell("hand", f"is refused: {refusal.reason.value}")


def leave_order(world: World, account: str, seed: float) -> None:
    """Leave a limit order in the book."""
    rest(world.engine, account, Random(seed))


def deposit(world: World, account: str, seed: float) -> None:
    """Pay in."""
    world.engine.transfer(account, USDT, Decimal(str(round(1_000 + 50_000 * seed, 2))))


def withdraw(world: World, account: str, seed: float) -> None:
    """Take out what may be taken out, or less."""
    free = world.engine.wallet(account).available * Decimal(str(round(seed, 3)))
    amount = free.quantize(Decimal("0.01"))
    if amount > 0:
        try:
            world.engine.transfer(account, USDT, -amount)
        except EngineRefusal as refusal:
            world.story.tell("hand", f"is refused: {refusal.reason.value}")


def _place(world: World, account: str, request: OrderRequest) -> None:
    try:
        order = world.engine.place(account, request)
    except EngineRefusal as refusal:
        world.story.tell(
            "hand", f"{account} {request.side.value} {request.symbol} is refused: {refusal.reason.value}"
        )
        return
    world.story.tell("hand", f"{account} {request.side.value} {order.filled_qty} {request.symbol}")


TRADERS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("manual_trade", trade),
    ("manual_trade", trade),
    ("closed_outside", close),
    ("stop_removed", remove_stop),
    ("order_left", leave_order),
    ("deposit", deposit),
    ("withdrawal", withdraw),
)


# The owner


def halt(world: World, account: str) -> None:
    """Halt an account from the command line, '' for all."""
    _say(world, account, halted=True)


def resume(world: World, account: str) -> None:
    """Lift a halt from the command line."""
    _say(world, account, halted=False)


def _say(world: World, account: str, *, halted: bool) -> None:
    """Write as another process does: through a handle of its own. A full or locked disk refuses it, too."""
    try:
        with open_journal(world.path, wait_seconds=0.0) as journal:
            say = halts.halt if halted else halts.resume
            say(journal, account, who="the owner", why="a seeded day", at=world.clock.now())
    except JournalError as error:
        world.story.tell("hand", f"cannot be recorded: {type(error).__name__}")


# The machine


def skew(world: World, amount: float) -> None:
    """Set the machine's clock wrong, up to a minute either way."""
    world.clock.skew = timedelta(seconds=round((amount - 0.5) * 120, 3))


def unskew(world: World, amount: float) -> None:
    """Set the machine's clock right."""
    world.clock.skew = timedelta(0)


def fill(world: World, amount: float) -> None:
    """Fill the disk."""
    world.fill_disk(True)


def empty(world: World, amount: float) -> None:
    """Make room on the disk."""
    world.fill_disk(False)


def lock(world: World, amount: float) -> None:
    """Let another writer hold the journal."""
    world.lock_disk(True)


def unlock(world: World, amount: float) -> None:
    """Let the journal go."""
    world.lock_disk(False)


def slow_disk(world: World, amount: float) -> None:
    """Make every commit take up to a second and a half."""
    world.disk.seconds = round(0.01 + amount * 1.5, 3)


def fast_disk(world: World, amount: float) -> None:
    """Make commits quick again."""
    world.disk.seconds = 0.0


def slow_net(world: World, amount: float) -> None:
    """Let requests take up to a second each way."""
    world.net.slow = 0.01 + amount


def fast_net(world: World, amount: float) -> None:
    """Make the network quick again."""
    world.net.slow = 0.0


def stand_still(world: World, amount: float) -> None:
    """Stop the process, as SIGSTOP does, for up to half a minute."""
    if world.life is not None:
        world.life.paused_until = world.true.seconds + round(amount * 30, 2)


def go_on(world: World, amount: float) -> None:
    """Let the process go on."""
    if world.life is not None:
        world.life.paused_until = 0.0


def cut(world: World, account: str) -> None:
    """Let an account's requests find nobody."""
    world.net.cut.add(account)


def mend(world: World, account: str) -> None:
    """Connect an account again."""
    world.net.cut.discard(account)


HOST: tuple[tuple[str, Callable[..., None], Callable[..., None]], ...] = (
    ("clock_skew", skew, unskew),
    ("disk_full", fill, empty),
    ("disk_locked", lock, unlock),
    ("slow_fsync", slow_disk, fast_disk),
    ("slow_network", slow_net, fast_net),
    ("paused_process", stand_still, go_on),
)
