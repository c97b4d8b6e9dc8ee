"""All of it or nothing; nothing that was there is lost."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import MisuseError
from bot.setup import Page, write_all

PAGES = {
    "reef.yaml": Page("mode: observe\n"),
    "secrets.env": Page("KEY=\n", 0o600),
    "rules.yaml": Page("rules\n"),
}


def fine(_folder: Path) -> None:
    """Nothing is wrong."""


def contents(folder: Path) -> dict[str, str]:
    """What a folder holds."""
    return {one.name: one.read_text() for one in folder.iterdir() if one.is_file()}


def test_writes_what_was_looked_at_first(tmp_path: Path) -> None:
    looked: list[dict[str, str]] = []
    folder = tmp_path / "a" / "b"
    assert write_all(folder, PAGES, force=False, check=lambda at: looked.append(contents(at))) == tuple(PAGES)
    assert contents(folder) == looked[0] == {name: page.text for name, page in PAGES.items()}
    assert (folder / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert (folder / "journal").stat().st_mode & 0o777 == 0o700
    assert sorted(one.name for one in folder.iterdir()) == ["journal", *sorted(PAGES)]


def test_what_is_there_is_replaced_by_force_only(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("mine")
    with pytest.raises(MisuseError, match=r"has rules.yaml already: nothing was written"):
        write_all(tmp_path, PAGES, force=False, check=fine)
    assert contents(tmp_path) == {"rules.yaml": "mine"}
    write_all(tmp_path, PAGES, force=True, check=fine)
    assert contents(tmp_path)["rules.yaml"] == "rules\n"


def test_keys_are_kept_even_then(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("KEY=precious")
    assert write_all(tmp_path, PAGES, force=True, check=fine) == ("reef.yaml", "rules.yaml")
    assert contents(tmp_path)["secrets.env"] == "KEY=precious"


def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "reef.yaml").symlink_to(tmp_path / "gone")
    with pytest.raises(MisuseError):
        write_all(tmp_path, PAGES, force=False, check=fine)
    assert not (tmp_path / "gone").exists()


def test_what_is_not_right_is_not_written(tmp_path: Path) -> None:
    def wrong(_folder: Path) -> None:
        raise MisuseError("the name is not right")

    with pytest.raises(MisuseError, match="not right"):
        write_all(tmp_path / "new" / "folder", PAGES, force=False, check=wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("failing", list(PAGES))
def test_a_move_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, force: bool
) -> None:
    before = {name: f"old {name}" for name in PAGES} if force else {"other": "untouched"}
    for name, text in before.items():
        if name not in {"secrets.env"} or not force:
            (tmp_path / name).write_text(text)
    there = contents(tmp_path)
    real: Callable[[Path, Path], Path] = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == tmp_path / failing:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(MisuseError, match="No space left on device"):
        write_all(tmp_path, PAGES, force=force, check=fine)
    assert contents(tmp_path) == there
    assert not [one for one in tmp_path.iterdir() if one.is_dir()]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MisuseError, match="cannot be written"):
        write_all(tmp_path / "new", PAGES, force=False, check=fine)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MisuseError, match="cannot be written"):
        write_all(tmp_path / "file", PAGES, force=False, check=fine)
