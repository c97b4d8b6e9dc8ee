"""What `reef init` writes is valid, says what was chosen, and fits the program that is there."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from bot.rules import Rule, RuleSet, load_rules, load_rules_text, profile_names, profile_path
from bot.settings import Mode, Network, load_settings
from bot.setup import Page, pages
from tests.cli.support import reef
from tests.setup.build import answers, place

ROOT = Path(__file__).parents[2]
KEYS = {"REEF_MAIN_API_KEY": "a-key", "REEF_MAIN_SECRET": "a-secret"}


def laid(folder: Path, written: Mapping[str, Page]) -> Path:
    """Put pages into a folder."""
    for name, page in written.items():
        (folder / name).write_text(page.text)
        (folder / name).chmod(page.rights)
    return folder / "reef.yaml"


def meant(rules: RuleSet) -> list[Rule]:
    """The rules, wherever they stand."""
    return [replace(rule, line=0) for rule in rules.rules]


def unit(text: str) -> dict[str, list[str]]:
    """The settings of a unit."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def compose(text: str) -> Any:
    """The one service of a compose file."""
    return YAML(typ="safe").load(text)["services"]["reef"]


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("network", list(Network))
def test_every_choice_loads(tmp_path: Path, network: Network, mode: Mode, profile: str) -> None:
    chosen = answers(network, mode=mode, profile=profile, accounts=("main", "fund-1"))
    path = laid(tmp_path, pages(chosen, place(tmp_path)))
    live = network is Network.LIVE
    environ = KEYS | {"REEF_FUND_1_API_KEY": "b", "REEF_FUND_1_SECRET": "c"}
    found = load_settings(path, environ, live=live)
    assert (found.network, found.mode) == (network, mode)
    line = next(one for one in path.read_text().splitlines() if one.startswith("mode:"))
    assert [word for word in ("observe", "approve", "act") if f" {word} " in line.partition("#")[2]] == [
        one.value for one in Mode
    ]
    assert [one.name for one in found.accounts] == ["main", "fund-1"]
    assert {one.rules for one in found.accounts} == {"rules.yaml"}
    assert found.journal.parent == found.budget_dir == tmp_path / "journal"
    assert meant(load_rules(tmp_path / "rules.yaml")) == meant(load_rules(profile_path(profile)))


def test_all_pages_are_there_and_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    written = pages(answers(), place(tmp_path))
    assert set(written) == {
        "reef.yaml",
        "secrets.env",
        "rules.yaml",
        "reef.service",
        "compose.yaml",
        "Dockerfile",
    }
    assert written["secrets.env"].rights == 0o600
    assert "REEF_MAIN_API_KEY=\nREEF_MAIN_SECRET=" in written["secrets.env"].text
    assert not any(re.search(r"@[a-z]+@", page.text) for page in written.values())
    assert len(written["reef.yaml"].text.splitlines()) < 40


def test_a_key_without_a_value_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    path = laid(tmp_path, pages(answers(), place(tmp_path)))
    done = reef("run", "--config", path)
    assert done.code == 2
    assert "account 'main' has no API key: set REEF_MAIN_API_KEY" in done.err
    assert "or write it into the secrets file" in done.err
    assert not (tmp_path / "journal").exists()


def test_a_schema_beside_a_profile_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mine.yaml"
    text = profile_path("balanced").read_text()
    own.write_text(f"# yaml-language-server: $schema=../config/rules.schema.json\n{text}")
    monkeypatch.setattr("bot.setup.filling.profile_path", lambda _name: own)
    copied = pages(answers(), place(tmp_path))["rules.yaml"].text
    assert "$schema" not in copied
    assert meant(load_rules_text(copied, "rules.yaml")) == meant(load_rules(profile_path("balanced")))


def test_the_unit_starts_this_program_and_watches_it(tmp_path: Path) -> None:
    odd = tmp_path / "50% of $HOME"
    found = unit(pages(answers(Network.LIVE), place(odd))["reef.service"].text)
    (command,) = found["ExecStart"]
    words = shlex.split(command.replace("%%", "%").replace("$$", "$"))
    assert words == ["/opt/reef/bin/reef", "run", "--config", str(odd / "reef.yaml"), "--live"]
    assert "%%" in command
    assert "$$" in command
    assert found["Type"] == ["notify"]
    assert found["WatchdogSec"] == ["60"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["2"]
    assert found["User"] == ["ann"]
    assert found["ReadWritePaths"] == [f'"{tmp_path}/50%% of $HOME/journal"']
    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectKernelModules", "RestrictNamespaces"):
        assert found[name] == ["yes"]


def test_root_writes_for_somebody_else(tmp_path: Path) -> None:
    written = pages(answers(), place(tmp_path, uid=0))
    assert unit(written["reef.service"].text)["User"] == ["reef"]
    assert compose(written["compose.yaml"].text)["user"] == "10001:10001"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("network", list(Network))
def test_systemd_takes_the_unit(tmp_path: Path, network: Network) -> None:
    here = place(tmp_path)
    with_program = pages(answers(network), here)["reef.service"].text.replace(
        "/opt/reef/bin/reef", "/bin/true"
    )
    path = tmp_path / "reef.service"
    path.write_text(with_program.replace("User=ann", "User=root"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_container_has_no_more_than_it_needs(tmp_path: Path) -> None:
    found = compose(pages(answers(Network.LIVE), place(tmp_path))["compose.yaml"].text)
    assert found["command"] == ["run", "--config", "/etc/reef/reef.yaml", "--live"]
    assert found["user"] == "1000:1000"
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["volumes"] == [".:/etc/reef:ro", "./journal:/etc/reef/journal"]
    assert "network_mode" not in found
    assert found["build"]["dockerfile"] == str(tmp_path / "Dockerfile")
    assert found["build"]["context"].startswith("${REEF_SOURCE:?")


def test_a_checkout_is_known_and_a_sandbox_is_reached(tmp_path: Path) -> None:
    here = place(tmp_path, source=Path("/home/ann/reef $1"))
    found = compose(pages(answers(Network.SANDBOX), here)["compose.yaml"].text)
    assert found["build"]["context"] == "${REEF_SOURCE:-/home/ann/reef $$1}"
    assert found["network_mode"] == "host"


def health_checks() -> list[list[str]]:
    """What the container is asked, by compose and by the image."""
    test = compose(pages(answers(), place(ROOT))["compose.yaml"].text)
    image = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", dockerfile(), flags=re.MULTILINE)
    assert image is not None
    return [test["healthcheck"]["test"][1:], YAML(typ="safe").load(image[1])]


def dockerfile() -> str:
    """The image's recipe."""
    return (ROOT / "config" / "Dockerfile").read_text()


def test_health_is_asked_with_a_command_that_exists(tmp_path: Path) -> None:
    first, second = health_checks()
    assert first == second
    assert first[0] == "reef"
    done = reef(*first[1:-1], tmp_path / "none.yaml")
    assert done.code == 2  # the command line is right: only the file is missing
    assert "none.yaml" in done.err


def test_every_source_of_the_image_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+)$", dockerfile(), flags=re.MULTILINE)
    sources = [word for line in copied for word in line.split()[:-1]]
    assert {"bot", "rules", "migrations", "config", "requirements.lock"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
    assert "USER 10001" in dockerfile()
