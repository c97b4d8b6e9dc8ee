"""`reef size`: the largest position that every rule permits now."""

from enum import StrEnum
from typing import Annotated

import typer

from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, Live
from bot.cli.output import bound, complain, level, measured, number, print_json, say
from bot.cli.output import size as plain
from bot.cli.sights import AccountName, Demo, Recorded, RulesChoice, Sight, Wanted, look
from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.model import Side
from bot.risk.catalogue import definition_of
from bot.stress.sizing import Size
from bot.stress.sizing import size as find_size


class SideWord(StrEnum):
    """Sides, as the command takes them."""

    LONG = "long"
    SHORT = "short"


def size(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A unified symbol such as BTC/USDT:USDT.")],
    side: Annotated[SideWord, typer.Option("--side", help="long or short.")],
    config: Config = DEFAULT_CONFIG,
    account: AccountName = None,
    rules: RulesChoice = None,
    journal: Recorded = None,
    demo: Demo = False,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Find the largest position that may be opened at market with every rule satisfied; sends nothing.

    Rules are held at their limits, those with scenarios under them; the rule that binds is named. Exit code 1
    where nothing may be opened, or an account could not be seen.

    Example: reef size BTC/USDT:USDT --side long --demo
    """
    wanted = Wanted(config, account, journal, demo, live, rules, frozenset({symbol}))
    sights = look(wanted)
    for sight in sights:
        _check_symbol(symbol, sight)
    found = [_sized(sight, symbol, Side(side.value)) for sight in sights]
    if as_json:
        print_json([one if isinstance(one, Size) else {"account": one[0], "error": one[1]} for one in found])
    else:
        for one in found:
            if isinstance(one, Size):
                for line in lines(one):
                    say(line)
            else:
                complain(f"{one[0]}: {one[1]}")
    if not all(isinstance(one, Size) and not one.refused for one in found):
        raise typer.Exit(1)


def _check_symbol(symbol: str, sight: Sight) -> None:
    if sight.given is None:
        return
    known = sight.listed or frozenset(sight.given.snapshot.markets)
    if symbol not in known:
        hint = nearest_hint(symbol, known)
        hint = hint if hint.startswith("did you") else "symbols are written like BTC/USDT:USDT"
        raise MisuseError(f"the venue of {sight.account} has no market {symbol!r} ({hint})")


def _sized(sight: Sight, symbol: str, side: Side) -> Size | tuple[str, str]:
    if sight.given is None or sight.rules is None:
        return sight.account, sight.error
    return find_size(sight.given, sight.rules, symbol, side)


def lines(found: Size) -> list[str]:
    """Tell a size in words."""
    what = f"{found.account}: {found.symbol} {found.side}"
    if found.refused:
        return [f"{what}: nothing may be opened: {found.refused}"]
    told = [f"{what}: at most {plain(found.contracts)} contracts, {number(found.notional, 0)} USD"]
    if found.metric and found.limit is not None:
        unit = definition_of(found.metric).unit.value
        value = "unknown" if found.value is None else measured(unit, found.value)
        told.append(
            f"bound by {found.binding}: {found.metric} is {value} then, limit {bound(unit, found.limit)}"
        )
    else:
        told.append(f"bound by the {found.binding}")
    told.append(
        f"leverage after: {number(found.leverage_after)}; "
        f"liquidation after: {level(found.liquidation_after)}; cost of opening: {number(found.cost)} USD"
    )
    return told
