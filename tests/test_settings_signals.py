"""Signals in the settings: what they mean, where tokens come from, and every mistake with its place."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.model import CommandSource, FileSource, IfStale, SignalTerms, UrlSource
from bot.settings import Settings, load_settings
from bot.settings.shapes import MAX_SIGNALS
from tests.test_settings import KEYS, PLANTED, load, mistakes

HEAD = "network: testnet\naccounts:\n  - {name: main, venue: bybit}\n"


def written(*lines: str) -> str:
    return HEAD + "signals:\n" + "".join(f"  {line}\n" for line in lines)


def wrong(tmp_path: Path, line: str, environ: dict[str, str] = KEYS) -> list[str]:
    """Mistakes of one signal named x, without file and place."""
    told = mistakes(tmp_path, written(f"x: {line}"), environ)
    return [one.split(": ", 1)[1] for one in told]


def test_signals_mean_what_they_say(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        written(
            "fear_greed:",
            "  url: https://api.alternative.me/fng/?limit=1",
            "  path: data.0.value",
            "  at: /data/0/time~1stamp",
            "  every: 30m",
            "  max_age: 30h",
            "flow-1: {file: data/flow.txt, max_age: 5m, if_stale: last}",
            'run: {command: [./flows.sh, --days, "7"], max_age: 1d, timeout: 500ms, if_stale: -1.5, path: 0}',
            "plain: {url: 'http://10.0.0.1/n', plain_http: true, max_age: 1h, if_stale: 10k}",
            "near: {url: 'http://127.0.0.1:9/n', max_age: 1h, headers_env: {X-Token: MY_TOKEN}}",
        ),
        KEYS | {"MY_TOKEN": PLANTED},
    )
    fear, flow, run, plain, near = found.signals
    assert fear == SignalTerms(
        name="fear_greed",
        source=UrlSource("https://api.alternative.me/fng/?limit=1"),
        max_age=timedelta(hours=30),
        every=timedelta(minutes=30),
        timeout=timedelta(seconds=10),
        if_stale=IfStale.UNKNOWN,
        path=("data", "0", "value"),
        at=("data", "0", "time/stamp"),
    )
    assert (flow.source, flow.if_stale) == (FileSource(tmp_path / "data/flow.txt"), IfStale.LAST)
    assert run.source == CommandSource(("./flows.sh", "--days", "7"), tmp_path)
    assert (run.if_stale, run.path, run.timeout) == (-1.5, ("0",), timedelta(milliseconds=500))
    assert plain.source == UrlSource("http://10.0.0.1/n", plain_http=True)
    assert plain.if_stale == 10_000.0
    assert near.source == UrlSource("http://127.0.0.1:9/n", {"X-Token": "MY_TOKEN"})
    assert found.signal_tokens["MY_TOKEN"].get_secret_value() == PLANTED
    assert PLANTED not in repr(found)


def test_without_signals_there_are_none(tmp_path: Path) -> None:
    found = load(tmp_path, HEAD)
    assert (found.signals, found.signal_tokens) == ((), {})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{max_age: 1h}", "the signal has no source; expected url, file or command"),
        (
            "{url: 'https://a.b/', file: x, max_age: 1h}",
            "a signal has one source, not url and file; expected url, file or command",
        ),
        ("{file: x}", "'max_age' is missing: for how long does a value count?"),
        (
            "{file: x, max_age: 1m}",
            "max_age: a value would be too old before the next is read, every 5m; expected 5m or more",
        ),
        ("{file: x, max_age: 1h, every: 5s}", "timeout: it is longer than every, 5s"),
        ("{file: x, max_age: 1h, every: 1s}", "every: '1s' is out of range; expected 5s to 1d"),
        ("{file: x, max_age: 1h, timeout: 2m}", "timeout: '2m' is out of range; expected 100ms to 1m"),
        (
            "{file: x, max_age: 60}",
            (
                "max_age: 60 has no unit; expected a duration such as 5s, 10m, 1h30m or 2d"
                " (write 60s for seconds)"
            ),
        ),
        ("{file: x, max_age: 1h, pth: a}", "unknown key 'pth' (did you mean 'path'?)"),
        ("{file: 5, max_age: 1h}", "file: 5 is not right; expected text"),
        (
            "{file: x, max_age: 1h, path: a..b}",
            "path: 'a..b' is not a path; expected a path such as data.0.value or /data/0/value",
        ),
        (
            "{file: x, max_age: 1h, at: [a]}",
            "at: a list is not a path; expected a path such as data.0.value or /data/0/value",
        ),
        (
            "{file: x, max_age: 1h, if_stale: never}",
            "if_stale: 'never' is not known; expected unknown, last, or a number",
        ),
        (
            "{file: x, max_age: 1h, if_stale: .nan}",
            "if_stale: nan is not known; expected unknown, last, or a number",
        ),
        ("{file: x, max_age: 1h, plain_http: true}", "plain_http is for a url (take it out)"),
        ("{file: x, max_age: 1h, headers_env: {A: B}}", "headers_env is for a url (take it out)"),
        (
            "{command: ./x.sh 5, max_age: 1h}",
            (
                "command: './x.sh 5' is not a list; expected a list such as [./flows.sh, --today]"
                " (no shell reads it)"
            ),
        ),
        (
            "{command: [./x.sh, 5], max_age: 1h}",
            "command: 5 is not text; expected a list such as [./flows.sh, --today] (put quotes around it)",
        ),
        (
            "{url: 'http://api.example/n', max_age: 1h}",
            (
                "url: without encryption anybody on the way can change the number; expected https"
                " (or write plain_http: true)"
            ),
        ),
        (
            f"{{url: 'https://me:{PLANTED}@api.example/n', max_age: 1h}}",
            (
                "url: an address may hold no user and no password;"
                " expected an address such as https://api.alternative.me/fng/"
            ),
        ),
        (
            f"{{url: 'https://api.example/n?a=b&api-key={PLANTED}', max_age: 1h}}",
            "url: an address may hold no secret (send it as a header, by headers_env)",
        ),
        ("5", "this: 5 is not right; expected a mapping"),
    ],
)
def test_mistakes_of_one_signal(tmp_path: Path, line: str, told: str) -> None:
    assert wrong(tmp_path, line)[0] == told


@pytest.mark.parametrize(
    "url", ["ftp://a.b/", "a.b/c", "https://", "https://a.b:99999/", "'https://a.b/ c'", "5", "'https://[x/'"]
)
def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    told = wrong(tmp_path, f"{{url: {url}, max_age: 1h}}")
    assert told == [
        "url: this is not an address; expected an address such as https://api.alternative.me/fng/"
    ]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ("{X-Token: 'Bearer pLaNtEd5eCrEt'}", "this is not the name of an environment variable"),
        ("{Host: MY_HOST}", "this is not the name of a header"),
        ("{'X Token': MY_TOKEN}", "this is not the name of a header"),
        ("[X-Token]", "is not right"),
    ],
)
def test_headers_that_are_none(tmp_path: Path, headers: str, told: str) -> None:
    (one,) = wrong(tmp_path, f"{{url: 'https://a.b/', max_age: 1h, headers_env: {headers}}}")
    assert told in one


@pytest.mark.parametrize("name", ["bad name", "-x", "x" * 33, "'a\"b'"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    (one,) = mistakes(tmp_path, written(f"{name}: {{file: x, max_age: 1h}}"))
    assert "is not a name" in one


@pytest.mark.parametrize("text", ["signals: {}", "signals: []", "signals: fear", "signals:"])
def test_signals_that_are_none(tmp_path: Path, text: str) -> None:
    (one,) = mistakes(tmp_path, f"{HEAD}{text}\n")
    assert "names no signal" in one


def test_no_more_than_so_many(tmp_path: Path) -> None:
    lines = [f"s{number}: {{file: x, max_age: 1h}}" for number in range(MAX_SIGNALS)]
    assert len(load(tmp_path, written(*lines)).signals) == MAX_SIGNALS
    assert (
        f"more than {MAX_SIGNALS} signals"
        in mistakes(tmp_path, written(*lines, "t: {file: x, max_age: 1h}"))[0]
    )


def test_all_mistakes_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = written("a: {max_age: 1h}", "b: {file: x}", "c: {file: x, max_age: 1h, every: soon}")
    assert [one.split(": ")[0] for one in mistakes(tmp_path, text)] == [
        "reef.yaml:5:6",
        "reef.yaml:6:6",
        "reef.yaml:7:36",
    ]


TOKEN = written("x: {url: 'https://a.b/', max_age: 1h, headers_env: {Authorization: MY_TOKEN}}")


def test_a_token_that_is_not_there_is_told(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, TOKEN)
    assert told.endswith("signal 'x' has no value for the header Authorization: set MY_TOKEN")
    assert load(tmp_path, TOKEN, connect=False).signal_tokens == {}


def test_tokens_come_from_the_secrets_file_without_api_keys(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.env"
    secrets.write_text(f"MY_TOKEN={PLANTED}\n")
    secrets.chmod(0o600)
    path = tmp_path / "reef.yaml"
    path.write_text(f"secrets: secrets.env\n{TOKEN}")
    found: Settings = load_settings(path, {}, connect=False, tokens=True)
    assert found.signal_tokens["MY_TOKEN"].get_secret_value() == PLANTED
    assert found.accounts[0].api_key.get_secret_value() == ""
