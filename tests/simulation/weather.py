"""What goes wrong on a seeded day, and when: a schedule of acts, drawn before the day begins."""

from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from tests.simulation import hands, recipes
from tests.simulation.cast import MOVER, Role
from tests.simulation.market import APART_S, FIRST_STORM_S, LAST_STORM_S, Storm
from tests.simulation.world import World

LIFT = "lift"
AT_ONCE = 0.5
ENTRY, ENTRY_LATER = 0.9, 0.6
"""How likely owners take up positions again as a storm begins, and once more inside it."""
NAMED = frozenset(
    {
        "crash_point",
        "restart",
        "refused_connection",
        *(name for name, _ in hands.TRADERS),
        *(h[0] for h in hands.HOST),
    }
)
"""Faults that are not the venue's; of those the sandbox counts the strikes."""


class Act(msgspec.Struct, frozen=True):
    """Something that happens at a moment of the day, in seconds."""

    at: float
    name: str
    do: Callable[[World], None]


class Weather(msgspec.Struct, frozen=True):
    """A day's schedule."""

    busy: tuple[Storm, ...]
    """Storms of the market and incidents in calm, in the order of time: guards poll often then."""
    acts: tuple[Act, ...]

    def busy_at(self, seconds: float) -> bool:
        """Whether something is going on at a moment."""
        return any(one.holds(seconds) for one in self.busy)

    def next_busy(self, seconds: float) -> float | None:
        """When something begins next; None where nothing does."""
        return next((float(one.begin) for one in self.busy if one.begin > seconds), None)


def make_weather(seed: int, storms: tuple[Storm, ...], roles: tuple[Role, ...]) -> Weather:
    """Draw the schedule of a seed."""
    random = Random(f"weather:{seed}")
    busy = tuple(sorted((*storms, *_incidents(random, storms)), key=lambda one: one.begin))
    acts: list[Act] = []
    for storm in busy:
        acts += _acts(random, storm, roles)
    return Weather(busy, tuple(sorted(acts, key=lambda one: one.at)))


def _incidents(random: Random, storms: tuple[Storm, ...]) -> list[Storm]:
    made: list[Storm] = []
    for _ in range(random.choice((1, 2, 3))):
        begin = random.randrange(FIRST_STORM_S, LAST_STORM_S)
        end = begin + random.randrange(30, 90)
        if all(end + APART_S / 4 < one.begin or begin > one.end + APART_S / 4 for one in (*storms, *made)):
            made.append(Storm("incident", begin, end, ()))
    return made


def _acts(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    """Draw what happens inside one storm; everything is lifted at its end."""
    acts = [_venue_fault(random, storm, roles) for _ in range(random.choice((4, 7, 10)))]
    for begin, chance in ((storm.begin, ENTRY), (random.uniform(storm.begin, storm.end), ENTRY_LATER)):
        if random.random() < chance:
            acts.append(Act(begin + random.uniform(0, 4), "entry", hands.enter))
    for chance, draw in CHANCES:
        left = chance
        while random.random() < left:
            acts += draw(random, storm, roles)
            left /= 2
    acts.append(Act(storm.end, LIFT, World.lift))
    return acts


def _moment(random: Random, storm: Storm) -> float:
    """Draw a moment, often just after positions were taken up: orders are about to leave then."""
    last = storm.end - 2
    if random.random() < AT_ONCE:
        return round(storm.begin + random.uniform(0.0, 5.0), 1)
    return round(random.uniform(storm.begin, last), 1)


def _venue_fault(random: Random, storm: Storm, roles: tuple[Role, ...]) -> Act:
    body = recipes.fault(random, [one.name for one in roles], MOVER)
    return Act(_moment(random, storm), body["name"], partial(hands.arm, body=body))


def _crash(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    points = random.choice((1, 3, 8, 20, 40)) + random.randrange(20)
    return [Act(_moment(random, storm), "crash_point", partial(hands.crash, points=points))]


def _restart(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    return [Act(_moment(random, storm), "restart", hands.restart)]


def _by_hand(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    name, do = random.choice(hands.TRADERS)
    seed, account = random.random(), random.choice(roles).name
    return [Act(_moment(random, storm), name, partial(do, account=account, seed=seed))]


def _host(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    """Draw something about the guard's own machine, and its end."""
    at = _moment(random, storm)
    name, do, undo = random.choice(hands.HOST)
    amount = random.random()
    ends = min(storm.end, at + random.choice((2.0, 8.0, 20.0)))
    return [
        Act(at, name, partial(do, amount=amount)),
        Act(ends, f"{name} ends", partial(undo, amount=amount)),
    ]


def _owner(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    at, account = _moment(random, storm), random.choice((*(one.name for one in roles), ""))
    halt = Act(at, "halt", partial(hands.halt, account=account))
    return [halt, Act(storm.end + 30.0, "resume", partial(hands.resume, account=account))]


def _cut(random: Random, storm: Storm, roles: tuple[Role, ...]) -> list[Act]:
    at, account = _moment(random, storm), random.choice(roles).name
    ends = min(storm.end, at + random.choice((1.0, 5.0, 25.0)))
    return [
        Act(at, "refused_connection", partial(hands.cut, account=account)),
        Act(ends, "refused_connection ends", partial(hands.mend, account=account)),
    ]


Draw = Callable[[Random, Storm, tuple[Role, ...]], list[Act]]
CHANCES: tuple[tuple[float, Draw], ...] = (
    (0.8, _crash),
    (0.3, _restart),
    (0.7, _by_hand),
    (0.5, _host),
    (0.15, _owner),
    (0.2, _cut),
)
"""How likely a storm has each; a second of the same is half as likely."""
