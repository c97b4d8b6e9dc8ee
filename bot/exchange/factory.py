"""Makes gateways out of plain arguments."""

from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from bot.clock import Clock
from bot.errors import MisuseError
from bot.exchange.budget import Budget, Lane, allowance_of
from bot.exchange.budget_file import open_record
from bot.exchange.catalog import Catalog
from bot.exchange.client import BybitClient, Leave, quiet
from bot.exchange.gate import Gate
from bot.exchange.gateway import CcxtGateway
from bot.exchange.parts import Profile
from bot.exchange.scrub import Scrubber
from bot.exchange.transport import Transport
from bot.exchange.venues.bybit import Bybit

Network = Literal["sandbox", "testnet", "live"]

VENUES: dict[str, type[Bybit]] = {"bybit": Bybit}
SHARE, RESERVE = 0.75, 0.2
"""The share of a venue's limit that this host uses (others may share its address), and of that what is kept
for orders."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def make_gateway(
    *,
    account: str,
    venue: str,
    network: Network,
    api_key: str,
    api_secret: str,
    clock: Clock,
    base_url: str | None = None,
    transport: Transport | None = None,
    timeout_seconds: float = 10.0,
    receive_window_ms: int = 5000,
    catalog: Catalog | None = None,
    budget: Budget | None = None,
    leave: Leave | None = None,
) -> CcxtGateway:
    """Make the gateway of one account. Nothing is sent yet.

    `base_url` belongs to the sandbox and must be on loopback. `transport` replaces the network, and
    with it the account's own rate limit, which counts real seconds. `catalog` (another gateway's) lets
    accounts of one venue and network share markets and tiers; `budget` (of `make_budget`) lets them share
    what the host may send, else the account has one of its own. `leave` has the last word on each order,
    stop and cancel, after it was signed. Raises MisuseError.
    """
    if venue not in VENUES:
        raise MisuseError(f"account {account}: no venue {venue!r}; there is {', '.join(VENUES)}")
    _check_network(account, network, base_url)
    profile: Profile = VENUES[venue]()
    scrub = Scrubber((api_key, api_secret))
    config = {
        "apiKey": api_key,
        "secret": api_secret,
        "timeout": round(timeout_seconds * 1000),
        "enableRateLimit": transport is None,
        "timeout_on_exit": 0 if base_url is not None else 250,
        "options": {**profile.options, "recvWindow": receive_window_ms},
    }

    gate = Gate(budget or Budget(allowance_of(profile.ip_limit, SHARE, RESERVE), clock), clock)

    def client(lane: Lane) -> BybitClient:
        check = partial(profile.check, scrub)
        made = quiet(BybitClient(config, clock, transport, check, gate.lane(lane), leave))
        point(made, profile, network, base_url)
        return made

    reader = client(Lane.POLL)
    return CcxtGateway(
        account=account,
        network=network,
        venue=profile,
        reader=reader,
        looker=client(Lane.ORDER),
        trader=client(Lane.ORDER),
        gate=gate,
        clock=clock,
        scrub=scrub,
        catalog=catalog or Catalog(profile, reader.safe_currency_code),
    )


def make_budget(
    *,
    venue: str,
    network: Network,
    clock: Clock,
    base_url: str | None = None,
    folder: Path | None = None,
    share: float = SHARE,
    reserve: float = RESERVE,
) -> Budget:
    """Make the budget that all processes of this user share at one venue and network.

    It is kept in `folder`, else in the user's own for the session. Each sandbox has a budget of its own.
    """
    place = f"-{urlsplit(base_url).port or 0}" if base_url is not None else ""
    record = open_record(folder, f"{venue}-{network}{place}")
    return Budget(allowance_of(VENUES[venue].ip_limit, share, reserve), clock, record)


def _check_network(account: str, network: Network, base_url: str | None) -> None:
    if network not in ("sandbox", "testnet", "live"):
        raise MisuseError(f"account {account}: network {network!r} must be sandbox, testnet or live")
    if (network == "sandbox") != (base_url is not None):
        raise MisuseError(f"account {account}: a base URL belongs to the network sandbox, and only there")
    if base_url is not None and urlsplit(base_url).hostname not in LOOPBACK:
        raise MisuseError(f"account {account}: the sandbox must be on this machine, not at {base_url}")


def point(client: Any, profile: Profile, network: Network, base_url: str | None) -> None:
    """Point a client at its network. Overrides come after the sandbox mode, which replaces all URLs."""
    client.has["fetchCurrencies"] = False
    if network == "testnet":
        if profile.demo_trading:
            client.enable_demo_trading(True)
        else:
            client.set_sandbox_mode(True)
    if base_url is not None:
        client.urls["api"] = dict.fromkeys(client.urls["api"], base_url.rstrip("/"))
