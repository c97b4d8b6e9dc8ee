"""The demo's account inside this process: a sandbox and a gateway without a network."""

from datetime import UTC, datetime

from bot.bootstrap import stats_of
from bot.clock import VirtualClock
from bot.demo.scene import DEPOSIT, POSITIONS, scenario_file
from bot.exchange.factory import make_gateway
from bot.facts import GuardTerms
from bot.inspection import Inspection, inspect
from bot.model import Caps, ProtectionTerms
from bot.rules import RuleSet
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.scenario import load_scenario
from bot.sandbox.engine.types import AccountSpec, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport

ACCOUNT = "demo"
_TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)
_NOWHERE = "http://127.0.0.1:1"


async def look_inside(rules: RuleSet, also: frozenset[str] = frozenset()) -> Inspection:
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
        venue="bybit",
        network="sandbox",
        api_key=ACCOUNT,
        api_secret=ACCOUNT,
        clock=clock,
        base_url=_NOWHERE,
        transport=InProcessTransport(Sandbox(engine).handle),
    )
    try:
        return await inspect(gateway, stats_of(gateway, clock), rules, _TERMS, clock, None, None, also)
    finally:
        await gateway.close()
