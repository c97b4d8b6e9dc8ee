"""Faults that are not the venue's: named here with how to make them."""

from bot.sandbox.faults.kinds import Kind, Place, named

ELSEWHERE = named(
    Kind(
        name="poll_storm",
        rows=(25,),
        place=Place.CLIENT,
        meaning="many polls queue before an order",
        by_hand="send some twenty reading calls at once through the client that sends the order",
    ),
    Kind(
        name="disk_full",
        rows=(33,),
        place=Place.JOURNAL,
        meaning="the journal has no room left",
        by_hand="put the journal on a small file system and fill it, or lower SQLite's max_page_count",
    ),
    Kind(
        name="disk_locked",
        rows=(33,),
        place=Place.JOURNAL,
        meaning="somebody else holds the journal's write lock",
        by_hand="run BEGIN IMMEDIATE on the journal in another SQLite connection and leave it open",
    ),
    Kind(
        name="slow_fsync",
        rows=(33,),
        place=Place.JOURNAL,
        meaning="every durable write takes long",
        by_hand="put the journal on a device that delays its flushes, for example dm-delay",
    ),
    Kind(
        name="crash_point",
        rows=(34,),
        place=Place.PROCESS,
        meaning="the process dies between two of the journal's writes",
        by_hand="send the process SIGKILL at that moment, then start it again on the same journal",
    ),
    Kind(
        name="paused_process",
        rows=(35,),
        place=Place.PROCESS,
        meaning="the process stands still past its lease and then goes on",
        by_hand="send the process SIGSTOP (kill -STOP), wait until its lease has ended, then SIGCONT",
    ),
)
