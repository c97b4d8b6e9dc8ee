"""The demo's account inside this process: a sandbox and a gateway without a network.

`python -m bot.demo.inside > config/demo-account.json` writes what is then read by `bot.demo.recorded`.
"""

import asyncio
import sys
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from bot.clock import VirtualClock
from bot.decision import DecisionInput
from bot.demo.recorded import ACCOUNT, Inside
from bot.demo.scene import DEPOSIT, POSITIONS, scenario_file
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.logs import configure_logs
from bot.market_stats import REFERENCE, REFERENCE_SYMBOLS, StatsKeeper
from bot.model import Caps, PriceTerms, ProtectionTerms, Usage
from bot.risk.flows import Flows
from bot.rules import RuleSet, RulesMemory, load_rules, profile_path
from bot.rules.wanted import buys_options, hedging_symbols
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.scenario import load_scenario
from bot.sandbox.engine.types import AccountSpec, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport

VENUE = "bybit"
MAX_AGE_S = 10.0
IMPACT = 0.0005
_NOWHERE = "http://127.0.0.1:1"


async def look_inside(rules: RuleSet, also: frozenset[str] = frozenset()) -> Inside:
    """Look at the account once, at markets of `also` too."""
    feed = load_scenario(scenario_file())
    engine = Engine(EngineClock(feed.start_ms), feed)
    engine.add_account(AccountSpec(api_key=ACCOUNT, secret=ACCOUNT, deposit=DEPOSIT, account_id=ACCOUNT))
    for one in POSITIONS:
        side = Side.BUY if one.side == "long" else Side.SELL
        engine.open_position(ACCOUNT, one.symbol, side, one.qty, None, one.leverage)
    clock = VirtualClock(datetime.fromtimestamp(feed.start_ms / 1000, UTC))
    gateway = make_gateway(
        account=ACCOUNT,
        venue=VENUE,
        network="sandbox",
        api_key=ACCOUNT,
        api_secret=ACCOUNT,
        clock=clock,
        base_url=_NOWHERE,
        transport=InProcessTransport(Sandbox(engine).handle),
    )
    try:
        seen = await _seen(gateway, rules, clock, also)
        return Inside(seen, gateway.market_symbols(), REFERENCE_SYMBOLS[VENUE])
    finally:
        await gateway.close()


async def _seen(
    gateway: CcxtGateway, rules: RuleSet, clock: VirtualClock, also: frozenset[str]
) -> DecisionInput:
    """See it as a guard does at its first look, without a journal."""
    stats = StatsKeeper(gateway, REFERENCE_SYMBOLS[VENUE], REFERENCE, clock.now())
    gateway.show(hedging_symbols(rules, stats.reference_symbol) | also)
    gateway.show_options(buys_options(rules))
    snapshot = await gateway.snapshot()
    await stats.refresh(
        {one.symbol for one in snapshot.positions} | (also & set(snapshot.markets)), clock.now()
    )
    return DecisionInput(
        at=clock.now(),
        snapshot=snapshot,
        stats=stats.stats,
        ledger=None,
        flows=Flows(),
        memory=RulesMemory(),
        usage=Usage(0, Decimal(0), Decimal(0)),
        caps=Caps(),
        protection=ProtectionTerms(),
        max_age_seconds=MAX_AGE_S,
        impact=IMPACT,
        steps_taken={},
        price_terms=PriceTerms(),
    )


async def look_everywhere() -> Inside:
    """Look at every market that the venue lists."""
    rules = load_rules(profile_path("observe"))
    listed = (await look_inside(rules)).listed
    return await look_inside(rules, listed)


def written(seen: Inside) -> bytes:
    """Write a look as the file holds it."""
    return msgspec.json.format(msgspec.json.encode(seen, order="sorted"), indent=1) + b"\n"


if __name__ == "__main__":
    configure_logs(as_json=False, level="error", secrets=[])
    sys.stdout.buffer.write(written(asyncio.run(look_everywhere())))
