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


class Topics(msgspec.Struct, frozen=True):
    """Which messages a rule is about: a glob over topics, and one account's alone unless that is ''."""

    pattern: str = "*"
    api_key: str = ""

    def match(self, listener: Listener, topic: str) -> bool:
        """Whether the rule is about this topic of this connection."""
        return self.api_key in ("", listener.api_key) and fnmatchcase(topic, self.pattern)


class StreamRules:
    """The rules that all streams of a venue keep. Each has an owner, by which it is ended."""

    def __init__(self) -> None:
        self._silent: list[tuple[object, Topics]] = []
        self._merged: list[tuple[object, Topics]] = []
        self._expired: list[tuple[object, str, int]] = []
        self._logins = 0

    def silence(self, owner: object, topics: Topics) -> None:
        """Send nothing on these topics."""
        self._silent.append((owner, topics))

    def merge(self, owner: object, topics: Topics) -> None:
        """Lose the first of every two updates on these topics (a new subscriber's first message is none)."""
        self._merged.append((owner, topics))

    def expire(self, owner: object, api_key: str = "") -> None:
        """Send nothing more to the private connections that an account has now ('': all accounts)."""
        self._expired.append((owner, api_key, self._logins))

    def end(self, owner: object) -> None:
        """End the rules of one owner; connections that they held back go on."""
        self._silent = [rule for rule in self._silent if rule[0] is not owner]
        self._merged = [rule for rule in self._merged if rule[0] is not owner]
        self._expired = [rule for rule in self._expired if rule[0] is not owner]

    def login(self, listener: Listener, api_key: str) -> None:
        """A connection says whose it is. Saying it again does not make it a new one."""
        listener.api_key = api_key
        if not listener.login:
            self._logins += 1
            listener.login = self._logins

    def lets(self, listener: Listener, topic: str, *, is_first: bool = False) -> bool:
        """Whether a message may be sent; `is_first`: it is what a new subscriber gets at once."""
        if any(topics.match(listener, topic) for _, topics in self._silent):
            return False
        if listener.login and any(
            listener.login <= login and api_key in ("", listener.api_key)
            for _, api_key, login in self._expired
        ):
            return False
        is_merged = any(topics.match(listener, topic) for _, topics in self._merged)
        if is_merged and not is_first and topic not in listener.waiting:
            listener.waiting.add(topic)
            return False
        listener.waiting.discard(topic)
        return True
