"""The units: systemd reads them, they start what there is, and they hold a process tight."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cointrader.cli.main import root as cointrader

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = {path.stem: path for path in sorted(FOLDER.glob("*.service"))}
BOTS, GUARD, DASHBOARD = "cointrader", "cointrader-guard", "cointrader-dashboard"
EVERY = pytest.mark.parametrize("name", UNITS)
PROGRAM = "/opt/cointrader/venv/bin/cointrader"


def settings_of(name: str) -> dict[str, dict[str, list[str]]]:
    """Sections of a unit; a setting may be given more than once."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in UNITS[name].read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            section.setdefault(key, []).append(value)
    return sections


def service(name: str) -> dict[str, list[str]]:
    return settings_of(name)["Service"]


def seconds(name: str, key: str) -> int:
    return int(service(name)[key][0])


def test_there_is_a_unit_for_each_of_the_three():
    assert set(UNITS) == {BOTS, GUARD, DASHBOARD}


def test_systemd_has_nothing_against_them(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    copies = []
    for path in UNITS.values():  # its program is on no machine that tests
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"))
        copies.append(str(copy))

    done = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, check=False)

    # What other units of this machine do wrong is not ours.
    told = [line for line in done.stderr.splitlines() if "cointrader" in line]
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.strip()}")
    assert told == []


@EVERY
def test_systemd_finds_little_that_it_could_still_be_kept_from(name, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [analyze, "security", "--offline=true", str(UNITS[name])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if exposure is None:
        pytest.skip(f"this systemd-analyze cannot judge files: {done.stderr.strip()}")

    assert float(exposure[1]) < 2.0


@EVERY
def test_a_unit_starts_a_command_that_cointrader_knows(name):
    program, *words = service(name)["ExecStart"][0].split()

    done = CliRunner().invoke(cointrader, [words[0], "--help"])

    assert program == PROGRAM
    assert done.exit_code == 0
    for flag in (word for word in words[1:] if word.startswith("--")):
        assert re.search(rf"{re.escape(flag)}\b", done.output), flag


@pytest.mark.parametrize("name", [BOTS, GUARD])
def test_a_process_that_hangs_is_ended_and_started_again_and_a_wrong_setting_is_not(name):
    unit = service(name)

    assert unit["Type"] == ["notify"]
    assert 10 <= seconds(name, "WatchdogSec") <= 120
    assert unit["Restart"] == ["always"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert unit["SuccessExitStatus"] == ["130"]
    assert settings_of(name)["Unit"]["StartLimitIntervalSec"] == ["0"]


def test_bots_have_time_to_end_and_to_begin():
    assert seconds(BOTS, "TimeoutStopSec") >= 60
    assert seconds(BOTS, "TimeoutStartSec") >= 300
    assert service(BOTS)["KillSignal"] == ["SIGTERM"]
    assert service(BOTS)["KillMode"] == ["mixed"]


@EVERY
def test_no_unit_holds_a_secret_or_runs_as_root(name):
    unit = service(name)

    assert unit["User"] == ["cointrader"]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert not any(re.search("KEY|SECRET|TOKEN", value) for value in unit.get("Environment", []))


@pytest.mark.parametrize("name", [BOTS, GUARD])
def test_a_key_comes_as_a_credential(name):
    (credential,) = service(name)["LoadCredential"]

    assert credential.startswith("key:/etc/cointrader/")
    assert "--key-file %d/key" in service(name)["ExecStart"][0]


def test_bots_and_guard_share_neither_key_nor_folder():
    bots, guard = service(BOTS), service(GUARD)

    assert bots["LoadCredential"] != guard["LoadCredential"]
    assert bots["StateDirectory"] != guard["StateDirectory"]


def test_the_dashboard_is_on_this_machine_only_and_reads_the_folder_of_the_bots():
    unit = service(DASHBOARD)

    assert unit["IPAddressDeny"] == ["any"]
    assert unit["IPAddressAllow"] == ["localhost"]
    assert "--host" not in unit["ExecStart"][0]
    assert unit["WorkingDirectory"] == service(BOTS)["WorkingDirectory"]


def test_the_dashboard_begins_anew_with_the_bots_and_is_started_with_them():
    """Another MODE has another journal, and a dashboard keeps the one it found."""
    dashboard = settings_of(DASHBOARD)

    assert dashboard["Unit"]["PartOf"] == dashboard["Unit"]["After"] == ["cointrader.service"]
    assert "Requires" not in dashboard["Unit"]  # it may be looked at while no bot runs
    assert "cointrader.service" in dashboard["Install"]["WantedBy"][0].split()


@pytest.mark.parametrize("name", [BOTS, GUARD])
def test_secrets_of_alerts_come_from_a_file_that_need_not_be_there(name):
    assert service(name)["EnvironmentFile"] == [
        "/etc/cointrader/settings",
        "-/etc/cointrader/alerts",
    ]
