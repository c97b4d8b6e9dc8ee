"""Files of scenarios: what they mean, and every mistake at once with its place."""

from pathlib import Path

import pytest

from bot.documents import MistakesError
from bot.scenarios.loading import chosen, load_stress, load_stress_text
from bot.scenarios.values import Funding

WRONG = """version: 1
scenarios:
  - name: one
    moves: {BTC: -120%, eth: -5%}
  - name: two
    movs: {BTC: -5%}
    spread: 0.5
  - name: One
    haircuts: {USDT: 5%}
  - moves: {ABC: -5%}
  - name: nothing
  - name: free
    funding: {rate: 0%, for: 8h}
    others: perhaps
  - name: three
    moves: {BTC: -5%, XYZ/USDT:USDT: -3%}
ladder: {of: BTC}
"""


def mistakes(text: str, listed: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(MistakesError) as caught:
        load_stress_text(text, "s.yaml", listed)
    return [one.text for one in caught.value.mistakes]


def test_all_mistakes_come_at_once_with_their_places() -> None:
    told = mistakes(WRONG, ("BTC/USDT:USDT", "ETH/USDT:USDT", "ABD/USDT:USDT"))
    places = {line.split(" ")[0] for line in told}
    for place in ("4:18", "6:5", "7:13", "8:11", "10:5", "10:13", "11:5", "14:13", "16:23", "17:9"):
        assert f"s.yaml:{place}:" in places, (place, told)
    text = "\n".join(told)
    for words in (
        "out of range",
        "did you mean ETH?",
        "unknown key 'movs' (did you mean 'moves'?)",
        "name of another scenario",
        "'name' is missing",
        "the scenario does nothing",
        "one of beta, still",
        "no market of 'ABC'",
        "no market of 'XYZ/USDT:USDT'",
        "'rungs' is missing",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scenarios: [{name: a, moves: {BTC: -5%}}]", "'version' is missing"),
        ("version: 2\nscenarios: [{name: a, moves: {BTC: -5%}}]", "not a version"),
        ("version: 1", "there is no scenario"),
        ("version: 1\nscenarios: []", "a list of at least one entry"),
        ("version: 1\nscenarios: [{name: 5, moves: {BTC: -5%}}]", "is not a name"),
        (f"version: 1\nscenarios: [{{name: {'a' * 61}, moves: {{BTC: -5%}}}}]", "longer than 60"),
        ("version: 1\nscenarios: [{name: a, haircuts: {usdt: 5%}}]", "is not a coin"),
        ("version: 1\nladder: {of: BTC, rungs: [-5%, -5%]}", "name of another scenario"),
        ("version: 1\nscenarios: [{name: a, funding: {rate: 0%, for: 8h}}]", "it pays nothing"),
        ("version: 1\nladder: {of: ABC, rungs: [-5%]}", "no market of 'ABC'"),
        (f"version: 1\nladder: {{of: BTC, rungs: [{', '.join(['-5%'] * 101)}]}}", "more than 100"),
        ("version: 1\nscenarios: [a]", "a mapping"),
    ],
)
def test_each_mistake_is_told(text: str, words: str) -> None:
    assert words in "\n".join(mistakes(text, ("BTC/USDT:USDT",)))


def test_a_file_means_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "version: 1\nscenarios:\n  - {name: a, moves: {BTC: -5%}, others: still, spread: 3x,"
        " funding: {rate: 0.1%, for: 16h}}\nladder: {of: ETH, rungs: [-10%], residual: 0%}\n"
    )
    first, rung = load_stress(path)
    assert first.moves == {"BTC": -0.05}
    assert not first.others
    assert first.spread == 3.0
    assert first.funding == Funding(0.001, 16.0)
    assert first.funding.share == pytest.approx(0.002)
    assert (rung.name, rung.moves, rung.residual) == ("ETH -10 %", {"ETH": -0.1}, 0.0)
    assert chosen((first, rung), ["ETH -10 %"]) == (rung,)
    assert chosen((first, rung), []) == (first, rung)
    with pytest.raises(MistakesError, match="did you mean 'ETH -10 %'"):
        chosen((first, rung), ["ETH -10"])
