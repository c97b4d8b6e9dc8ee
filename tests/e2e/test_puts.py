"""Puts through a real daemon over HTTP: bought in a fall, sold with their parent and in the recovery."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo.books import stand_of
from bot.demo.venue import AccountState
from bot.journal import verify
from bot.journal.records import IntentState
from bot.model import OrderRequest
from tests.e2e.cast import Actor, Held, Troupe, troupe
from tests.e2e.harness import eventually
from tests.sandbox.support import pybit_client

SCENARIO = """\
name: still
start: 2026-01-01T00:00:00Z
duration: 1d
symbols:
  BTCUSDT: {path: [[0s, 100000]], noise: 0%}
options:
  BTC: {level: 50%}
"""
RULE = (
    "{name: shock, metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 60%, restore: 57%, "
    "cooldown: 0s, do: [hedge], hedge: {with: [put], put: {max_premium: 15%}}}"
)
KEEPS = RULE.replace("do: [hedge]", "do: [trim, hedge], trim: {keep: ['*']}")
"""It may sell, and would rather not."""
MOST_PREMIUM = Decimal("0.15")
STEP = Decimal("0.01")
SETTINGS = "protection: {enabled: false}\nstreams: false\n"
BTC = "BTCUSDT"
SIZES = {"leaving": Decimal("3.2"), "patient": Decimal("2.6")}
LEAVING, PATIENT = SIZES
"""The first is past its limit from the beginning, the second after a fall."""
ACTORS = tuple(
    Actor(name, rule, positions=(Held(BTC, "long", str(SIZES[name])),))
    for name, rule in ((LEAVING, RULE), (PATIENT, KEEPS))
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Troupe]:
    """Two accounts of one daemon, at an exchange with options."""
    with troupe(tmp_path, ACTORS, SETTINGS, {}, SCENARIO) as made:
        yield made


def puts_of(here: Troupe, name: str) -> dict[str, Decimal]:
    """Puts that an account holds, in coins by the exchange's symbols."""
    return {one.contract.symbol: one.size for one in state_of(here, name).options if one.size}


def coins_of(here: Troupe, name: str) -> Decimal:
    """All of them together."""
    return sum(puts_of(here, name).values(), Decimal(0))


def state_of(here: Troupe, name: str) -> AccountState:
    """An account as the exchange has it; where nobody else sells, long and puts together are never short."""
    found = here.venue.state().account(here.key(name))
    stand = stand_of(found, "BTC")
    assert name == LEAVING or (stand.net > 0 and stand.hedge <= stand.long), stand
    return found


def sell(here: Troupe, name: str, size: Decimal) -> None:
    """Let the owner sell some of his long by hand."""
    client = pybit_client(here.venue.url, here.key(name), f"secret-of-{name}")
    with closing(client.client):
        client.place_order(
            category="linear", symbol=BTC, side="Sell", orderType="Market", qty=str(size), reduceOnly=True
        )


def bought(here: Troupe, name: str) -> Decimal:
    """Wait until puts stand and the limit is back; return how many coins of them."""
    eventually(lambda: puts_of(here, name), f"puts of {name}")
    account = state_of(here, name)
    orders = [one.request for one in here.steps(name)]
    limits = [one.price for one in orders if isinstance(one, OrderRequest) and one.opens]
    paid = [one.entry_price for one in account.options]
    assert all(limit is not None and max(paid) <= limit for limit in limits)
    # a quote may be some seconds old: what it does not fill is not bought
    assert set(here.ends(name, "hedge")) <= {IntentState.FILLED, IntentState.CANCELLED}
    cost = sum((one.size * one.entry_price for one in account.options), Decimal(0))
    assert cost <= MOST_PREMIUM * account.wallet.equity
    assert here.sizes(name) == {BTC: SIZES[name]}, "nothing was sold"
    return coins_of(here, name)


@pytest.mark.timeout(240)
def test_puts_are_bought_and_go_with_their_parent_and_in_the_recovery(here: Troupe) -> None:
    before = bought(here, LEAVING)
    assert puts_of(here, PATIENT) == {}
    half = SIZES[LEAVING] / 2
    sell(here, LEAVING, half)
    eventually(lambda: coins_of(here, LEAVING) <= before / 2 + STEP, "half of the puts sold")
    sell(here, LEAVING, half)
    eventually(lambda: not puts_of(here, LEAVING), "puts gone with their parent")

    here.ask("POST", "mark", {"symbol": BTC, "price": "92000"})
    bought(here, PATIENT)
    here.ask("POST", "mark", {"symbol": BTC, "price": "110000"})
    eventually(lambda: not puts_of(here, PATIENT), "puts sold in the recovery")
    assert here.sizes(PATIENT) == {BTC: SIZES[PATIENT]}
    for name in SIZES:
        kinds = [one.kind.value for one in here.steps(name)]
        assert set(kinds) == {"hedge", "unwind"}
        assert kinds[0] == "hedge"
    assert here.daemons[0].terminate() == 0
    assert verify(here.folder / "reef.sqlite").sound
