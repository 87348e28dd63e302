"""compose.yaml: no root, nothing writable but the data, nothing open but to this machine."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
from click.testing import CliRunner

from cointrader.cli.main import root as cointrader
from tests.packaging.dockerfile import stages_of

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = ("bot", "guard", "dashboard")
EVERY = pytest.mark.parametrize("name", SERVICES)


def test_everything_an_owner_needs_is_there():
    assert {"bot", "guard", "dashboard", "prometheus", "grafana"} <= set(SERVICES)


@EVERY
def test_a_service_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "mem_limit" in service
    if name != "volumes":  # which gives the volumes away, and ends
        assert service["user"] == "10001:10001"
        assert service["restart"] == "unless-stopped"


def test_the_one_that_is_root_can_do_one_thing_without_a_network():
    service = SERVICES["volumes"]

    assert service["cap_add"] == ["CHOWN"]
    assert service["network_mode"] == "none"
    assert service["restart"] == "no"


@EVERY
def test_an_image_has_a_version_and_logs_have_an_end(name):
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]

    assert service["image"] == "cointrader:local" or re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@EVERY
def test_ports_are_open_to_this_machine_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_secrets_come_from_files_and_stand_nowhere():
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}

    assert used == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        for key, value in (service.get("environment") or {}).items():
            is_secret = re.search(r"KEY|SECRET|TOKEN|PASSWORD", key)
            assert not is_secret or str(value).startswith("/run/secrets/")


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_that_cointrader_knows(name):
    words = [word.replace("${MODE:---testnet}", "--testnet") for word in SERVICES[name]["command"]]

    done = CliRunner().invoke(cointrader, [words[0], "--help"])

    assert done.exit_code == 0
    for flag in (word for word in words[1:] if word.startswith("--")):
        assert re.search(rf"{re.escape(flag)}\b", done.output), flag


def test_bots_and_dashboard_share_the_journal_and_the_guard_has_none():
    assert SERVICES["bot"]["volumes"] == SERVICES["dashboard"]["volumes"] == ["data:/data"]
    assert "volumes" not in SERVICES["guard"]


def test_a_bot_is_given_the_time_to_end_that_it_needs():
    assert int(SERVICES["bot"]["stop_grace_period"].removesuffix("s")) >= 60
    assert all(SERVICES[name]["init"] is True for name in OURS)


def test_the_user_is_that_of_the_image():
    final = stages_of((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1]

    assert {SERVICES[name]["user"] for name in OURS} == {final.all("USER")[-1].rest}


def test_a_health_check_can_be_run():
    test = SERVICES["dashboard"]["healthcheck"]["test"]

    assert test[0] == "CMD"
    assert compile(test[-1], "healthcheck", "exec").co_names
    assert shlex.join(test)


def test_inline_configurations_are_what_prometheus_and_grafana_read():
    prometheus = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])
    data = yaml.safe_load(COMPOSE["configs"]["grafana_data"]["content"])
    pages = yaml.safe_load(COMPOSE["configs"]["grafana_pages"]["content"])

    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["dashboard:8787"]}]
    assert job["authorization"]["credentials_file"] == "/run/secrets/dashboard_token"
    assert data["datasources"][0]["url"] == "http://prometheus:9090"
    mounts = SERVICES["grafana"]["volumes"]
    assert f"./deploy/grafana:{pages['providers'][0]['options']['path']}:ro" in mounts


def test_what_is_mounted_from_the_repository_is_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source


def test_the_dashboard_begins_anew_with_bots_that_were_changed():
    """Another MODE has another journal, and a dashboard keeps the one it found."""
    needed = SERVICES["dashboard"]["depends_on"]["bot"]

    assert needed == {"condition": "service_healthy", "restart": True}


def test_secrets_of_alerts_come_from_a_file_of_its_own_to_those_who_tell():
    files = {name: [each["path"] for each in SERVICES[name]["env_file"]] for name in OURS}

    assert files == {
        "bot": ["settings.env", ".env.alerts"],
        "guard": ["settings.env", ".env.alerts"],
        "dashboard": ["settings.env"],
    }
    assert all(each["required"] is False for name in OURS for each in SERVICES[name]["env_file"])
    for name, pattern in ((".gitignore", ".env.*"), (".dockerignore", "*")):
        assert pattern in (ROOT / name).read_text(encoding="utf-8").splitlines(), name
        assert fnmatch(".env.alerts", pattern)
