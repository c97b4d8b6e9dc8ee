"""Settings of notifications, the heartbeat and metrics: what they mean, and every mistake with its place."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from bot.documents import MistakesError
from bot.model import DailyHour, NoticeKind, NoticeTerms, Quiet, Route, Severity
from bot.notifications.channels import channel_trouble
from bot.settings import Settings, load_settings
from bot.settings.notice_shapes import (
    ChannelShape,
    HeartbeatShape,
    MetricsShape,
    NotificationsShape,
    QuietShape,
    RouteShape,
    SummaryShape,
)
from tests.test_settings import KEYS, PLANTED, ROOT, written

URL = f"json://127.0.0.1/{PLANTED}"
ENVIRON = {**KEYS, "REEF_NOTIFY_PHONE": URL, "REEF_NOTIFY_MAIL": URL, "BEAT": f"https://hc.example/{PLANTED}"}
CHANNELS = "channels: {phone: {}, mail: {rate: 5}}"
HOUR = 'expected an hour such as "22:30"'
NO_CHANNELS = "is not right; expected a mapping of names to channels"
NO_ROUTES = "is not right; expected a list of at least one route"
DURATION = "expected a duration such as 5s, 10m, 1h30m or 2d"
PATTERN = "expected a pattern, or a list of patterns"
KINDS = ", ".join(kind.value for kind in NoticeKind)


def load(tmp_path: Path, environ: dict[str, str] = ENVIRON, **top: str) -> Settings:
    path = tmp_path / "reef.yaml"
    path.write_text(written(top))
    return load_settings(path, environ, judge=channel_trouble)


def mistakes(tmp_path: Path, environ: dict[str, str] = ENVIRON, **top: str) -> list[str]:
    with pytest.raises(MistakesError) as error:
        load(tmp_path, environ, **top)
    assert PLANTED not in str(error.value)
    return [line.removeprefix(f"{tmp_path}/reef.yaml:") for line in str(error.value).splitlines()]


def test_without_a_word_nobody_is_told(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert (found.notifications, found.heartbeat, found.metrics_port) == (None, None, None)


def test_channels_alone_are_one_route_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = load(tmp_path, notifications=f"{{{CHANNELS}}}").notifications
    assert found is not None
    assert found.terms == NoticeTerms((Route(("phone", "mail")),), {"phone": 60, "mail": 5})
    assert [one.url.get_secret_value() for one in found.channels] == [URL, URL]
    assert PLANTED not in repr(found)


def test_everything_that_may_be_said(tmp_path: Path) -> None:
    routes = (
        "[{severity: critical, account: main, rule: [lev*, room], kind: [rule, halt], "
        "channels: [phone, mail]}, "
        "{kind: summary, account: 'fund-*', channels: [mail]}]"
    )
    more = (
        "group: 0, dedup: 1h, repeat: 5m, timeout: 3s, "
        "quiet: {from: 22:30, to: '7:00', zone: Europe/Berlin}, summary: {at: 08:00, zone: Asia/Tokyo}"
    )
    found = load(
        tmp_path,
        notifications=f"{{{CHANNELS}, routes: {routes}, {more}}}",
        heartbeat="{url_env: BEAT, every: 30s}",
        metrics="{port: 9464}",
    )
    assert found.notifications is not None
    assert found.notifications.terms == NoticeTerms(
        routes=(
            Route(
                ("phone", "mail"),
                Severity.CRITICAL,
                ("main",),
                ("lev*", "room"),
                (NoticeKind.RULE, NoticeKind.HALT),
            ),
            Route(("mail",), accounts=("fund-*",), kinds=(NoticeKind.SUMMARY,)),
        ),
        rates={"phone": 60, "mail": 5},
        group=timedelta(0),
        dedup=timedelta(hours=1),
        repeat=timedelta(minutes=5),
        timeout=timedelta(seconds=3),
        quiet=Quiet(time(22, 30), time(7), "Europe/Berlin"),
        summary=DailyHour(time(8), "Asia/Tokyo"),
    )
    assert found.heartbeat is not None
    assert found.heartbeat.url.get_secret_value() == ENVIRON["BEAT"]
    assert found.heartbeat.every_seconds == 30
    assert found.metrics_port == 9464


def test_a_heartbeat_whose_address_is_no_secret(tmp_path: Path) -> None:
    found = load(tmp_path, heartbeat="{url: 'http://127.0.0.1:8000/beat'}").heartbeat
    assert found is not None
    assert (found.url.get_secret_value(), found.every_seconds) == ("http://127.0.0.1:8000/beat", 60)


def test_commands_that_only_read_the_journal_need_no_addresses(tmp_path: Path) -> None:
    path = tmp_path / "reef.yaml"
    path.write_text(written({"notifications": f"{{{CHANNELS}}}", "heartbeat": "{url_env: BEAT}"}))
    found = load_settings(path, {}, connect=False)
    assert found.notifications is not None
    assert [one.url.get_secret_value() for one in found.notifications.channels] == ["", ""]


@pytest.mark.parametrize(
    ("notifications", "expected"),
    [
        ("5", ["3:16: this: 5 is not right; expected a mapping"]),
        ("{group: 1s}", ["3:16: 'channels' is missing"]),
        (
            "{channels: {}}",
            [f"3:27: channels: a mapping {NO_CHANNELS}"],
        ),
        (
            "{channels: [phone]}",
            [f"3:27: channels: a list {NO_CHANNELS}"],
        ),
        (
            "{channels: {my phone: {}}}",
            ["3:27: channels: 'my phone' is not a name; expected up to 32 letters, digits, - and _"],
        ),
        (
            f"{{channels: {{{', '.join(f'c{n}: {{}}' for n in range(21))}}}}}",
            ["3:27: channels: more than 20 channels"],
        ),
        (
            "{channels: {phone: {url: 'json://pLaNtEd5eCrEt'}}}",
            [
                (
                    "3:36: 'url': a channel's address holds a token and does not belong in this file; "
                    "take it out (set REEF_NOTIFY_PHONE)"
                )
            ],
        ),
        ("{channels: {phone: 5}}", ["3:35: this: 5 is not right; expected a mapping"]),
        (
            "{channels: {phone: {url_env: lower, rate: 0, foo: 1}}}",
            [
                (
                    "3:45: url_env: this is not the name of an environment variable; "
                    "expected a name such as REEF_MAIN_API_KEY"
                ),
                "3:58: rate: 0 is out of range; expected 1 to 1000",
                "3:61: unknown key 'foo' (known: rate, url_env)",
            ],
        ),
        (
            "{channels: {phone: {rate: many}}}",
            ["3:42: rate: 'many' is not right; expected a whole number such as 60"],
        ),
        (
            "{channels: {pager: {}}}",
            [
                (
                    "3:35: channel 'pager' has no address: set REEF_NOTIFY_PAGER "
                    "(or write it into the secrets file)"
                )
            ],
        ),
        (
            "{channels: {a: {url_env: REEF_MAIN_SECRET}}}",
            [
                (
                    "3:31: channel 'a': what REEF_MAIN_SECRET holds is not right: "
                    "it has no scheme such as tgram:// or mailto://"
                )
            ],
        ),
        (
            f"{{{CHANNELS}, routes: []}}",
            [f"3:65: routes: a list {NO_ROUTES}"],
        ),
        (
            f"{{{CHANNELS}, routes: {{}}}}",
            [f"3:65: routes: a mapping {NO_ROUTES}"],
        ),
        (f"{{{CHANNELS}, routes: [{'{channels: [mail]},' * 101}]}}", ["3:65: routes: more than 100 routes"]),
        (f"{{{CHANNELS}, routes: [mail]}}", ["3:66: this: 'mail' is not right; expected a mapping"]),
        (f"{{{CHANNELS}, routes: [{{severity: info}}]}}", ["3:66: 'channels' is missing"]),
        (
            f"{{{CHANNELS}, routes: [{{channels: [phnoe, nobody]}}]}}",
            [
                "3:78: there is no channel 'phnoe' (did you mean 'phone'?)",
                "3:85: there is no channel 'nobody' (known: mail, phone)",
            ],
        ),
        (
            f"{{{CHANNELS}, routes: [{{channels: mail}}]}}",
            ["3:77: channels: 'mail' is not right; expected a list of channels such as [phone, mail]"],
        ),
        (
            f"{{{CHANNELS}, routes: [{{channels: [mail, mail]}}]}}",
            [
                (
                    "3:77: channels: a channel is named twice; "
                    "expected each channel once, the one that stands in last"
                )
            ],
        ),
        (
            (
                f"{{{CHANNELS}, routes: [{{severity: critcal, account: mian, kind: rules, rule: 5, "
                "channels: [mail]}]}"
            ),
            [
                (
                    "3:77: severity: 'critcal' is not known; expected one of info, warning, critical "
                    "(did you mean 'critical'?)"
                ),
                "3:95: account: there is no account 'mian' (did you mean 'main'?)",
                f"3:107: kind: 'rules' is not known; expected one of {KINDS} (did you mean 'rule'?)",
                f"3:120: rule: 5 is not right; {PATTERN}",
            ],
        ),
        (
            (
                f"{{{CHANNELS}, routes: [{{account: [], kind: [], rule: [a, ' '], chanels: [mail], "
                "channels: [mail]}]}"
            ),
            [
                f"3:76: account: a list is not right; {PATTERN}",
                "3:86: kind: a list without a word is not right; expected a kind, or a list of kinds",
                f"3:96: rule: a list is not right; {PATTERN}",
                "3:106: unknown key 'chanels' (did you mean 'channels'?)",
            ],
        ),
        (
            f"{{{CHANNELS}, group: 5, dedup: 2d, repeat: 10s, timeout: soon, gruop: 1s}}",
            [
                f"3:64: group: 5 has no unit; {DURATION} (write 5s for seconds)",
                "3:74: dedup: '2d' is out of range; expected 0s to 1d",
                "3:86: repeat: '10s' is out of range; expected 1m to 1d",
                f"3:100: timeout: 'soon' is not a duration; {DURATION}",
                "3:106: unknown key 'gruop' (did you mean 'group'?)",
            ],
        ),
        (f"{{{CHANNELS}, group: 2m}}", ["3:64: group: '2m' is out of range; expected 0s to 1m"]),
        (f"{{{CHANNELS}, timeout: 2m}}", ["3:66: timeout: '2m' is out of range; expected 1s to 1m"]),
        (f"{{{CHANNELS}, quiet: night}}", ["3:64: quiet: 'night' is not right; expected a mapping"]),
        (
            f"{{{CHANNELS}, quiet: {{}}, summary: {{}}}}",
            [
                f"3:64: 'from' is missing; {HOUR}",
                f"3:64: 'to' is missing; {HOUR}",
                "3:77: 'at' is missing; expected an hour such as \"08:00\"",
            ],
        ),
        (
            f"{{{CHANNELS}, quiet: {{from: 25:00, to: 7, zone: Europe/Berln, until: 1}}}}",
            [
                f"3:71: quiet.from: '25:00' is not an hour; {HOUR}",
                f"3:82: quiet.to: 7 is not an hour; {HOUR}",
                (
                    "3:91: quiet.zone: 'Europe/Berln' is not a time zone; expected a time zone such as "
                    "UTC or Europe/Berlin (did you mean 'Europe/Berlin'?)"
                ),
                "3:105: unknown key 'until' (known: from, to, zone)",
            ],
        ),
        (
            f"{{{CHANNELS}, quiet: {{from: 07:00, to: 7:00}}}}",
            ["3:64: from and to are the same: the quiet hours would never begin, or never end"],
        ),
        (
            f"{{{CHANNELS}, summary: {{at: noon, zone: 5}}}}",
            [
                f"3:71: summary.at: 'noon' is not an hour; {HOUR}",
                "3:83: summary.zone: 5 is not a time zone; expected a time zone such as UTC or Europe/Berlin",
            ],
        ),
    ],
)
def test_mistakes_of_notifications(tmp_path: Path, notifications: str, expected: list[str]) -> None:
    path = tmp_path / "reef.yaml"
    path.write_text(
        f"accounts: [{{name: main, venue: bybit}}]\nnetwork: testnet\nnotifications: {notifications}\n"
    )
    with pytest.raises(MistakesError) as error:
        load_settings(path, ENVIRON, judge=channel_trouble)
    assert PLANTED not in str(error.value)
    assert str(error.value).replace(f"{path}:", "").splitlines() == expected


@pytest.mark.parametrize(
    ("heartbeat", "expected"),
    [
        ("{}", "exactly one of 'url' and 'url_env' must be given"),
        ("{url: 'http://x', url_env: BEAT}", "exactly one of 'url' and 'url_env' must be given"),
        ("{url: beat}", "url: 'beat' is not an address; expected an address such as http://127.0.0.1:8899"),
        ("{url_env: NOWHERE}", "heartbeat has no address: set NOWHERE (or write it into the secrets file)"),
        (
            "{url_env: REEF_MAIN_SECRET}",
            "what REEF_MAIN_SECRET holds is not an address; expected an address that begins with https://",
        ),
        ("{url_env: BEAT, every: 1s}", "every: '1s' is out of range; expected 5s to 1h"),
        ("{url_env: BEAT, evry: 9s}", "unknown key 'evry' (did you mean 'every'?)"),
        ("beat", "this: 'beat' is not right; expected a mapping"),
    ],
)
def test_mistakes_of_the_heartbeat(tmp_path: Path, heartbeat: str, expected: str) -> None:
    (told,) = mistakes(tmp_path, heartbeat=heartbeat)
    assert told.split(": ", 1)[1] == expected


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("{}", "'port' is missing"),
        ("{port: 0}", "port: 0 is out of range; expected 1 to 65535"),
        ("{port: '9464'}", "port: '9464' is not right; expected a whole number such as 60"),
        ("{port: 1, host: x}", "unknown key 'host' (known: port)"),
        ("9464", "this: 9464 is not right; expected a mapping"),
    ],
)
def test_mistakes_of_metrics(tmp_path: Path, metrics: str, expected: str) -> None:
    (told,) = mistakes(tmp_path, metrics=metrics)
    assert told.split(": ", 1)[1] == expected


def test_an_account_that_is_wrong_itself_makes_no_second_mistake(tmp_path: Path) -> None:
    path = tmp_path / "reef.yaml"
    routes = "[{account: main, channels: [mail]}]"
    path.write_text(written({"notifications": f"{{{CHANNELS}, routes: {routes}}}"}, {"venue": "bibit"}))
    with pytest.raises(MistakesError) as error:
        load_settings(path, ENVIRON, judge=channel_trouble)
    assert len(error.value.mistakes) == 1


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for shape, prefix in (
        (NotificationsShape, "notifications."),
        (ChannelShape, "notifications.channels."),
        (RouteShape, "notifications.routes."),
        (QuietShape, "notifications.quiet."),
        (SummaryShape, "notifications.summary."),
        (HeartbeatShape, "heartbeat."),
        (MetricsShape, "metrics."),
    ):
        for key in shape.known_keys():
            assert f"| `{prefix}{key}` |" in text, f"{prefix}{key} is not documented"


def test_the_example_of_the_notifications_page_is_right(tmp_path: Path) -> None:
    block = (ROOT / "docs" / "notifications.md").read_text().split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "reef.yaml"
    path.write_text(written({}) + block)
    found = load_settings(
        path, {**ENVIRON, "REEF_HEARTBEAT_URL": "https://hc.example/x"}, judge=channel_trouble
    )
    assert found.notifications is not None
    assert len(found.notifications.terms.routes) >= 2
    assert found.heartbeat is not None
