"""How proposals, reloads, churn and hedges are told."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.journal import controls as c
from bot.journal import records as r
from bot.model import Churning, NoticeKind, Severity, State, Target, Unanswered
from bot.notifications.notice import Notice, Phase
from bot.notifications.sources import Standing
from tests.notifications.support import START
from tests.notifications.test_words import told

BTC = "BTC/USDT:USDT"
TARGET = Target("main", BTC, "long")
FIRING = c.Firing("cap", TARGET, "account.leverage", 6.0, 5.0, State.FIRING)
PROPOSED = c.Proposed(
    name="p-1",
    rules=("cap",),
    episodes=("cap.main.1",),
    what=("trim BTC by 2",),
    why=("account.leverage is 6",),
    items=(),
    cost=12.5,
    deadline=START + timedelta(minutes=10),
    then=Unanswered.DROP,
)
CHURNED = c.Churned(Churning("cap", f"{BTC}#long", 3, START, START + timedelta(minutes=5)), backs_off=True)
HEDGE = r.HedgeChanged(
    BTC, "short", "ETH/USDT:USDT#long", "cap", "cap.main.1", Decimal(2), Decimal(0), lost=True, note="ADL"
)


def one(path: Path, body: r.Record, standing: Standing | None = None) -> Notice:
    (notice,) = told(path, body, standing=standing or Standing(armed=True))
    return notice


def test_a_start_at_which_nothing_fires_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, c.Preview(armed=True, firing=(), steps=(), cost=0.0, until=None)) == []


def test_a_start_tells_what_fires_and_how_long_orders_wait(tmp_path: Path) -> None:
    body = c.Preview(armed=True, firing=(FIRING,), steps=(), cost=0.0, until=START)
    notice = one(tmp_path, body)
    assert notice.subject == "main: fires at the start: cap"
    assert "Orders wait until" in notice.body
    assert "disarmed" in one(tmp_path, body, Standing()).body


def test_a_proposal_says_what_it_costs_and_what_silence_means(tmp_path: Path) -> None:
    notice = one(tmp_path, replace(PROPOSED, changed="it grew"))
    assert (notice.kind, notice.severity, notice.phase) == (
        NoticeKind.APPROVAL,
        Severity.CRITICAL,
        Phase.BEGINS,
    )
    for part in ("trim BTC by 2", "Why: account.leverage is 6", "it grew", "12.50", "`reef approve p-1`"):
        assert part in notice.body
    assert "it is dropped" in notice.body


def test_the_answer_ends_what_the_proposal_began(tmp_path: Path) -> None:
    yes = one(tmp_path, c.Answered("p-1", c.Closing.APPROVED, "ann", "agreed"))
    assert yes.key == one(tmp_path, PROPOSED).key
    assert (yes.phase, yes.severity) == (Phase.ENDS, Severity.INFO)
    assert "ann" in yes.subject
    assert one(tmp_path, c.Answered("p-1", c.Closing.DROPPED, "", "")).severity is Severity.WARNING


def test_a_reload_says_what_changed_or_why_not(tmp_path: Path) -> None:
    done = one(tmp_path, c.Reloaded("SIGHUP", "a", "b", changes=("cap: max 5 -> 4",)))
    assert (done.subject, done.severity) == ("main: rules reloaded", Severity.INFO)
    assert "cap: max 5 -> 4" in done.body
    kept = one(tmp_path, c.Reloaded("SIGHUP", "a", "", mistakes=("rules.yaml:3:5: max",)))
    assert kept.severity is Severity.WARNING
    assert "rules.yaml:3:5" in kept.body


def test_an_episode_that_is_not_restored_says_why(tmp_path: Path) -> None:
    notice = one(tmp_path, c.EpisodeEnded("cap.main.1", "cap", TARGET, "rule_gone"))
    assert "rule gone" in notice.body
    assert (notice.rule, notice.symbol, notice.side) == ("cap", BTC, "long")


@pytest.mark.parametrize("backs_off", [True, False])
def test_churn_says_whether_the_rule_waits(backs_off: bool, tmp_path: Path) -> None:
    notice = one(tmp_path, replace(CHURNED, backs_off=backs_off))
    assert ("waits until" in notice.body) is backs_off
    assert ("goes on" in notice.body) is not backs_off


def test_a_hedge_that_others_closed_is_critical(tmp_path: Path) -> None:
    lost = one(tmp_path, HEDGE)
    assert lost.severity is Severity.CRITICAL
    assert "ETH/USDT:USDT long stands without it" in lost.body
    assert one(tmp_path, replace(HEDGE, lost=False)).severity is Severity.WARNING
