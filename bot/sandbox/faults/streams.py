"""Faults of streams: connections that stay open and tell less than happened."""

from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.kinds import Kind, Venue, named
from bot.sandbox.stream_rules import Topics


def _topics(fault: Fault) -> Topics:
    return Topics(fault.path or "*", fault.api_key)


def _silence(venue: Venue, fault: Fault) -> None:
    venue.streams.silence(fault, _topics(fault))


def _merge(venue: Venue, fault: Fault) -> None:
    venue.streams.merge(fault, _topics(fault))


def _expire(venue: Venue, fault: Fault) -> None:
    venue.streams.expire(fault, fault.api_key)


def _end(venue: Venue, fault: Fault) -> None:
    venue.streams.end(fault)


STREAMS = named(
    Kind(
        name="silent_stream",
        rows=(20,),
        meaning="sends no data on the topics that the glob `path` matches (all unless given); pings and"
        " subscriptions are answered",
        uses=("path", "api_key", "seconds"),
        lasts=True,
        apply=_silence,
        lift=_end,
    ),
    Kind(
        name="merged_updates",
        rows=(21,),
        meaning="loses the first of every two updates on the topics that the glob `path` matches (all unless"
        " given)",
        uses=("path", "api_key", "seconds"),
        lasts=True,
        apply=_merge,
        lift=_end,
    ),
    Kind(
        name="expired_session",
        rows=(22,),
        meaning="sends no more data to the private connections that are logged in now; a new connection gets"
        " it again",
        uses=("api_key", "seconds"),
        lasts=True,
        apply=_expire,
        lift=_end,
    ),
)
