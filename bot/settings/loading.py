"""The settings file: YAML in, Settings or all mistakes out."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import SecretStr

from bot.documents import (
    Checked,
    Document,
    KeyPath,
    Mistake,
    MistakesError,
    Words,
    check_shape,
    nearest_hint,
    read_document,
)
from bot.model import ApprovalTerms, Caps, ChurnTerms, PriceTerms, ProtectionTerms, Stranger
from bot.settings.notices import NoticeLoader, Purse
from bot.settings.secrets import INLINE, read_credential, read_secrets_file, secret_names
from bot.settings.shapes import (
    LATER_KEYS,
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
from bot.settings.signals import SignalReader
from bot.settings.values import AccountSettings, LogSettings, Mode, Network, Settings, StreamSettings

WORDS: Words = {
    ("caps",): CapsShape.known_keys(),
    ("protection",): ProtectionShape.known_keys(),
    ("prices",): PricesShape.known_keys(),
    ("approvals",): ApprovalsShape.known_keys(),
    ("startup",): StartupShape.known_keys(),
    ("churn",): ChurnShape.known_keys(),
    ("log",): LogShape.known_keys(),
    ("retention",): RetentionShape.known_keys(),
}

STRANGER_WORDS: Words = {("match",): StrangerMatchShape.known_keys()}


def load_settings(
    path: Path,
    environ: Mapping[str, str],
    *,
    live: bool = False,
    connect: bool = True,
    tokens: bool | None = None,
    judge: Callable[[str], str] | None = None,
) -> Settings:
    """Load a settings file. `live` is the command line's `--live`.

    With `connect` False, for commands that only read the journal, neither secrets nor `--live` are asked for;
    with `tokens` the secrets of signals are, whatever `connect` says. `judge` says what is wrong with a
    channel's address, without showing it.
    Raises `MistakesError` (exit code 2) with every mistake, each with its place.
    """
    document = read_document(path)
    wanted = connect if tokens is None else tokens
    return _Loader(document, path, environ, live=live, connect=connect, tokens=wanted, judge=judge).load()


class SettingsError(MistakesError):
    """Everything that is wrong with a settings file."""

    def __init__(self, mistakes: Iterable[Mistake], rules: tuple[str, ...]) -> None:
        super().__init__(mistakes)
        self.rules = rules
        """The rules that it chooses, as far as they can be read: their mistakes can be told as well."""


class _Loader:
    """Loads one file; collects mistakes on the way."""

    def __init__(
        self,
        document: Document,
        path: Path,
        environ: Mapping[str, str],
        *,
        live: bool,
        connect: bool,
        tokens: bool,
        judge: Callable[[str], str] | None,
    ) -> None:
        self._document = document
        self._path = path
        self._environ = environ
        self._live = live
        self._connect = connect
        self._tokens = tokens
        self._judge = judge
        self._mistakes: list[Mistake] = []
        self._file_secrets: Mapping[str, str] = {}
        self._shape, checked = self._check_top()
        self._broken = checked.broken
        self._file_unread = "secrets" in checked.broken

    def load(self) -> Settings:
        shape = self._shape
        for key in ("network", "accounts"):
            if key not in self._broken and not getattr(shape, key):
                self._add((), f"{key!r} is missing")
        self._read_secrets_file()
        self._check_network()
        found = [self._account(number, raw) for number, raw in enumerate(shape.accounts)]
        accounts = tuple(account for account in found if account is not None)
        signals = SignalReader(self._document, self._path.parent)
        terms = signals.read(shape.signals)
        tokens = signals.tokens(terms, self._secret) if self._tokens and not self._file_unread else {}
        self._mistakes += signals.mistakes
        notices = self._notices(tuple(account.name for account in accounts))
        told = notices.notifications(shape.notifications)
        heartbeat, port = notices.heartbeat(shape.heartbeat), notices.metrics(shape.metrics)
        self._mistakes += notices.mistakes
        strangers = [self._stranger(number, raw) for number, raw in enumerate(shape.strangers)]
        if self._mistakes or shape.network is None:
            raise SettingsError(self._mistakes, self._chosen_rules())
        return Settings(
            path=self._path,
            mode=shape.mode,
            network=shape.network,
            journal=self._beside(shape.journal),
            accounts=accounts,
            poll_interval=shape.poll_interval,
            reconcile_interval=shape.reconcile_interval,
            housekeeping_interval=shape.housekeeping_interval,
            max_age=shape.max_age,
            lease=shape.lease,
            if_journal_fails=shape.if_journal_fails,
            secrets=None if shape.secrets is None else self._beside(shape.secrets),
            keep_decisions=shape.retention.decisions,
            budget_dir=None if shape.budget_dir is None else self._beside(shape.budget_dir),
            budget_share=shape.budget_share,
            budget_reserve=shape.budget_reserve,
            caps=Caps(**dict(shape.caps)),
            protection=ProtectionTerms(**dict(shape.protection)),
            streams=StreamSettings(
                shape.streams,
                shape.stream_interval,
                shape.stream_move,
                shape.stream_silence,
                shape.stream_renewal,
            ),
            prices=PriceTerms(**dict(shape.prices)),
            log=LogSettings(shape.log.format, shape.log.level),
            signals=terms,
            signal_tokens={name: SecretStr(value) for name, value in tokens.items()},
            notifications=told,
            heartbeat=heartbeat,
            metrics_port=port,
            approvals=ApprovalTerms(every=shape.mode is Mode.APPROVE, **dict(shape.approvals)),
            strangers=tuple(one for one in strangers if one is not None),
            churn=ChurnTerms(**dict(shape.churn)),
            grace=shape.startup.grace,
        )

    def _notices(self, accounts: tuple[str, ...]) -> NoticeLoader:
        whole = len(accounts) == len(self._shape.accounts)
        purse = Purse(self._secret, self._connect and not self._file_unread, self._judge)
        return NoticeLoader(self._document, purse, accounts if whole else ())

    def _chosen_rules(self) -> tuple[str, ...]:
        default = [] if "rules" in self._broken else [self._shape.rules]
        entries = [raw for raw in self._shape.accounts if isinstance(raw, dict)]
        own = [raw["rules"].strip() for raw in entries if isinstance(raw.get("rules"), str)]
        all_own = bool(own) and len(own) == len(self._shape.accounts)
        return tuple(one for one in dict.fromkeys(own if all_own else default + own) if one)

    def _check_top(self) -> tuple[SettingsShape, Checked]:
        raw = self._without_secrets(self._document.data, (), "main")
        shape, checked = check_shape(SettingsShape, raw, self._document, (), WORDS, LATER_KEYS)
        self._mistakes += checked.mistakes
        return shape, checked

    def _read_secrets_file(self) -> None:
        if self._shape.secrets is None or not (self._connect or self._tokens):
            return
        try:
            self._file_secrets = read_secrets_file(self._beside(self._shape.secrets))
        except MistakesError as error:
            self._file_unread = True
            self._mistakes += error.mistakes

    def _check_network(self) -> None:
        shape = self._shape
        if shape.network is None:
            return
        if shape.base_url is not None and shape.network is not Network.SANDBOX:
            self._refuse_base_url(())
        if not self._connect:
            return
        if shape.network is Network.LIVE:
            if not shape.live and "live" not in self._broken:
                self._add(("network",), "live trades real money: write live: true as well")
            if not self._live:
                self._add(("network",), "live trades real money: give --live on the command line as well")
        elif self._live:
            self._add(("network",), f"--live was given, but the network is {shape.network.value}", "live")

    def _account(self, number: int, raw: object) -> AccountSettings | None:
        path: KeyPath = ("accounts", number)
        before = len(self._mistakes)
        guess = raw.get("name") if isinstance(raw, dict) else None
        raw = self._without_secrets(raw, path, guess if isinstance(guess, str) else "main")
        shape, checked = check_shape(AccountShape, raw, self._document, path)
        self._mistakes += checked.mistakes
        for key in ("name", "venue"):
            if key not in checked.broken and not getattr(shape, key):
                self._add(path, f"{key!r} is missing")
        self._check_doubled(number, shape.name)
        self._check_hedged(path, shape)
        base_url = self._base_url(path, shape, checked)
        keys = self._secrets_of(path, shape, checked) if shape.name else None
        if len(self._mistakes) > before or shape.venue is None or keys is None:
            return None
        rules = shape.rules or self._shape.rules
        venue, hedged_by = shape.venue.value, shape.hedged_by
        return AccountSettings(shape.name, venue, *keys, rules, base_url, shape.tags, hedged_by)

    def _stranger(self, number: int, raw: object) -> Stranger | None:
        path: KeyPath = ("strangers", number)
        shape, checked = check_shape(StrangerShape, raw, self._document, path, STRANGER_WORDS)
        self._mistakes += checked.mistakes
        if shape.policy is None:
            if "policy" not in checked.broken:
                self._add(path, "'policy' is missing", "one of adopt, watch, ignore")
            return None
        names = self._names()
        for pattern in shape.match.account:
            if not any(fnmatchcase(name, pattern) for name in names):
                what = f"match.account: no account is called {pattern!r}"
                self._add((*path, "match", "account"), what, "", nearest_hint(pattern, names))
        symbols = tuple(pattern.upper() for pattern in shape.match.symbol)
        sides = tuple(side.value for side in shape.match.side)
        return Stranger(shape.policy, shape.match.account, symbols, sides)

    def _names(self) -> list[str]:
        names = [one.get("name") for one in self._shape.accounts if isinstance(one, dict)]
        return [name for name in names if isinstance(name, str)]

    def _check_hedged(self, path: KeyPath, shape: AccountShape) -> None:
        """Refuse an account that is hedged by itself, or by one that is not there."""
        other = shape.hedged_by
        if other and other == shape.name:
            self._add((*path, "hedged_by"), "hedged_by: an account does not hedge itself", "another account")
        elif other and other not in self._names():
            hint = nearest_hint(other, self._names())
            self._add((*path, "hedged_by"), f"hedged_by: no account is called {other!r}", "", hint)

    def _check_doubled(self, number: int, name: str) -> None:
        """Refuse a name that is another account's, or would read another account's secrets."""
        for other in range(number):
            entry = self._shape.accounts[other]
            theirs = entry.get("name") if isinstance(entry, dict) else None
            if name and isinstance(theirs, str) and secret_names(theirs) == secret_names(name):
                line = self._document.place(("accounts", other, "name")).line
                what = f"name: {name!r} is too near to {theirs!r} in line {line}"
                self._add(("accounts", number, "name"), what, "names that differ in letters or digits")
                return

    def _base_url(self, path: KeyPath, shape: AccountShape, checked: Checked) -> str | None:
        network = self._shape.network
        if network is None:
            return None
        if network is not Network.SANDBOX:
            if shape.base_url is not None:
                self._refuse_base_url(path)
            return None
        found = shape.base_url or self._shape.base_url
        if found is None and "base_url" not in checked.broken | self._broken:
            what = "'base_url' is missing: where is the sandbox?"
            self._add(path, what, "", "write base_url: http://127.0.0.1:8899")
        return found

    def _secrets_of(
        self, path: KeyPath, shape: AccountShape, checked: Checked
    ) -> tuple[SecretStr, SecretStr]:
        defaults = secret_names(shape.name)
        found = []
        where = "or write it into the secrets file" if self._shape.secrets else "or name a secrets file"
        for key, default, word in (
            ("api_key_env", defaults[0], "API key"),
            ("secret_env", defaults[1], "secret"),
        ):
            name = getattr(shape, key) or default
            value = self._secret(name)
            if not value and self._connect and not self._file_unread and key not in checked.broken:
                where = (
                    "or write it into the secrets file" if self._shape.secrets else "or name a secrets file"
                )
                self._add(path, f"account {shape.name!r} has no {word}: set {name}", "", where)
            found.append(SecretStr(value))
        return found[0], found[1]

    def _secret(self, name: str) -> str:
        """Find a secret in the environment, then among systemd's credentials, then in the secrets file."""
        value = (self._environ.get(name) or "").strip()
        if value or not (self._connect or self._tokens):
            return value
        try:
            value = read_credential(self._environ, name)
        except MistakesError as error:
            self._mistakes += error.mistakes
        return value or self._file_secrets.get(name, "").strip()

    def _without_secrets(self, raw: object, path: KeyPath, account: str) -> object:
        """Take keys that hold a secret out of `raw`, each a mistake that does not show the value."""
        if not isinstance(raw, dict):
            return raw
        inline = [key for key in raw if key.lower().replace("-", "_") in INLINE]
        for key in inline:
            names = " and ".join(secret_names(account))
            what = f"{key!r}: secrets do not belong in this file; take it out and make a new key"
            self._add((*path, key), what, "", f"set {names} in the environment", key=True)
        return {key: value for key, value in raw.items() if key not in inline}

    def _refuse_base_url(self, path: KeyPath) -> None:
        what = "base_url is for the sandbox only; testnet and live have their own addresses"
        self._add((*path, "base_url"), what, "", "take it out", key=True)

    def _beside(self, text: str) -> Path:
        return self._path.parent / Path(text).expanduser()

    def _add(
        self, path: KeyPath, what: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        self._mistakes.append(self._document.mistake(path, what, expected, hint, key=key))
