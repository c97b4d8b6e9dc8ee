"""What works beside the guard, in a real daemon on a real sandbox: notices, metrics, heartbeat, the day."""

import re
import signal
import socket
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.cli.support import Venue, reef, running, wait, write_config
from tests.notifications.listener import TOKEN, listening


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def metrics(port: int) -> str:
    """What Prometheus would read; '' while nothing is served."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except URLError:
        return ""


def test_a_daemon_tells_beats_and_measures(venue: Venue, tmp_path: Path) -> None:
    port = free_port()
    with listening() as phone, listening() as switch:
        more = (
            "notifications: {channels: {phone: {}}, group: 0s}\n"
            "heartbeat: {url_env: BEAT, every: 5s}\n"
            f"metrics: {{port: {port}}}\n"
        )
        config = write_config(tmp_path, venue.url, mode="act", more=more)
        environ = {
            **venue.account().environ("main"),
            "REEF_NOTIFY_PHONE": phone.url(),
            "BEAT": f"http://127.0.0.1:{switch.port}/{TOKEN}",
        }
        with running(tmp_path / "run", "run", "--config", config, environ=environ) as daemon:
            restored = "leverage cap is restored"
            wait(lambda: restored in phone.text, "the end of the episode", 30)
            wait(lambda: 'reef_orders_total{account="main",kind="trim"' in metrics(port), "orders", 30)
            text = metrics(port)
            switch.wait_for_call()
            done = daemon.end(signal.SIGTERM)
        assert done.code == 0
        assert TOKEN not in done.err
        assert "leverage cap fires" in phone.text
        assert re.search(r"trim \w+/USDT:USDT: sold [\d.]+ of [\d.]+ at", phone.text)
        assert re.search(r"\d orders? filled: [\d,]+ USD traded, fees", phone.text)
        assert phone.subjects[-1] == "[warning] Reef has stopped"
        assert phone.text.count(restored) == 1
        assert re.search(r'reef_equity_usd\{account="main"\} [\d.]+', text)
        assert re.search(r"reef_lease_seconds \d", text)
        assert 'reef_request_budget_used{venue="bybit"} 0.' in text
        assert "reef_armed 1.0" in text
        assert switch.calls[0] == f"GET /{TOKEN}"
    (day,) = reef("summary", "--config", config, "--json").value
    assert day["episodes"] >= 1
    assert day["orders"] >= 1
    assert day["positions"] == day["protected"] == 3
