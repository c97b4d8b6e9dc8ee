"""The doctor's look before `reef run` begins on the live network."""

import asyncio

import structlog

from bot.cli.doctor import examine_accounts, machine_of
from bot.clock import Clock
from bot.doctor import Check, Grade, admit, examine_key, guarded_on_live
from bot.journal import Journal
from bot.settings import AccountSettings, Settings

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 15.0
"""How long a restart waits for the venue's word on keys: the positions are there meanwhile."""


def admit_live(settings: Settings, journal: Journal, clock: Clock) -> None:
    """Look at every account of a journal. Raises as `bot.doctor.admit` does, and closes the journal then."""
    try:
        _admit(settings, journal, clock)
    except BaseException:
        journal.close()
        raise


def _admit(settings: Settings, journal: Journal, clock: Clock) -> None:
    known = guarded_on_live(journal)
    new = [one for one in settings.accounts if one.name not in known]
    old = [one for one in settings.accounts if one.name in known]
    checks = asyncio.run(_looked(settings, new, old, clock))
    for one in checks:
        if one.grade in (Grade.WRONG, Grade.NOTE):
            log.warning("the doctor says", account=one.account, what=one.name, said=one.said, todo=one.todo)
    admit(checks, known)


async def _looked(
    settings: Settings, new: list[AccountSettings], old: list[AccountSettings], clock: Clock
) -> list[Check]:
    checks = list(machine_of(settings, clock)) if new else []
    whole = examine_accounts(settings, new, clock, deep=False)
    keys = asyncio.gather(*(_key(settings, one, clock) for one in old))
    seen, judged = await asyncio.gather(whole, keys)
    return [*checks, *seen, *judged]


async def _key(settings: Settings, account: AccountSettings, clock: Clock) -> Check:
    """Ask about one key; a venue that does not say is no reason to stay away."""
    from bot.bootstrap import gateway_of  # ccxt takes a second to import

    gateway = gateway_of(settings, account, clock)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await examine_key(gateway, clock.now(), live=True, armed=settings.armed)
    except TimeoutError:
        said = f"the venue did not say within {PATIENCE_SECONDS:g} s what the key may do"
        return Check(account.name, "key", Grade.WRONG, said, "It is asked at the next start.")
    finally:
        await gateway.close()
