"""What the demo is played with: the scenario, two equal accounts, and the guard's settings."""

import secrets
import sys
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from bot.demo import hedged
from bot.demo.hedged import Hedging
from bot.demo.process import Child, DemoError
from bot.demo.tempo import hastened
from bot.demo.venue import Opening, Venue
from bot.rules import profile_path

GUARDED, TWIN = "guarded", "twin"
DEPOSIT = Decimal(100_000)
SPEED = 350.0
"""Market time runs so many times as fast as a clock."""

POSITIONS = (
    Opening(symbol="BTCUSDT", side="long", qty=Decimal("1.35"), leverage=Decimal(10)),
    Opening(symbol="ETHUSDT", side="long", qty=Decimal("23.5"), leverage=Decimal(10)),
    Opening(symbol="SOLUSDT", side="long", qty=Decimal(302), leverage=Decimal(10)),
)
"""At the scenario's first prices about 350,000 USD: leverage 3.5."""

REFERENCE = "BTCUSDT"
SCENARIO = "november-2025"
PROFILE = "balanced"
RULES = "rules.yaml"
CONFIG = """\
# What the demo's daemon was told. The keys come through the environment.
mode: act
network: sandbox
base_url: {url}
journal: reef.sqlite
rules: {rules}
poll_interval: 250ms
caps: {{actions_per_hour: 600}}   # hours of market time pass in seconds here
accounts:
  - {{name: {account}, venue: bybit}}
"""

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "shipped" / "config" / "scenarios", _PACKAGE.parent / "config" / "scenarios")


class Keys(Struct, frozen=True):
    """API key and secret of one account, made for one run."""

    api_key: str
    secret: str

    def __repr__(self) -> str:
        return "Keys(...)"


class Cast(Struct, frozen=True):
    """The two accounts."""

    guarded: Keys
    twin: Keys


def scenario_file(name: str = SCENARIO) -> Path:
    """A scenario that ships with Reef, inside the package or beside it. Raises `DemoError`."""
    for folder in _FOLDERS:
        file = folder / f"{name}.yaml"
        if file.is_file():
            return file
    raise DemoError(f"the scenario {name} is missing; install Reef again")


def new_keys(name: str) -> Keys:
    """Random keys for an account."""
    return Keys(api_key=f"{name}-{secrets.token_hex(8)}", secret=secrets.token_hex(24))


def open_accounts(venue: Venue, hedging: Hedging | None = None) -> Cast:
    """Open two equal accounts with three leveraged longs each."""
    mode = "one_way" if hedging is None else hedged.WAYS[hedging].position_mode
    cast = Cast(guarded=new_keys(GUARDED), twin=new_keys(TWIN))
    for keys in (cast.guarded, cast.twin):
        venue.open_account(keys.api_key, keys.secret, DEPOSIT, POSITIONS, mode)
    return cast


def write_config(folder: Path, url: str, speed: float = SPEED, hedging: Hedging | None = None) -> Path:
    """Write the guard's settings and rules into `folder` and return the settings' file."""
    text, name, more = profile_path(PROFILE).read_text(encoding="utf-8"), f"profile {PROFILE}", ""
    if hedging is not None:
        text, name, more = hedged.rules_of(hedging), f"rules that hedge ({hedging.value})", hedged.SETTINGS
    (folder / RULES).write_text(hastened(text, speed, name), encoding="utf-8")
    file = folder / "reef.yaml"
    settings = CONFIG.format(url=url, rules=RULES, account=GUARDED)
    file.write_text(settings + more, encoding="utf-8")
    return file


def exchange(folder: Path, *, seed: int, speed: float = SPEED, scenario: str = SCENARIO) -> Child:
    """The exchange, not yet started; its market waits until it is told to run."""
    options = ["--venue", "bybit", "--port", "0", "--time", "scaled", "--speed", str(speed), "--paused"]
    played = ["--scenario", str(scenario_file(scenario)), "--seed", str(seed)]
    return Child("exchange", [*reef(), "sandbox", "serve", *options, *played], folder)


def daemon(folder: Path, config: Path, keys: Keys) -> Child:
    """The guard's daemon, not yet started. Its keys are in its own environment only."""
    return Child("daemon", daemon_command(config), folder, environment(keys))


def daemon_command(config: Path) -> list[str]:
    """The command that runs the daemon."""
    return [*reef(), "run", "--config", str(config)]


def environment(keys: Keys) -> dict[str, str]:
    """The variables that carry the keys of the guarded account."""
    name = GUARDED.upper()
    return {f"REEF_{name}_API_KEY": keys.api_key, f"REEF_{name}_SECRET": keys.secret}


def reef() -> list[str]:
    """The command `reef` of this very installation."""
    return [sys.executable, "-m", "bot.cli"]
