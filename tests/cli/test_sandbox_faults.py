"""`reef sandbox faults`: what the sandbox can be told to do wrong."""

import msgspec

from bot.sandbox.faults import KINDS
from tests.cli.support import reef


def test_every_kind_is_listed_for_people() -> None:
    done = reef("sandbox", "faults")
    assert done.code == 0
    words = " ".join(done.out.split())
    assert all(name in words for name in KINDS)
    assert "by hand: send the process SIGKILL" in words


def test_every_kind_is_listed_for_scripts() -> None:
    done = reef("sandbox", "faults", "--json")
    assert done.code == 0
    listed = {one["name"]: one for one in msgspec.json.decode(done.out)}
    assert set(listed) == set(KINDS)
    cut = listed["cut_page"]
    assert (cut["rows"], cut["place"], cut["path"]) == ([16], "venue", "/v5/position/list")
    assert (cut["needed"], cut["variants"], cut["how"]) == (["value"], ["cursor", "lost"], "answer")
    assert {"path", "count", "value"} <= set(cut["fields"])
    paused = listed["paused_process"]
    assert (paused["place"], paused["fields"]) == ("process", [])
    assert "SIGSTOP" in paused["how"]


def test_other_words_are_misuse() -> None:
    assert reef("sandbox", "faults", "hang").code == 2
