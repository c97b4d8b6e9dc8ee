"""A sandbox in a process of its own, with an account that holds twenty positions."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

KEY, SECRET = "bench-key", "bench-secret"


def post(url: str, path: str, body: object) -> dict[str, object]:
    """Call the sandbox's admin API."""
    request = urllib.request.Request(url + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


def symbols(url: str, count: int) -> list[tuple[str, float]]:
    """Return the first symbols and their prices."""
    with urllib.request.urlopen(f"{url}/v5/market/tickers?category=linear", timeout=30) as answer:
        rows = json.loads(answer.read())["result"]["list"]
    return [(row["symbol"], float(row["markPrice"])) for row in rows[:count]]


@contextmanager
def venue(positions: int) -> Iterator[str]:
    """Serve until the block ends; yields the URL."""
    command = [sys.executable, "-m", "bot.cli", "sandbox", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            url = json.loads(line)["url"]
            held = [
                {"symbol": symbol, "side": "long", "qty": quantity(price), "leverage": "5"}
                for symbol, price in symbols(url, positions)
            ]
            post(
                url,
                "/sandbox/account",
                {"api_key": KEY, "secret": SECRET, "deposit": "1000000", "positions": held},
            )
            yield url
        finally:
            process.terminate()


def quantity(price: float) -> str:
    """About 20,000 USD of a coin, in steps that every instrument takes."""
    if price >= 1000:
        return f"{round(20_000 / price, 1):g}"
    return f"{round(20_000 / price, -1 if price < 20 else 0):.0f}"
