"""ccxt's packages as folders: the same names behind them, and nothing imported that is not needed."""

import subprocess
import sys

import pytest

LIGHT = """
import sys
import bot.exchange.factory
import ccxt, ccxt.async_support
assert "ccxt.async_support.bybit" in sys.modules
assert "ccxt.binance" not in sys.modules and "ccxt.async_support.binance" not in sys.modules
import bot.exchange.stream_factory
assert "ccxt.pro.bybit" in sys.modules and "ccxt.pro.binance" not in sys.modules
from bot.exchange.client import BybitClient
assert issubclass(BybitClient, ccxt.async_support.bybit)
assert issubclass(ccxt.pro.bybit, ccxt.async_support.bybit)
"""
WHOLE = """
import bot.exchange
import ccxt, ccxt.async_support as client
assert ccxt.ExchangeError is ccxt.base.errors.ExchangeError
assert isinstance(ccxt.__version__, str) and "binance" in ccxt.exchanges
assert client.binance.__name__ == "binance" and "okx" in client.exchanges
try:
    ccxt.no_such_venue
except AttributeError as error:
    assert "no_such_venue" in str(error), error
else:
    raise AssertionError("a name that is nowhere was found")
"""
THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import bot.exchange
import ccxt
sys.setswitchinterval(1e-5)
names = ["okx", "kraken", "woo", "gate"]
with ThreadPoolExecutor(len(names)) as pool:
    found = list(pool.map(lambda name: getattr(ccxt, name).__name__, names, timeout=50))
assert found == names
"""
FIRST = """
import ccxt
import bot.exchange
assert type(ccxt).__name__ == "module" and ccxt.binance
"""


@pytest.mark.parametrize(
    "code", [LIGHT, WHOLE, THREADS, FIRST], ids=["light", "whole", "threads", "imported before"]
)
def test_in_a_process_of_its_own(code: str) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
