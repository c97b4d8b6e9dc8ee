"""Each action of a rule, and what stands in its way, through one daemon that guards many accounts.

Trims and cancels are told in the other files of this folder.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.execution import halted
from bot.journal import open_journal, verify
from bot.journal.controls import Proposed
from bot.journal.records import IntentState, Kind
from bot.journal.told import Notified
from tests.e2e.cast import TRANSFERS, Actor, Held, Troupe, troupe
from tests.e2e.harness import eventually
from tests.notifications.listener import TOKEN, Listener, listening

ORDERS = "/v5/order/create"
ROOM = "{name: room, metric: position.liquidation_distance, min: 15%, restore: 20%, do: [add_margin]}"
CALM = "{name: calm, metric: account.leverage, max: 1, do: [lower_leverage], lower_leverage: {to: 5x}}"
BANK = "{name: bank, metric: account.available, max: 70k, do: [secure], secure: {keep: 60k, convert: true}}"
SHELTER = "{name: shelter, metric: account.leverage, max: 1, do: [protect]}"
SHOCK = (
    "{name: shock, metric: account.stress_loss, scenarios: [{BTC: -20%, ETH: -28%}], max: 60%, "
    "restore: 57%, do: [hedge], hedge: {stop: 30%}}"
)
TELL = "{name: tell, metric: account.leverage, max: 1, do: [notify]}"
STOP = "{name: stop, metric: account.leverage, max: 1, do: [halt]}"
SHUT = "{name: shut, metric: account.leverage, max: 1, do: [cancel_orders, close_all, halt]}"
CAP = "{name: cap, metric: account.leverage, max: 2, restore: 1, do: [trim], approve: true}"
LONG = Held("ETHUSDT", "long", "40")
SMALL, MIDDLE = (Held("BTCUSDT", "long", "1"),), (Held("BTCUSDT", "long", "1.5"),)


def refusing(path: str, code: int) -> dict[str, object]:
    """The venue's answer to every request of a path."""
    return {"name": "error_code", "path": path, "code": code}


ACTORS = (
    Actor("lifted", ROOM, isolated=True, positions=SMALL),
    Actor("crossing", ROOM, positions=(Held("BTCUSDT", "long", "8"),)),
    Actor("lowered", CALM, positions=MIDDLE),
    Actor("stiff", CALM, positions=MIDDLE, fault=refusing("/v5/position/set-leverage", 110044)),
    Actor("bank", BANK, positions=SMALL, coins={"ETH": "2"}, permissions=TRANSFERS),
    Actor("locked", BANK, positions=SMALL),
    Actor("shelter", SHELTER),
    Actor("bare", SHELTER, fault=refusing("/v5/position/trading-stop", 10001)),
    Actor("hedger", SHOCK, positions=(LONG,), deposit=70_000),
    Actor("holder", SHOCK, positions=(LONG, Held("BTCUSDT", "short", "0.01")), deposit=70_000),
    Actor("teller", TELL),
    Actor("halter", STOP),
    Actor("closer", SHUT),
    Actor("stuck", SHUT, fault=refusing(ORDERS, 110007)),
    Actor("asker", CAP),
)
SETTINGS = """\
protection: {enabled: false}
streams: false
notifications:
  group: 0s
  channels: {broken: {}, phone: {}}
  routes: [{account: teller, kind: rule, channels: [broken, phone]}]
"""


def seen(here: Troupe) -> int:
    assert here.daemons[0].alive(), here.daemons[0].log.read_text()
    return len(here.entries(Kind.PREVIEW))


def is_halted(here: Troupe, name: str) -> bool:
    with open_journal(here.folder / "reef.sqlite", create=False, read_only=True) as journal:
        return halted(journal, name) is not None


def margin_is_added_to_an_isolated_position_alone(here: Troupe) -> None:
    eventually(lambda: here.ends("lifted", "add_margin"), "margin added")
    assert set(here.ends("lifted", "add_margin")) == {IntentState.FILLED}
    (held,) = here.account("lifted")["positions"]
    assert Decimal(held["isolated_margin"]) > 19_000
    assert Decimal(held["liquidation_price"]) <= 80_000
    assert held["size"] == "1"
    eventually(lambda: here.refusals("crossing"), "a refusal: there is no isolated position")
    assert here.refusals("crossing") == {"margin_cannot_help"}
    assert here.steps("crossing") == []


def leverage_is_lowered_and_a_venue_that_refuses_leaves_it(here: Troupe) -> None:
    eventually(lambda: here.ends("lowered", "lower_leverage"), "leverage lowered")
    assert here.account("lowered")["positions"][0]["leverage"] == "5"
    eventually(lambda: here.ends("stiff", "lower_leverage"), "the venue's refusal")
    assert set(here.ends("stiff", "lower_leverage")) == {IntentState.REJECTED}
    assert here.account("stiff")["positions"][0]["leverage"] == "10"


def money_is_secured_and_not_without_the_key_s_permission(here: Troupe) -> None:
    eventually(lambda: here.ends("bank", "secure"), "money moved out")
    assert here.ends("bank", "convert") == [IntentState.FILLED]
    assert set(here.ends("bank", "secure")) == {IntentState.FILLED}
    wallet = here.account("bank")["wallet"]
    assert {one["coin"]: Decimal(one["wallet_balance"]) for one in wallet["coins"]}["ETH"] == 0
    assert 60_000 <= Decimal(wallet["available"]) < 61_000
    eventually(lambda: here.ends("locked", "secure"), "the venue's refusal")
    assert set(here.ends("locked", "secure")) == {IntentState.REJECTED}
    assert Decimal(here.account("locked")["wallet"]["wallet_balance"]) > 99_000


def a_stop_is_placed_and_not_where_the_venue_refuses_it(here: Troupe) -> None:
    eventually(lambda: here.ends("shelter", "protect"), "a stop")
    assert here.account("shelter")["positions"][0]["stop_loss"] is not None
    assert here.account("lowered")["positions"][0]["stop_loss"] is None, "protection is off"
    eventually(lambda: here.ends("bare", "protect"), "the venue's refusal")
    assert set(here.ends("bare", "protect")) == {IntentState.REJECTED}
    assert here.account("bare")["positions"][0]["stop_loss"] is None


def a_hedge_is_opened_and_unwound_and_not_beside_the_owner_s(here: Troupe) -> None:
    eventually(lambda: here.ends("hedger", "hedge"), "a hedge")
    assert here.sizes("hedger")["BTCUSDT"] < 0
    eventually(lambda: "hedge_taken" in here.refusals("holder"), "a refusal: the owner holds it")
    assert here.sizes("holder") == {"ETHUSDT": 40, "BTCUSDT": Decimal("-0.01")}
    here.ask("POST", "transfer", {"api_key": here.key("hedger"), "amount": "30000"})
    eventually(lambda: here.sizes("hedger") == {"ETHUSDT": 40}, "the hedge unwound")
    kinds = [one.kind.value for one in here.steps("hedger")]
    assert kinds[0] == "hedge"
    assert kinds[-1] == "unwind"


def the_owner_is_told_by_the_next_channel_where_one_fails(here: Troupe, phone: Listener) -> None:
    eventually(lambda: phone.bodies, "a message")
    assert "teller" in phone.text
    assert "tell" in phone.text

    def delivered() -> dict[str, bool]:
        told = [one.record for one in here.entries(Kind.NOTIFIED)]
        return {one.channel: one.delivered for one in told if isinstance(one, Notified)}

    eventually(lambda: len(delivered()) == 2, "both tries on record")
    assert delivered() == {"broken": False, "phone": True}
    assert here.steps("teller") == []


def an_account_is_halted_and_stays_as_it_is(here: Troupe) -> None:
    eventually(lambda: is_halted(here, "halter"), "a halt")
    assert here.steps("halter") == []
    assert here.sizes("halter") == {"BTCUSDT": 3}
    journal = ("--journal", str(here.folder / "reef.sqlite"))
    refused = here.reef("resume", "--account", "teller", "--why", "x", *journal)
    assert (refused.returncode, is_halted(here, "halter")) == (1, True), "there is no such halt"


def everything_is_closed_before_the_halt_and_what_is_refused_halts_nothing(here: Troupe) -> None:
    eventually(lambda: is_halted(here, "closer"), "a halt after the close")
    assert here.sizes("closer") == {}
    assert set(here.ends("closer", "close")) == {IntentState.FILLED}
    eventually(lambda: here.ends("stuck", "close"), "the venue's refusal")
    assert set(here.ends("stuck", "close")) == {IntentState.REJECTED}
    assert here.sizes("stuck") == {"BTCUSDT": 3}
    assert not is_halted(here, "stuck")


def a_rule_asks_and_acts_on_the_yes_alone(here: Troupe) -> None:
    journal = ("--journal", str(here.folder / "reef.sqlite"))

    def proposals() -> list[str]:
        bodies = [one.record for one in here.entries(Kind.PROPOSAL) if one.account == "asker"]
        return [one.name for one in bodies if isinstance(one, Proposed)]

    name = eventually(proposals, "a proposal")[-1]
    wrong = here.reef("approve", "p-00000000", "--why", "agreed", *journal)
    assert wrong.returncode != 0
    assert (here.steps("asker"), here.sizes("asker")) == ([], {"BTCUSDT": 3})
    done = here.reef("approve", name, "--why", "agreed", *journal)
    assert done.returncode == 0, done.stderr
    eventually(lambda: here.sizes("asker")["BTCUSDT"] <= 1, "a trim down to `restore`")
    again = here.reef("approve", name, "--why", "agreed", *journal)
    assert again.returncode != 0
    assert here.sizes("asker")["BTCUSDT"] > Decimal("0.9")


@pytest.mark.timeout(240)
def test_each_action_and_what_stands_in_its_way(tmp_path: Path) -> None:
    with listening() as phone:
        secrets = {
            "REEF_NOTIFY_BROKEN": f"json://127.0.0.1:1/{TOKEN}",
            "REEF_NOTIFY_PHONE": phone.url(),
        }
        with troupe(tmp_path, ACTORS, SETTINGS, secrets) as here:
            eventually(lambda: seen(here) == len(ACTORS), "a first look at every account")
            margin_is_added_to_an_isolated_position_alone(here)
            leverage_is_lowered_and_a_venue_that_refuses_leaves_it(here)
            money_is_secured_and_not_without_the_key_s_permission(here)
            a_stop_is_placed_and_not_where_the_venue_refuses_it(here)
            a_hedge_is_opened_and_unwound_and_not_beside_the_owner_s(here)
            the_owner_is_told_by_the_next_channel_where_one_fails(here, phone)
            an_account_is_halted_and_stays_as_it_is(here)
            everything_is_closed_before_the_halt_and_what_is_refused_halts_nothing(here)
            a_rule_asks_and_acts_on_the_yes_alone(here)
            assert here.daemons[0].terminate() == 0
            assert verify(tmp_path / "reef.sqlite").sound
