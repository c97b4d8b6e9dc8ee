"""Settings: what a file means, where secrets come from, and every mistake with its place."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.bootstrap import terms_of
from bot.documents import MistakesError, parse_document
from bot.model import (
    ApprovalTerms,
    Caps,
    ChurnTerms,
    Policy,
    PriceTerms,
    ProtectionTerms,
    Stranger,
    Unanswered,
)
from bot.settings import (
    LogFormat,
    LogLevel,
    LogSettings,
    Mode,
    Network,
    Settings,
    StreamSettings,
    load_settings,
    secret_names,
)
from bot.settings.shapes import (
    AccountShape,
    ApprovalsShape,
    CapsShape,
    ChurnShape,
    LogShape,
    PricesShape,
    ProtectionShape,
    RetentionShape,
    SettingsShape,
    StartupShape,
    StrangerMatchShape,
    StrangerShape,
)
from bot.settings.signals import SignalShape

ROOT = Path(__file__).resolve().parent.parent
PLANTED = "pLaNtEd5eCrEt"
KEYS = {"REEF_MAIN_API_KEY": "key-of-main", "REEF_MAIN_SECRET": "secret-of-main"}
TOP = {"network": "testnet"}
ACCOUNT = {"name": "main", "venue": "bybit"}


def load(
    tmp_path: Path, text: str, environ: Mapping[str, str] = KEYS, *, live: bool = False, connect: bool = True
) -> Settings:
    path = tmp_path / "reef.yaml"
    path.write_text(text)
    return load_settings(path, environ, live=live, connect=connect)


def mistakes(
    tmp_path: Path, text: str, environ: Mapping[str, str] = KEYS, *, live: bool = False, connect: bool = True
) -> list[str]:
    """Return the mistakes without the folder of the file."""
    with pytest.raises(MistakesError) as error:
        load(tmp_path, text, environ, live=live, connect=connect)
    assert error.value.exit_code == 2
    assert PLANTED not in str(error.value)
    return str(error.value).replace(f"{tmp_path}/", "").splitlines()


def written(top: Mapping[str, str], account: Mapping[str, str] = ACCOUNT) -> str:
    """Write a file; '' takes a key out."""
    lines = [f"{key}: {value}" for key, value in {**TOP, **top}.items() if value]
    inner = ", ".join(f"{key}: {value}" for key, value in {**ACCOUNT, **account}.items() if value)
    return "\n".join(["accounts:", f"  - {{{inner}}}", *lines]) + "\n"


def bare(told: list[str]) -> list[str]:
    return [line.split(": ", 1)[1] for line in told]


def test_defaults_are_the_careful_ones(tmp_path: Path) -> None:
    found = load(tmp_path, written({}))
    assert (found.mode, found.armed, found.network) == (Mode.OBSERVE, False, Network.TESTNET)
    assert found.path == tmp_path / "reef.yaml"
    assert found.journal == tmp_path / "reef.db"
    assert (found.poll_interval, found.reconcile_interval) == (timedelta(seconds=2), timedelta(minutes=1))
    assert (found.housekeeping_interval, found.max_age) == (timedelta(hours=1), timedelta(seconds=10))
    assert found.streams == StreamSettings(
        enabled=True,
        interval=timedelta(milliseconds=250),
        move=Decimal("0.0025"),
        silence=timedelta(seconds=10),
        renewal=timedelta(minutes=30),
    )
    assert (found.caps, found.protection, found.prices) == (Caps(), ProtectionTerms(), PriceTerms())
    assert found.log == LogSettings(LogFormat.PEOPLE, LogLevel.INFO)
    (account,) = found.accounts
    assert (account.name, account.venue, account.rules, account.base_url) == (
        "main",
        "bybit",
        "balanced",
        None,
    )
    assert account.api_key.get_secret_value() == "key-of-main"
    assert account.secret.get_secret_value() == "secret-of-main"
    assert "of-main" not in repr(found)
    assert found.account("main") is account
    assert found.account("other") is None


def test_a_file_means_what_it_says(tmp_path: Path) -> None:
    text = """\
mode: act
network: sandbox
journal: data/reef.db
rules: lifeline
base_url: http://127.0.0.1:8899/
poll_interval: 500ms
reconcile_interval: 30s
housekeeping_interval: 10m
max_age: 5s
streams: false
stream_interval: 1s
stream_move: 1%
stream_silence: 30s
stream_renewal: 1h
accounts:
  - {name: fund-1, venue: bybit, api_key_env: MY_KEY, secret_env: MY_SECRET, rules: mine.yaml}
  - {name: main, venue: bybit, base_url: "https://[::1]:9000"}
caps: {actions_per_hour: 10, notional_per_day: 500k, loss_per_day: 5_000, max_slippage: 1.5%, max_share: 50%}
prices: {band: 3%, jump: 15%, confirmations: 5, waive_at: 70%}
protection: {enabled: false, distance_share: 50%, slippage: 3%, tolerance: 0.5%}
log: {format: json, level: debug}
"""
    found = load(tmp_path, text, KEYS | {"MY_KEY": "a", "MY_SECRET": "b"})
    assert found.armed
    assert found.journal == tmp_path / "data/reef.db"
    assert found.poll_interval == timedelta(milliseconds=500)
    assert found.caps == Caps(10, Decimal(500_000), Decimal(5000), Decimal("0.015"), Decimal("0.5"))
    assert found.prices == PriceTerms(0.03, 0.15, 5, 0.7)
    assert found.protection == ProtectionTerms(False, 0.5, 0.03, 0.005)
    assert found.streams == StreamSettings(
        enabled=False,
        interval=timedelta(seconds=1),
        move=Decimal("0.01"),
        silence=timedelta(seconds=30),
        renewal=timedelta(hours=1),
    )
    assert found.log == LogSettings(LogFormat.JSON, LogLevel.DEBUG)
    first, second = found.accounts
    assert (first.rules, first.base_url) == ("mine.yaml", "http://127.0.0.1:8899")
    assert (first.api_key.get_secret_value(), first.secret.get_secret_value()) == ("a", "b")
    assert (second.rules, second.base_url) == ("lifeline", "https://[::1]:9000")


def test_the_sample_loads_and_holds_every_setting(tmp_path: Path) -> None:
    text = (ROOT / "config" / "reef.yaml").read_text()
    found = load(tmp_path, text)
    assert found == load(tmp_path, written({}))
    plain = text.replace("# ", "")
    for shape in (
        SettingsShape,
        AccountShape,
        CapsShape,
        ProtectionShape,
        PricesShape,
        ApprovalsShape,
        StartupShape,
        ChurnShape,
        LogShape,
        RetentionShape,
    ):
        for key in shape.known_keys():
            assert f"{key}:" in plain
    for key in SignalShape.known_keys():
        assert f"{key}:" in plain


@pytest.mark.parametrize(
    ("account", "names"),
    [
        ("main", ("REEF_MAIN_API_KEY", "REEF_MAIN_SECRET")),
        ("fund-1", ("REEF_FUND_1_API_KEY", "REEF_FUND_1_SECRET")),
    ],
)
def test_the_names_of_secrets(account: str, names: tuple[str, str]) -> None:
    assert secret_names(account) == names


def test_secrets_come_from_a_file_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.env"
    secrets.write_text('# keys\nREEF_MAIN_API_KEY="from file"\n\nexport REEF_MAIN_SECRET=also\nEMPTY=\n')
    secrets.chmod(0o600)
    text = written({"secrets": "secrets.env"})
    (account,) = load(tmp_path, text, {}).accounts
    assert (account.api_key.get_secret_value(), account.secret.get_secret_value()) == ("from file", "also")
    (account,) = load(tmp_path, text, {"REEF_MAIN_API_KEY": "from environment"}).accounts
    assert account.api_key.get_secret_value() == "from environment"


def test_secrets_come_from_the_credentials_of_a_systemd_unit(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "REEF_MAIN_API_KEY").write_text("from systemd\n")
    (folder / "REEF_MAIN_SECRET").write_text("also")
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    (account,) = load(tmp_path, written({}), environ).accounts
    assert (account.api_key.get_secret_value(), account.secret.get_secret_value()) == ("from systemd", "also")
    (account,) = load(tmp_path, written({}), {**environ, "REEF_MAIN_SECRET": "nearer"}).accounts
    assert account.secret.get_secret_value() == "nearer"
    (folder / "REEF_MAIN_SECRET").unlink()
    (told,) = mistakes(tmp_path, written({}), environ)
    assert "has no secret" in told
    (folder / "REEF_MAIN_SECRET").write_bytes(b"\xff\xfe")
    told = "\n".join(mistakes(tmp_path, written({}), environ))
    assert "REEF_MAIN_SECRET" in told


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777])
def test_a_secrets_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secrets = tmp_path / "secrets.env"
    secrets.write_text(f"REEF_MAIN_API_KEY={PLANTED}\n")
    secrets.chmod(mode)
    told = mistakes(tmp_path, written({"secrets": "secrets.env"}), {})
    what = f"others may read or change the secrets (rights {mode:04o})"
    assert told == [f"secrets.env: {what} (chmod 600 secrets.env)"]


def test_a_secrets_file_that_cannot_be_used(tmp_path: Path) -> None:
    text = written({"secrets": "secrets.env"})
    assert mistakes(tmp_path, text, {}) == ["secrets.env: there is no such file"]
    secrets = tmp_path / "secrets.env"
    secrets.touch(0o600)
    secrets.write_text(f"\n{PLANTED}\n")
    assert mistakes(tmp_path, text, {}) == ["secrets.env:2:1: not a setting; expected NAME=value"]
    secrets.write_text(f"REEF_MAIN_SECRET={PLANTED}\n")
    told = mistakes(tmp_path, text, {"REEF_MAIN_API_KEY": " "})
    what = "account 'main' has no API key: set REEF_MAIN_API_KEY"
    assert told == [f"reef.yaml:2:5: {what} (or write it into the secrets file)"]


def test_missing_secrets_are_told_for_every_account(tmp_path: Path) -> None:
    accounts = "  - {name: a, venue: bybit, secret_env: S}\n  - {name: b, venue: bybit}\n"
    text = f"network: testnet\naccounts:\n{accounts}"
    where = "(or name a secrets file)"
    assert mistakes(tmp_path, text, {}) == [
        f"reef.yaml:3:5: account 'a' has no API key: set REEF_A_API_KEY {where}",
        f"reef.yaml:3:5: account 'a' has no secret: set S {where}",
        f"reef.yaml:4:5: account 'b' has no API key: set REEF_B_API_KEY {where}",
        f"reef.yaml:4:5: account 'b' has no secret: set REEF_B_SECRET {where}",
    ]


def test_commands_that_only_read_the_journal_need_no_secrets(tmp_path: Path) -> None:
    text = written({"network": "live", "secrets": "not-there.env"})
    found = load(tmp_path, text, {}, connect=False)
    assert found.accounts[0].api_key.get_secret_value() == ""
    assert mistakes(tmp_path, written({"network": "moon"}), {}, connect=False)


@pytest.mark.parametrize("key", ["api_key", "apiKey", "secret", "api-secret", "password", "token"])
def test_a_secret_in_the_file_is_refused_and_never_shown(tmp_path: Path, key: str) -> None:
    take_out = "secrets do not belong in this file; take it out and make a new key"
    told = mistakes(tmp_path, written({}, {key: PLANTED}))
    assert bare(told) == [
        f"'{key}': {take_out} (set REEF_MAIN_API_KEY and REEF_MAIN_SECRET in the environment)"
    ]
    told = mistakes(tmp_path, written({key: PLANTED}, {"name": "5"}))
    assert bare(told)[-1].startswith(f"'{key}': {take_out}")


def test_a_secret_where_the_name_of_a_variable_belongs_is_never_shown(tmp_path: Path) -> None:
    told = mistakes(tmp_path, written({}, {"api_key_env": PLANTED, "secret_env": "5"}))
    what = "this is not the name of an environment variable; expected a name such as REEF_MAIN_API_KEY"
    assert bare(told) == [f"api_key_env: {what}", f"secret_env: {what}"]


def test_what_the_owner_is_asked_and_what_is_left_alone(tmp_path: Path) -> None:
    strangers = "[{match: {account: m*, symbol: [doge*, 'ETH/USDT:USDT'], side: short}, policy: watch}]"
    found = load(
        tmp_path,
        written(
            {
                "mode": "approve",
                "approvals": "{deadline: 1m, then: act, room: 5%}",
                "startup": "{grace: 30s}",
                "churn": "{times: 2, within: 1m, pause: 90s}",
                "strangers": strangers,
            }
        ),
    )
    assert found.armed
    assert found.approvals == ApprovalTerms(True, timedelta(minutes=1), Unanswered.ACT, 0.05)
    assert found.grace == timedelta(seconds=30)
    assert found.churn == ChurnTerms(2, timedelta(minutes=1), timedelta(seconds=90))
    assert found.strangers == (Stranger(Policy.WATCH, ("m*",), ("DOGE*", "ETH/USDT:USDT"), ("short",)),)
    terms = terms_of(found, found.accounts[0])
    assert (terms.grace_seconds, terms.approvals.every) == (30.0, True)
    plain = load(tmp_path, written({"mode": "act"}))
    assert not plain.approvals.every
    assert plain.strangers == ()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("main", "hedged_by: an account does not hedge itself; expected another account"),
        ("shrt", "hedged_by: no account is called 'shrt' (did you mean 'short'?)"),
    ],
)
def test_an_account_is_hedged_by_another_that_is_there(tmp_path: Path, other: str, told: str) -> None:
    second = "  - {name: short, venue: bybit, api_key_env: REEF_MAIN_API_KEY, secret_env: REEF_MAIN_SECRET}\n"
    text = written({}, {"hedged_by": "short"}).replace("}\n", "}\n" + second, 1)
    first, _ = load(tmp_path, text).accounts
    assert first.hedged_by == "short"
    assert bare(mistakes(tmp_path, text.replace("hedged_by: short", f"hedged_by: {other}"))) == [told]


def test_an_account_without_a_name_is_no_hint(tmp_path: Path) -> None:
    text = written({}, {"hedged_by": "short"}).replace("}\n", "}\n  - {venue: bybit}\n", 1)
    told = bare(mistakes(tmp_path, text))
    assert told == ["hedged_by: no account is called 'short' (known: main)", "'name' is missing"]


def test_live_needs_two_words(tmp_path: Path) -> None:
    word, flag = (
        f"live trades real money: {rest}"
        for rest in ("write live: true as well", "give --live on the command line as well")
    )
    alone = written({"network": "live"})
    both = written({"network": "live", "live": "true"})
    assert load(tmp_path, both, live=True).network is Network.LIVE
    assert bare(mistakes(tmp_path, alone)) == [flag, word]
    assert bare(mistakes(tmp_path, alone, live=True)) == [word]
    assert bare(mistakes(tmp_path, both)) == [flag]
    assert bare(mistakes(tmp_path, written({}), live=True)) == [
        "--live was given, but the network is testnet; expected live"
    ]
    odd = mistakes(tmp_path, written({"network": "live", "live": "yes"}), live=True)
    assert bare(odd) == ["live: 'yes' is not right; expected true or false"]


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for shape, prefix in (
        (SettingsShape, ""),
        (AccountShape, "accounts."),
        (CapsShape, "caps."),
        (ProtectionShape, "protection."),
        (PricesShape, "prices."),
        (ApprovalsShape, "approvals."),
        (StartupShape, "startup."),
        (ChurnShape, "churn."),
        (StrangerShape, "strangers."),
        (StrangerMatchShape, "strangers.match."),
        (LogShape, "log."),
        (SignalShape, "signals."),
        (RetentionShape, "retention."),
    ):
        for key in shape.known_keys():
            assert f"| `{prefix}{key}` |" in text, f"{prefix}{key} is not documented"
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(set(rows))


def test_the_examples_in_the_docs_are_right(tmp_path: Path) -> None:
    blocks = [
        block
        for name in ("settings.md", "signals.md")
        for block in (ROOT / "docs" / name).read_text().split("```yaml\n")[1:]
    ]
    for block in blocks:
        text = block.split("```")[0]
        parse_document(text, "docs/settings.md")
        assert load(tmp_path, text).accounts
