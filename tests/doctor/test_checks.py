"""What the doctor makes of keys, clocks and machines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.doctor import Grade, examine_machine
from bot.doctor.machine import _sqlite
from bot.doctor.venue import judge_key, seen_in
from bot.exchange.failures import MalformedDataError
from bot.exchange.venues.bybit_keys import parse_key_rights
from bot.journal import open_journal
from bot.model import KeyRights, Unknown
from tests.planning.build import snapshot

NOW = datetime(2025, 11, 21, tzinfo=UTC)
GOOD = KeyRights(trades=True, withdraws=False, transfers=False, bound_to_ip=True, expires_at=None)


@pytest.mark.parametrize(
    ("rights", "live", "grade", "word"),
    [
        (GOOD, True, Grade.FINE, "cannot withdraw"),
        (replace(GOOD, trades=False), False, Grade.WRONG, "not trade"),
        (replace(GOOD, withdraws=True), True, Grade.WRONG, "may withdraw"),
        (replace(GOOD, withdraws=True), False, Grade.NOTE, "may withdraw"),
        (replace(GOOD, bound_to_ip=False), True, Grade.NOTE, "not bound"),
        (replace(GOOD, bound_to_ip=False), False, Grade.FINE, "not bound"),
        (replace(GOOD, expires_at=NOW + timedelta(days=3)), True, Grade.NOTE, "2025-11-24"),
        (replace(GOOD, expires_at=NOW + timedelta(days=90)), True, Grade.FINE, "trades"),
    ],
)
def test_a_key_is_judged_by_what_it_may_do(rights: KeyRights, live: bool, grade: Grade, word: str) -> None:
    check = judge_key("main", rights, NOW, live=live)
    assert check.grade is grade
    assert word in check.said
    assert bool(check.todo) is (grade is not Grade.FINE)


@pytest.mark.parametrize(
    ("row", "rights"),
    [
        (
            {"readOnly": 0, "permissions": {"ContractTrade": ["Order", "Position"]}, "ips": ["192.0.2.7"]},
            GOOD,
        ),
        (
            {
                "readOnly": 0,
                "permissions": {
                    "Derivatives": ["DerivativesTrade"],
                    "Wallet": ["Withdraw", "AccountTransfer"],
                },
                "ips": ["*"],
                "expiredAt": "2025-12-01T00:00:00Z",
            },
            KeyRights(True, True, True, False, datetime(2025, 12, 1, tzinfo=UTC)),
        ),
        (
            {"readOnly": 1, "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": ["Withdraw"]}},
            KeyRights(False, False, False, False, None),
        ),
        (
            {"readOnly": 0, "permissions": {"ContractTrade": ["Order"]}, "expiredAt": "2025-12-01"},
            KeyRights(False, False, False, False, datetime(2025, 12, 1, tzinfo=UTC)),
        ),
    ],
)
def test_rights_are_read_from_the_venues_words(row: dict[str, object], rights: KeyRights) -> None:
    assert parse_key_rights(row) == rights


@pytest.mark.parametrize(
    "row",
    [{}, {"readOnly": 0}, {"permissions": {}}, {"readOnly": 0, "permissions": {}, "expiredAt": "soon"}],
)
def test_rights_that_are_not_stated_are_not_assumed(row: dict[str, object]) -> None:
    with pytest.raises(MalformedDataError):
        parse_key_rights(row)


@pytest.mark.parametrize(("seconds", "grade"), [(0.2, Grade.FINE), (-3.0, Grade.NOTE), (61.0, Grade.WRONG)])
def test_a_clock_that_is_off_is_told(seconds: float, grade: Grade) -> None:
    clock, _, _ = seen_in(replace(snapshot([], 1000), clock_offset_seconds=seconds))
    assert clock.grade is grade


def test_an_account_whose_equity_is_unknown_is_wrong() -> None:
    seen = snapshot([], 1000)
    blank = replace(seen, balance=replace(seen.balance, equity=Unknown("the venue gave no totalEquity")))
    _, figures, _ = seen_in(blank)
    assert figures.grade is Grade.WRONG
    assert "no totalEquity" in figures.said


def test_the_machine_is_told_of_with_and_without_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "reef.db"
    assert all(check.grade is not Grade.WRONG for check in examine_machine(path, NOW))
    open_journal(path).close()
    (_, journal, _, _) = examine_machine(path, NOW)
    assert (journal.grade, "holds 0 entries" in journal.said) == (Grade.FINE, True)


def test_a_journal_that_is_none_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "reef.db"
    path.write_text("a diary")
    assert examine_machine(path, NOW)[1].grade is Grade.WRONG
    assert examine_machine(tmp_path / "nowhere" / "reef.db", NOW)[1].grade is Grade.WRONG


@pytest.mark.parametrize(("version", "grade"), [((3, 40, 1), Grade.NOTE), ((3, 51, 3), Grade.FINE)])
def test_sqlite_with_the_reset_bug_is_told(version: tuple[int, ...], grade: Grade) -> None:
    assert _sqlite(version).grade is grade
