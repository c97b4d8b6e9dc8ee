"""What every WebSocket of the venue has in common: operations, authentication, acknowledgements."""

import secrets
from typing import Any

import msgspec

from bot.sandbox.bybit import auth
from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.http import Send
from bot.sandbox.stream_rules import Listener


class Session:
    """One connection. A subclass says how it answers `ping` and which operations it has."""

    needs_auth = False

    def __init__(self, api: BybitApi, send: Send) -> None:
        self.api = api
        self.engine = api.engine
        self.send = send
        self.conn_id = secrets.token_hex(10)
        self.account_id: str | None = None
        self._listener = Listener()

    def receive(self, text: str) -> None:
        """Handle one message; what cannot be read is answered with an error, never with silence."""
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            self._fail({}, "error:invalid json")
            return
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            self._fail(message if isinstance(message, dict) else {}, "error:invalid op")
            return
        self.engine.advance()
        self.operate(message["op"], message)

    def operate(self, op: str, message: dict[str, Any]) -> None:
        """Do one operation."""
        if op == "ping":
            self.pong(message)
        elif op == "auth":
            self.authenticate(message)
        elif op in ("subscribe", "unsubscribe"):
            self._change_topics(op, message)
        else:
            self._fail(message, f"error:invalid op {op}")

    def pong(self, message: dict[str, Any]) -> None:
        """Answer a ping."""
        self.acknowledge(message, "pong")

    def authenticate(self, message: dict[str, Any]) -> None:
        """Check `args` = [api key, expiry in ms, signature]."""
        problem = self.check_auth(message)
        if problem:
            self._fail(message, problem)
        else:
            self.acknowledge(message)

    def check_auth(self, message: dict[str, Any]) -> str:
        """'' where the signature is good (the account is then set), else what is wrong."""
        args = message.get("args")
        if not isinstance(args, list) or len(args) != 3:
            return "Params Error"
        api_key, expires, signature = (str(part) for part in args)
        account = self.engine.account_by_key(api_key)
        if account is None:
            return "API key is invalid."
        if not expires.isdecimal() or int(expires) <= self.engine.venue_ms():
            return f"expired: expires[{expires}] lies in the past"
        if not auth.stream_signature_is_good(account.secret, expires, signature):
            return "error sign"
        self.account_id = account.account_id
        self.api.streams.login(self._listener, api_key)
        return ""

    def add_topics(self, topics: list[str]) -> str:
        """Subscribe; '' or what is wrong (then nothing was subscribed)."""
        raise NotImplementedError

    def drop_topics(self, topics: list[str]) -> None:
        """Unsubscribe."""
        raise NotImplementedError

    def topics(self) -> list[str]:
        """What the client is subscribed to."""
        return []

    def show(self, topics: list[str]) -> None:
        """Send what a new subscriber gets at once, after the acknowledgement."""

    def close(self) -> None:
        """The connection is gone."""

    def publish(self, message: dict[str, Any], *, is_first: bool = False) -> None:
        """Send data of a topic, unless a rule keeps it back; `is_first`: a new subscriber gets it at once."""
        if self.api.streams.lets(self._listener, message["topic"], is_first=is_first):
            self.send(message)

    def acknowledge(self, message: dict[str, Any], words: str = "") -> None:
        """A good answer to an operation."""
        self.send(self._reply(message, words, success=True))

    def _change_topics(self, op: str, message: dict[str, Any]) -> None:
        topics = message.get("args")
        if not isinstance(topics, list) or not topics or not all(isinstance(topic, str) for topic in topics):
            self._fail(message, "error:args must be a list of topics")
        elif self.needs_auth and self.account_id is None:
            self._fail(message, "Request not authorized")
        elif op == "unsubscribe":
            self.drop_topics(topics)
            self.acknowledge(message)
        else:
            problem = self.add_topics(topics)
            if problem:
                self._fail(message, problem)
            else:
                self.acknowledge(message)
                self.show(topics)

    def _fail(self, message: dict[str, Any], words: str) -> None:
        shown = {"op": message.get("op", ""), "args": None}
        self.send({**self._reply(message, words, success=False), "request": shown})

    def _reply(self, message: dict[str, Any], words: str, *, success: bool) -> dict[str, Any]:
        reply = {"success": success, "ret_msg": words, "conn_id": self.conn_id, "op": message.get("op", "")}
        if message.get("req_id") is not None:
            reply["req_id"] = str(message["req_id"])
        return reply
