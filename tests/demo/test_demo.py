"""`reef demo`, really run: an exchange, a daemon, a crash."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import typer
from rich.console import Console

from bot.cli import app
from bot.cli import demo as command
from bot.demo import scene
from bot.demo.hedged import WAYS, Hedging
from bot.demo.process import DemoError
from bot.demo.run import JOURNAL, DemoOptions, run
from bot.demo.score import Score, score
from bot.journal import verify
from tests.demo import build
from tests.demo.test_process import until

MOST_PREMIUM = 0.1 * 1.1
"""`max_premium` of the rules, as a share of equity, which falls on between the decision and the look."""
QUICK = "700"
"""Market time over wall time: faster than what people see."""


@pytest.mark.timeout(180)
def test_the_guarded_account_lives_and_the_twin_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {name: scene.new_keys(name) for name in (scene.GUARDED, scene.TWIN)}
    monkeypatch.setattr(scene, "new_keys", made.__getitem__)
    folder = tmp_path / "demo"
    app(["demo", "--seed", "7", "--json", "--folder", str(folder), "--speed", QUICK], standalone_mode=False)
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    told = json.loads(printed.out)
    assert set(told) == {"seed", "journal", "guarded", "unguarded"}
    assert told["seed"] == 7
    keys = {"initial_equity", "final_equity", "liquidated", "actions", "cost"}
    assert set(told["guarded"]) == set(told["unguarded"]) == keys
    guarded, twin = told["guarded"], told["unguarded"]
    assert guarded["initial_equity"] == twin["initial_equity"] == 100_000
    assert guarded["liquidated"] is False
    assert guarded["final_equity"] > 70_000
    assert guarded["actions"] > 0
    assert guarded["cost"] > 0
    assert twin["liquidated"] is True
    assert twin["final_equity"] < 10_000
    assert verify(Path(told["journal"])).sound
    kept = b"".join(file.read_bytes() for file in folder.iterdir())
    assert not any(one.secret.encode() in kept for one in made.values())
    assert "2:55" in printed.err


def lived(hedging: Hedging, folder: Path) -> Score:
    """A hedged demo at its own speed, through which the guarded account lives and its twin does not."""
    asked = DemoOptions(seed=7, folder=folder / "demo", speed=WAYS[hedging].speed, quiet=True, hedge=hedging)
    found = run(asked, Console())
    assert found.passed
    assert not found.guarded.liquidated
    assert found.unguarded.liquidated
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hedged_account_lives_and_its_hedges_are_gone_when_the_market_is_back(tmp_path: Path) -> None:
    found = lived(Hedging.PERPETUAL, tmp_path)
    kinds = {one.deed.kind for one in found.told}
    assert {"hedge", "unwind"} <= kinds
    bought = sum(one.deed.size * (1 if one.deed.opens else -1) for one in found.told if one.deed.hedges)
    assert bought == 0
    assert found.by_stops == {}


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_puts_are_bought_in_the_fall_and_gone_when_the_market_is_back(tmp_path: Path) -> None:
    """A quicker one: tests/e2e/test_puts.py."""
    found = lived(Hedging.PUT, tmp_path)
    puts = [one.deed for one in found.told if one.deed.is_option]
    assert {one.kind for one in puts} == {"hedge", "unwind"}
    assert [one.kind for one in puts if one.limit is None or not one.inside] == []
    assert sum(one.size * (1 if one.opens else -1) for one in puts) == 0
    assert found.books is not None
    assert found.books.right
    assert 0 < found.books.paid <= MOST_PREMIUM
    assert min(found.books.least.values()) > 0
    assert found.by_stops == {}


@pytest.mark.parametrize(
    ("asked", "hedging", "speed"),
    [
        ([], None, scene.SPEED),
        (["--hedged"], Hedging.PERPETUAL, 100),
        (["--puts"], Hedging.PUT, 60),
        (["--hedged", "--puts", "--speed", "9"], Hedging.PUT, 9),
    ],
)
def test_what_hedges_is_an_option(
    asked: list[str], hedging: Hedging | None, speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[DemoOptions] = []

    def play(options: DemoOptions, console: Console) -> Score:
        played.append(options)
        return a_score("78000")

    monkeypatch.setattr(command, "run", play)
    app(["demo", *asked], standalone_mode=False)
    assert [(one.hedge, one.speed) for one in played] == [(hedging, speed)]


def test_a_folder_with_a_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("precious")
    with pytest.raises(DemoError, match="already holds a journal"):
        run(DemoOptions(seed=1, folder=tmp_path), Console())
    assert (tmp_path / JOURNAL).read_text() == "precious"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoError, match="cannot be made"):
        run(DemoOptions(seed=1, folder=tmp_path / "file" / "demo"), Console())


def test_a_daemon_that_does_not_start_says_why_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "CONFIG", "mode: dance\n")
    before = set(psutil.Process().children(recursive=True))
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with pytest.raises(DemoError, match="daemon ended while the demo waited for journal") as caught:
        run(DemoOptions(seed=1, folder=tmp_path / "demo"), screen)
    assert "dance" in str(caught.value)
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_children_never_outlive_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "demo"
    started = [sys.executable, "-m", "bot.cli", "demo", "--json", "--folder", str(folder)]
    # what a shell started in the background ignores the key that interrupts, and so would its children
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    demo = subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert until((folder / JOURNAL).exists, 30)
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) == 4  # a leash and its process, twice
        demo.send_signal(number)
        out, _ = demo.communicate(timeout=60)
        assert demo.returncode != 0
        assert out == b""
        gone, alive = psutil.wait_procs(children, timeout=60)
        assert (len(gone), alive) == (4, [])
    finally:
        demo.kill()
        demo.wait()
        signal.signal(signal.SIGINT, before)


def a_score(equity: str) -> Score:
    """A score with a final equity of the guarded account."""
    final = build.state(10_500, guarded=build.account(build.CAST.guarded, equity))
    return score(
        seed=7,
        journal="/x/reef.sqlite",
        cast=build.CAST,
        final=final,
        track=build.track([final]),
        deeds=[],
        verified=build.verified(),
    )


def test_the_page_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "console", Console(file=sys.stdout, width=100))
    monkeypatch.setattr(command, "run", lambda options, console: a_score("78000"))
    command.demo(seed=7)
    assert "78,000" in capsys.readouterr().out
    monkeypatch.setattr(command, "run", lambda options, console: a_score("69000"))
    with pytest.raises(typer.Exit) as ended:
        command.demo(seed=7)
    assert ended.value.exit_code == 1
