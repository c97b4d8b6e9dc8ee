"""What the doctor makes of keys, clocks and machines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.doctor import Grade, examine_machine
from bot.doctor.machine import _secrets, _sqlite
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
        (replace(GOOD, trades=False, withdraws=True), True, Grade.WRONG, "may withdraw"),
        (replace(GOOD, withdraws=True), True, Grade.WRONG, "may withdraw"),
        (replace(GOOD, withdraws=True), False, Grade.NOTE, "may withdraw"),
        (replace(GOOD, bound_to_ip=False), True, Grade.NOTE, "not bound"),
        (replace(GOOD, bound_to_ip=False), False, Grade.FINE, "not bound"),
        (replace(GOOD, expires_at=NOW + timedelta(days=3)), True, Grade.NOTE, "2025-11-24"),
        (replace(GOOD, expires_at=NOW + timedelta(days=90)), True, Grade.FINE, "trades"),
    ],
)
def test_a_key_is_judged_by_what_it_may_do(rights: KeyRights, live: bool, grade: Grade, word: str) -> None:
    check = judge_key("main", rights, NOW, live=live, armed=True)
    assert check.grade is grade
    assert word in check.said
    assert check.bars is (live and rights.withdraws)
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
    journal = examine_machine(path, NOW)[1]
    assert (journal.grade, "holds 0 entries" in journal.said) == (Grade.FINE, True)


def test_a_journal_that_is_none_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "reef.db"
    path.write_text("a diary")
    assert examine_machine(path, NOW)[1].grade is Grade.WRONG
    assert examine_machine(tmp_path / "nowhere" / "reef.db", NOW)[1].grade is Grade.WRONG


@pytest.mark.parametrize(("version", "grade"), [((3, 40, 1), Grade.NOTE), ((3, 51, 3), Grade.FINE)])
def test_sqlite_with_the_reset_bug_is_told(version: tuple[int, ...], grade: Grade) -> None:
    assert _sqlite(version).grade is grade


def test_a_key_that_only_reads_will_do_to_watch() -> None:
    check = judge_key("main", replace(GOOD, trades=False), NOW, live=True, armed=False)
    assert (check.grade, check.bars) == (Grade.NOTE, False)
    assert "To watch only" in check.todo


@pytest.mark.parametrize(
    ("rights", "grade"), [(0o600, Grade.FINE), (0o664, Grade.NOTE), (0o646, Grade.WRONG)]
)
def test_who_may_change_the_settings(tmp_path: Path, rights: int, grade: Grade) -> None:
    path = tmp_path / "reef.yaml"
    path.touch()
    path.chmod(rights)
    (check,) = [
        one
        for one in examine_machine(tmp_path / "reef.db", NOW, settings=path)
        if one.name == "settings file"
    ]
    assert check.grade is grade
    assert f"{rights:04o}" in check.said


@pytest.mark.parametrize(
    ("rights", "folder", "grade"),
    [(0o600, 0o755, Grade.FINE), (0o640, 0o755, Grade.WRONG), (0o600, 0o777, Grade.WRONG)],
)
def test_who_may_read_or_replace_the_keys(tmp_path: Path, rights: int, folder: int, grade: Grade) -> None:
    path = tmp_path / "keys" / "secrets.env"
    path.parent.mkdir()
    path.touch()
    path.chmod(rights)
    path.parent.chmod(folder)
    check = _secrets(path)
    assert check.grade is grade
    assert bool(check.todo) is (grade is Grade.WRONG)


def test_keys_of_another_user_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secrets.env"
    path.touch(0o600)
    owner = path.stat().st_uid
    monkeypatch.setattr("bot.doctor.machine.os.getuid", lambda: owner + 1)
    expected = Grade.NOTE if owner else Grade.FINE  # what root owns is well kept
    assert _secrets(path).grade is expected
    assert "environment" in _secrets(None).said
