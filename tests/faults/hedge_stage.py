"""An account that a rule may hedge: a long in ETH whose market is dear to trade, and what its hedges do."""

from decimal import Decimal

from bot.execution.hedging import hedges_of, Told
from bot.journal.records import HedgeChanged, Kind, Prepared
from bot.model import Hedge, OrderRequest, Step, StepKind
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage

BTC, ETH = "BTCUSDT", "ETHUSDT"
LONG = "ETH/USDT:USDT#long"
SHORT = "BTC/USDT:USDT#short"
HEDGE = """\
version: 1
defaults: {for: 0s, cooldown: 0s, severity: critical}
rules:
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 60%
    restore: 55%
    do: [hedge]
    hedge: {with: [perp], venue: same, symbol: "BTC/USDT:USDT", max_share: 50%, unwind: restore}
    trim: {max_slippage: 2%}
"""
