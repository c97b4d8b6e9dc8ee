"""What streams are made to keep back, while their connections stay open."""

from fnmatch import fnmatchcase

import msgspec


class Listener(msgspec.Struct, eq=False):
    """One connection: whose it is ('' before it has said so), and since which login of all.

    `waiting` holds the topics whose latest update was withheld for the one that follows it.
    """

    api_key: str = ""
    login: int = 0
    waiting: set[str] = msgspec.field(default_factory=set)


class Topics(msgspec.Struct, eq=False, frozen=True):
    """Which messages a rule is about: a glob over topics, and one account's alone unless that is ''."""

    pattern: str = "*"
    api_key: str = ""

    def match(self, listener: Listener, topic: str) -> bool:
        """Whether the rule is about this topic of this connection."""
        return self.api_key in ("", listener.api_key) and fnmatchcase(topic, self.pattern)


class StreamRules:
    """The rules that all streams of a venue keep; each one is ended by `end` with what began it."""

    def __init__(self) -> None:
        self._silent: dict[int, Topics] = {}
        self._merged: dict[int, Topics] = {}
        self._expired: dict[int, tuple[str, int]] = {}
        self._logins = 0
        self._rules = 0

    def silence(self, topics: Topics) -> int:
        """Send nothing on these topics."""
        rule = self._new()
        self._silent[rule] = topics
        return rule

    def merge(self, topics: Topics) -> int:
        """Lose the first of every two updates on these topics (a new subscriber's first message is none)."""
        rule = self._new()
        self._merged[rule] = topics
        return rule

    def expire(self, api_key: str = "") -> int:
        """Send nothing more to the private connections that an account has now ('': all accounts)."""
        rule = self._new()
        self._expired[rule] = (api_key, self._logins)
        return rule

    def end(self, rule: int) -> None:
        """End one rule; connections that it held back go on."""
        for rules in (self._silent, self._merged, self._expired):
            rules.pop(rule, None)

    def login(self, listener: Listener, api_key: str) -> None:
        """A connection says whose it is. Saying it again does not make it a new one."""
        listener.api_key = api_key
        if not listener.login:
            self._logins += 1
            listener.login = self._logins

    def lets(self, listener: Listener, topic: str, *, is_first: bool = False) -> bool:
        """Whether a message may be sent; `is_first`: it is what a new subscriber gets at once."""
        if any(rule.match(listener, topic) for rule in self._silent.values()):
            return False
        if any(self._has_expired(listener, *rule) for rule in self._expired.values()):
            return False
        if is_first or not any(rule.match(listener, topic) for rule in self._merged.values()):
            listener.waiting.discard(topic)
            return True
        if topic in listener.waiting:
            listener.waiting.discard(topic)
            return True
        listener.waiting.add(topic)
        return False

    @staticmethod
    def _has_expired(listener: Listener, api_key: str, login: int) -> bool:
        return 0 < listener.login <= login and api_key in ("", listener.api_key)

    def _new(self) -> int:
        self._rules += 1
        return self._rules
