"""What explains a change of the wallet."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Balance, Transfer, Unknown, WalletChange
from bot.risk.flows import GIVE_UP_AFTER, SLACK, Flows, FlowState, explain, known_coins, moved_coins
from bot.risk.ledger import advance, open_ledger

D = Decimal
START = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
NOW = START + timedelta(seconds=30)
LEDGER = open_ledger(D(1000), START, {"USDT": D(900), "BTC": D("0.5")})
NONE = Unknown("not given")


def row(name: str, amount: str, second: float, *, moved: bool = False, coin: str = "USDT") -> WalletChange:
    return WalletChange(
        name, START + timedelta(seconds=second), coin, D(amount), D(amount) if moved else None
    )


def wallet(usdt: str, btc: str = "0.5") -> dict[str, Decimal]:
    return {"USDT": D(usdt), "BTC": D(btc)}


def test_coins_are_known_or_the_wallet_is_not() -> None:
    figures = (NONE,) * 6
    assert known_coins(Balance(*figures, coins={"USDT": D(3)})) == {"USDT": D(3)}
    found = known_coins(Balance(*figures, coins={"USDT": D(3), "BTC": NONE}))
    assert found == Unknown("the wallet balance of BTC: not given")


def test_a_coin_that_is_not_listed_holds_nothing() -> None:
    assert moved_coins({"USDT": D(3), "BTC": D(1)}, {"USDT": D(3), "ETH": D(2)}) == {
        "BTC": D(-1),
        "ETH": D(2),
    }
    assert moved_coins({"USDT": D(3)}, {"USDT": D("3.0"), "BTC": D(0)}) == {}


def test_a_wallet_that_stands_still_has_no_flows() -> None:
    assert explain(LEDGER, D(1000), LEDGER.coins, (row("old", "-5", -1),), NOW) == Flows()


def test_trading_explains_a_loss_and_a_transfer_is_one() -> None:
    rows = (row("c", "-700", 20, moved=True), row("a", "-10", 5), row("b", "-0.5", 5))
    found = explain(LEDGER, D(280), wallet("189.5"), rows, NOW)
    assert found == Flows((Transfer("c", START + timedelta(seconds=20), D(-700)),))


def test_each_coin_is_explained_by_its_own_rows() -> None:
    rows = (row("a", "-10", 5), row("b", "0.25", 6, coin="BTC", moved=True))
    found = explain(LEDGER, D(1000), wallet("890", "0.75"), rows, NOW)
    assert (found.state, [one.transfer_id for one in found.transfers]) == (FlowState.EXPLAINED, ["b"])


def test_rows_at_the_ends_belong_where_the_balance_says() -> None:
    """The stamps of log and wallet are not of one instant."""
    edge = SLACK.total_seconds() / 2
    before, after = row("x", "40", -edge), row("z", "-600", 30 + edge, moved=True)
    for rows, usdt, names in (
        ((before, row("y", "-10", 5), after), "890", []),
        ((before, row("y", "-10", 5), after), "930", []),
        ((before, row("y", "-10", 5), after), "290", ["z"]),
    ):
        found = explain(LEDGER, D(1000), wallet(usdt), rows, NOW)
        assert found.state is FlowState.EXPLAINED
        assert [one.transfer_id for one in found.transfers] == names
    far = (row("x", "-10", -3), row("z", "-10", 33))
    assert explain(LEDGER, D(1000), wallet("890"), far, NOW).state is FlowState.UNEXPLAINED


def test_rounding_at_the_venue_is_no_difference() -> None:
    found = explain(LEDGER, D(1000), wallet("889.99999995"), (row("a", "-10", 5),), NOW)
    assert found.state is FlowState.EXPLAINED


def test_what_the_log_does_not_show_yet_is_unexplained() -> None:
    found = explain(LEDGER, D(590), wallet("490"), (row("a", "-10", 5), row("b", "30", 6, moved=True)), NOW)
    assert found.state is FlowState.UNEXPLAINED
    assert [one.transfer_id for one in found.transfers] == ["b"]
    assert found.reason == "the wallet moved by -430 USDT more than the venue's log explains yet"


def test_a_small_difference_does_not_blind() -> None:
    assert explain(LEDGER, D(1000), wallet("899.5"), (), NOW).state is FlowState.SMALL
    assert explain(LEDGER, D(1000), wallet("898"), (), NOW).state is FlowState.UNEXPLAINED
    assert explain(LEDGER, D(1000), wallet("900", "0.49999"), (), NOW).state is FlowState.UNEXPLAINED


def test_what_is_never_explained_is_taken_as_a_transfer() -> None:
    waited = replace(LEDGER, unexplained_since=START + timedelta(seconds=1))
    late = START + timedelta(seconds=1) + GIVE_UP_AFTER
    rows = (row("a", "-10", 5),)
    assert explain(waited, D(590), wallet("490"), rows, late - timedelta(seconds=1)).state is (
        FlowState.UNEXPLAINED
    )
    found = explain(waited, D(590), wallet("490"), rows, late)
    assert found.state is FlowState.GIVEN_UP
    assert [one.amount for one in found.transfers] == [D(-400)]
    assert advance(waited, D(590), found.transfers, late, wallet("490")).value == D("0.99")


def test_a_small_difference_that_is_given_up_counts_as_trading() -> None:
    waited = replace(LEDGER, unexplained_since=START)
    found = explain(waited, D(999), wallet("899.5"), (), START + GIVE_UP_AFTER)
    assert (found.state, found.transfers) == (FlowState.GIVEN_UP, ())


def test_a_coin_without_a_price_that_is_given_up_leaves_the_unit_value() -> None:
    waited = replace(
        LEDGER, value=D("0.9"), unexplained_since=START, counted={"known": START + timedelta(seconds=4)}
    )
    late = START + GIVE_UP_AFTER
    rows = (row("known", "7", 4, moved=True), row("new", "50", 5, moved=True))
    found = explain(waited, D(600), wallet("957", "0.2"), rows, late)
    assert found.state is FlowState.GIVEN_UP
    assert advance(waited, D(600), found.transfers, late, wallet("957", "0.2")).value == D("0.9")


@given(st.lists(st.tuples(st.integers(-40, 40), st.booleans()), max_size=8), st.data())
def test_a_log_cut_short_is_never_taken_for_whole(moves: list[tuple[int, bool]], data: st.DataObject) -> None:
    """Where rows are missing, either they add up to nothing, or the wallet is unexplained."""
    rows = [
        row(str(number), str(100 * amount), 3 + number, moved=moved)
        for number, (amount, moved) in enumerate(moves)
    ]
    balance = wallet(str(100_000 + sum(100 * amount for amount, _ in moves)))
    ledger = replace(LEDGER, coins=wallet("100000"))
    listed = rows[: data.draw(st.integers(0, len(rows)))]
    found = explain(ledger, D(1000), balance, listed, NOW)
    missing = sum(one.amount for one in rows) - sum(one.amount for one in listed)
    if balance["USDT"] == D(100_000):
        assert found == Flows()
    elif missing == 0:
        assert found.state is FlowState.EXPLAINED
    else:
        assert found.state is FlowState.UNEXPLAINED


def test_what_is_unread_or_unexplained_leaves_the_unit_value_unknown() -> None:
    known = {state: Flows(state=state).known for state in FlowState}
    assert [state for state, sure in known.items() if not sure] == [FlowState.UNREAD, FlowState.UNEXPLAINED]
