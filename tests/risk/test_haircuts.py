"""Haircuts of several coins, and contracts of one base at prices of their own."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Balance, Figure, Position, Side
from bot.risk.assemble import build_portfolio
from bot.risk.portfolio import Portfolio
from tests.risk.build import NOTHING, TERMS, known, market, position, snapshot, tiers_of
from tests.risk.test_inverse import TIERS, contract, held, numbers

FLAT = tiers_of([("0", "0.005")])


def account(
    *held_now: Position, coins: dict[str, str], worth: dict[str, str], equity: float, margin: float
) -> Portfolio:
    worths: dict[str, Figure] = {name: Decimal(usd) for name, usd in worth.items()}
    amounts: dict[str, Figure] = {name: Decimal(amount) for name, amount in coins.items()}
    money = Balance(
        Decimal(repr(equity)), Decimal(repr(margin)), NOTHING, NOTHING, NOTHING, NOTHING, amounts, worths
    )
    inverse = {one.symbol: one.inverse for one in held_now}
    bases = {one.symbol: one.symbol.split("/")[0] for one in held_now}
    shot = snapshot(
        *held_now,
        money=money,
        markets={name: contract(bases[name]) if inverse[name] else market(bases[name]) for name in inverse},
        tiers={name: TIERS if inverse[name] else FLAT for name in inverse},
    )
    return build_portfolio(shot, numbers(), TERMS, 0.0)


@pytest.mark.parametrize(
    ("equity", "margin", "credit"),
    [(1000, 980, 0.9), (1000, 1000, 1.0), (1000, 1100, 1.0), (1000, 500, 0.0)],
)
def test_the_haircut_is_what_the_sums_say(equity: int, margin: int, credit: float) -> None:
    worth: dict[str, Figure] = {"BTC": Decimal(200), "XRP": Decimal(-50)}
    money = Balance(Decimal(equity), Decimal(margin), NOTHING, NOTHING, NOTHING, NOTHING, {}, worth)
    account = build_portfolio(snapshot(position(), money=money), numbers(), TERMS, 0.0)
    assert [one.margin for one in account.coins] == pytest.approx([200 * credit, -50.0])
    silent = replace(money, margin_balance=NOTHING)
    other = build_portfolio(snapshot(position(), money=silent), numbers(), TERMS, 0.0)
    assert [one.margin for one in other.coins] == pytest.approx([200, -50.0])


def test_coins_share_the_haircut_by_what_is_held_of_each() -> None:
    bitcoin = held(Side.LONG, 50_000.0, 125_000.0, 100_000.0)  # 10,000 USD lost
    ether = held(Side.SHORT, 5_000.0, 5_000.0, 4_000.0, "ETH")  # 1,000 USD gained
    found = account(
        bitcoin,
        ether,
        coins={"BTC": "1", "ETH": "25", "SOL": "500"},
        worth={"BTC": "90000", "ETH": "101000", "SOL": "50000"},
        equity=241_000.0,
        margin=216_000.0,
    )
    # a tenth of 100,000 + 100,000 + 50,000 that are held
    assert [(one.base, one.margin) for one in found.coins] == [
        ("BTC", pytest.approx(80_000)),
        ("ETH", pytest.approx(91_000)),
        ("SOL", pytest.approx(45_000)),
    ]


def test_without_a_mark_of_the_contract_the_worth_is_what_is_held() -> None:
    blind = replace(held(Side.LONG, 50_000.0, 125_000.0, 100_000.0), mark_price=NOTHING)
    found = account(blind, coins={"BTC": "1"}, worth={"BTC": "90000"}, equity=90_000.0, margin=81_000.0)
    assert [one.margin for one in found.coins] == pytest.approx([81_000.0])


def test_contracts_of_one_base_keep_their_prices_in_proportion() -> None:
    first = held(Side.LONG, 100_000.0, 100_000.0, 100_000.0)
    beside = position(contracts="1", price=Decimal(101_000))
    found = account(first, beside, coins={"BTC": "1"}, worth={"BTC": "100000"}, equity=1e5, margin=1e5)
    # 1 + (1 + 1 + 1.01) (f - 1) = 0.0056 + 0.0056 * 1.01 f, in 100,000 USD
    share = (2.01 + 0.0056) / (3.01 - 0.0056 * 1.01)
    for one in found.holdings:
        assert known(one.liquidation_price) == pytest.approx(one.price * share)
