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
except AttributeError:
    pass
else:
    raise AssertionError("a name that is nowhere was found")
"""
FIRST = """
import ccxt
import bot.exchange
assert type(ccxt).__name__ == "module" and ccxt.binance
"""


@pytest.mark.parametrize("code", [LIGHT, WHOLE, FIRST], ids=["light", "whole", "imported before"])
def test_in_a_process_of_its_own(code: str) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
