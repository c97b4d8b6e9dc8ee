"""What is seen while the demo runs, and after it."""

import io
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from bot.demo import wording
from bot.demo.books import Books
from bot.demo.chronicle import Deed
from bot.demo.page import print_page
from bot.demo.score import score
from bot.demo.watch import Lines, Picture, Scene, line
from bot.journal import Problem
from bot.model import State, Unknown
from tests.demo import build


def terminal(width: int = 100) -> Console:
    """A console that writes into memory as if it were a terminal."""
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, color_system=None, legacy_windows=False
    )


def text_of(console: Console) -> str:
    """What was written."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_scene(*, liquidated: bool = False) -> Scene:
    """A scene in the middle of the fall."""
    twin = build.account(build.CAST.twin, "0" if liquidated else "31000", liquidated=liquidated, ratio=None)
    guarded = build.account(build.CAST.guarded, "87000", {"BTCUSDT": "5", "ETHUSDT": "2"}, ratio="0.7")
    states = [
        build.state(0),
        build.state(1200, btc="115000", guarded=guarded, twin=twin),
        build.state(2520, btc="105000", guarded=guarded, twin=twin),
    ]
    return Scene(build.track(states), [build.deed()], 2, 10_500)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_live_view_shows_both_accounts_and_the_last_actions(width: int) -> None:
    console = terminal(width)
    with Picture(console, "Reef") as picture:
        picture.say("It begins.")
        picture.show(a_scene())
    shown = text_of(console)
    for expected in (
        "It begins.",
        "105,000",
        "16.7 %",
        "0:42 of 2:55",
        "87,000",
        "31,000",
        "trim 0.5 BTC",
    ):
        assert expected in shown
    assert "LIQUIDATED" not in shown
    assert all(len(row) <= width for row in shown.replace("\r", "\n").split("\n") if "\x1b" not in row)


def test_the_live_view_says_who_was_liquidated() -> None:
    console = terminal()
    with Picture(console, "Reef") as picture:
        picture.show(a_scene(liquidated=True))
    assert "LIQUIDATED" in text_of(console)


def test_the_live_view_does_not_hide_a_guarded_account_that_was_liquidated() -> None:
    console = terminal()
    lost = build.account(build.CAST.guarded, "0", liquidated=True)
    with Picture(console, "Reef") as picture:
        picture.show(Scene(build.track([build.state(0), build.state(60, guarded=lost)]), [], 0, 10_500))
    assert "LIQUIDATED" in text_of(console)


def test_elsewhere_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(every_s=3600) as lines:
        lines.say("It begins.")
        for _ in range(3):
            lines.show(a_scene())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["It begins.", line(a_scene())]
    assert "twin 31,000 USD" in captured.err
    assert "liquidated" in line(a_scene(liquidated=True))


def test_the_last_page() -> None:
    final = build.state(
        10_500,
        btc="84000",
        guarded=build.account(
            build.CAST.guarded, "78000", {"BTCUSDT": "0.85", "ETHUSDT": "23.5", "SOLUSDT": "300"}
        ),
        twin=build.account(build.CAST.twin, "12", liquidated=True),
        liquidations=[build.liquidation("BTCUSDT", "1", "95000", "95100", 5000)],
    )
    made = score(
        seed=7,
        journal="/x/reef.sqlite",
        cast=build.CAST,
        final=final,
        track=build.track([build.state(0), final]),
        deeds=[build.deed()],
        verified=build.verified(),
    )
    console = terminal(140)
    print_page(console, made)
    shown = text_of(console)
    for expected in (
        "YES at 1:23 h, BTC 95,100",
        "78,000",
        "78.0 %",
        "cushion: 43.1 % (max 25.0 %)",
        "84.00",
        "20,950.00",
        "sold 2 SOLUSDT",
        "42 entries, all as they were written",
        "reef journal verify --journal /x/reef.sqlite",
        "reef journal --journal /x/reef.sqlite",
        "reef explain cushion.guarded.1 --journal /x/reef.sqlite",
    ):
        assert expected in shown
    broken = msgspec.structs.replace(build.verified(), problems=(Problem(3, "it was changed"),))
    console = terminal(140)
    print_page(console, msgspec.structs.replace(made, verified=broken, told=(), unguarded_fall=None))
    assert "NOT SOUND: it was changed" in text_of(console)


def of_puts(books: Books, *deeds: Deed) -> str:
    """What the last page shows of these purchases and sales of puts."""
    final = build.state(10_500)
    made = score(
        seed=7,
        journal="/x/reef.sqlite",
        cast=build.CAST,
        final=final,
        track=build.track([final]),
        deeds=deeds,
        verified=build.verified(),
        books=books,
    )
    console = terminal(160)
    print_page(console, made)
    assert made.passed is books.right
    return text_of(console)


def test_the_last_page_of_a_hedged_account() -> None:
    bought = msgspec.structs.replace(
        build.deed("BTC/USDT:USDT-251205-117500-P", "0.4", "23000"),
        kind="hedge",
        opens=True,
        limit=Decimal(23_100),
        mark=None,
    )
    sold = msgspec.structs.replace(
        bought, kind="unwind", opens=False, price=Decimal(25_000), limit=Decimal(24_900)
    )
    shown = of_puts(Books(least={"BTC": Decimal("0.7")}, paid=Decimal("0.092")), bought, sold)
    for expected in (
        "hedge 0.4 BTC put 117,500 at 23,000",
        "-9,200.00",
        "10,000.00",
        "Hedges of BTC: none is left, with them no coin was ever net short.",
        "bought for 9,200 USD and sold for 10,000, each inside its limit price;",
        "at most 9.2 % of the equity",
        "of an option: what was got for it",
    ):
        assert expected in shown
    beyond = msgspec.structs.replace(bought, limit=Decimal(22_000))
    wrong = of_puts(Books(least={"BTC": Decimal(-1)}, turned={"BTC"}, left=("BTC",)), beyond)
    for expected in ("left of them at the end: BTC", "NET SHORT at times: BTC", "NOT ALL INSIDE"):
        assert expected in wrong
    assert "Puts were" not in of_puts(Books())


def test_figures() -> None:
    assert wording.bar(0.5, 1.0, 4) == "██"
    assert wording.bar(0.0, 1.0, 4) == ""
    assert wording.bar(0.3, 1.0, 4) == "█▎"
    assert wording.sparkline([1.0, 2.0, 3.0, 9.0], 1.0, 3.0) == "▁▅██"
    assert wording.sparkline([1.0], 1.0, 1.0) == "▁"
    assert wording.metric_value("account.leverage", 3.5) == "3.50x"
    assert wording.metric_value("account.cushion", Unknown("no candles")) == "unknown"
    assert wording.reason(msgspec.structs.replace(build.deed(), why=None)) == "cushion"
    restoring = msgspec.structs.replace(build.finding(value=0.241), state=State.RESTORING)
    assert wording.against(restoring) == "24.1 %, back to 23.0 %"
    assert wording.price(123.456) == "123.46"
    assert wording.times(None) == "-"
    assert wording.coin("ETH/USDT:USDT-251205-4200-C") == "ETH call 4,200.00"
