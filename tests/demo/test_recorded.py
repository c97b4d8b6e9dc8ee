"""The demo's recorded account is what its sandbox shows, whatever the rules ask for."""

from pathlib import Path

import pytest

from bot.demo.hedged import Hedging, rules_of
from bot.demo.inside import look_everywhere, look_inside, written
from bot.demo.recorded import FILE, first_look
from bot.documents import DocumentError, shipped
from bot.rules import RuleSet, load_rules, load_rules_text, profile_path

SHIPPED = Path(__file__).resolve().parents[2] / "config" / FILE

RULES = {
    "balanced": load_rules(profile_path("balanced")),
    **{one.value: load_rules_text(rules_of(one), one.value) for one in Hedging},
    "another coin": load_rules_text(
        rules_of(Hedging.PERPETUAL).replace("{with: [perp],", '{with: [perp], symbol: "XRP/USDT:USDT",'),
        "another coin",
    ),
}


async def test_the_file_is_what_the_sandbox_shows() -> None:
    mended = f"python -m bot.demo.inside > config/{FILE}"
    assert written(await look_everywhere()) == SHIPPED.read_bytes(), f"write it again: {mended}"


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
async def test_rules_see_what_they_would_see_in_the_sandbox(rules: RuleSet) -> None:
    assert first_look(rules) == await look_inside(rules)


async def test_a_market_where_nothing_is_held_is_shown_and_measured() -> None:
    also = frozenset({"XRP/USDT:USDT"})
    seen = first_look(RULES["balanced"], also)
    assert also < set(seen.given.snapshot.markets)
    assert also < set(seen.given.stats.betas)
    assert seen == await look_inside(RULES["balanced"], also)


def test_what_is_not_listed_is_not_shown() -> None:
    assert first_look(RULES["balanced"], frozenset({"?!"})) == first_look(RULES["balanced"])


def test_an_installation_without_the_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDERS", (tmp_path,))
    with pytest.raises(DocumentError, match="install Reef again"):
        first_look(RULES["balanced"])
