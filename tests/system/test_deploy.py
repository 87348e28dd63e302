"""`cointrader deploy` as a person runs it; and to a real sshd, where there is one."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.model.manifest import FAILED
from tests.unit.deploy.far_side import active_sha
from tests.unit.model.making import constant, published

ROOT = Path(__file__).parents[2]
ME = getpass.getuser()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST",
                                   "COINTRADER_SSHD"}:  # fmt: skip
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    published(tmp_path / "models", constant(0.5))
    return tmp_path


def local_sha(symbol="XRPUSDT"):
    return active_sha(Path(), symbol)


def test_a_model_is_brought_and_told(folder, capsys):
    assert main(["deploy", "--symbol", "XRPUSDT", "--to", "far"]) == 0

    out = capsys.readouterr().out
    assert "XRPUSDT: lgbm:" in out
    assert "is active there now, in place of none; far was not there and was made" in out
    assert active_sha(folder / "far") == local_sha()


def test_for_machines(capsys):
    main(["deploy", "--symbol", "XRPUSDT", "--to", "far", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert told["failed"] == {}
    assert told["symbols"][0]["result"] == "installed"
    assert told["symbols"][0]["sha256"] == local_sha()


def test_what_the_gate_refused_goes_nowhere(folder, capsys):
    published(folder / "models", constant(0.6), gate={"verdict": FAILED})

    assert main(["deploy", "--symbol", "XRPUSDT", "--to", "far"]) == 4
    assert "the gate did not let this model pass" in capsys.readouterr().err
    assert not (folder / "far").exists()


def test_what_was_forced_for_paper_goes_where_paper_is_traded(folder, capsys):
    published(folder / "models", constant(0.6),
              gate={"verdict": FAILED, "forced_for_paper": True})  # fmt: skip

    assert main(["deploy", "--symbol", "XRPUSDT", "--to", "far"]) == 4
    assert "--paper" in capsys.readouterr().err
    assert main(["deploy", "--symbol", "XRPUSDT", "--to", "far", "--paper"]) == 0
    assert active_sha(folder / "far") == local_sha()


def test_one_symbol_that_fails_keeps_no_other_from_going(folder, capsys):
    published(folder / "models", constant(0.6), symbol="DOGEUSDT")
    (folder / "models" / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"half")

    assert main(["deploy", "--symbol", "XRPUSDT", "--symbol", "DOGEUSDT", "--to", "far"]) == 1
    assert active_sha(folder / "far", "DOGEUSDT") == local_sha("DOGEUSDT")
    assert "Error: XRPUSDT" in capsys.readouterr().err


def test_rollback(folder):
    first = local_sha()
    main(["deploy", "--symbol", "XRPUSDT", "--to", "far"])
    published(folder / "models", constant(0.9))
    main(["deploy", "--symbol", "XRPUSDT", "--to", "far"])

    assert main(["deploy", "--symbol", "XRPUSDT", "--to", "far", "--rollback"]) == 0
    assert active_sha(folder / "far") == first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "DEPLOY_HOST and DEPLOY_PATH"),
        (["--host", "me@server"], "DEPLOY_PATH"),
        (["--to", "far", "--host", "me@server"], "--to is this machine"),
        (["--to", "far", "--rollback", "--paper"], "--rollback"),
        (["--host", "me@server", "--path", "bot", "--ssh", "'"], "--ssh"),
    ],
)
def test_what_is_not_said_completely_is_refused(arguments, words, capsys):
    assert main(["deploy", "--symbol", "XRPUSDT", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_script_is_a_door_to_it(folder):
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "deploy_model.sh", "lgbm", "--symbol", "XRPUSDT",
         "--models", folder / "models", "--to", folder / "far"],
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert active_sha(folder / "far") == local_sha()


# ------------------------------------------------------------------ a real sshd


def _sshd():
    told = os.environ.get("COINTRADER_SSHD")
    return told or shutil.which("sshd") or shutil.which("/usr/sbin/sshd")


@pytest.fixture
def server(tmp_path_factory):
    """A host with an sshd of its own: how ssh is called to reach it, and its folder."""
    program = _sshd()
    if program is None or shutil.which("ssh") is None:
        pytest.skip("there is no sshd here: install openssh-server, or name one: COINTRADER_SSHD")
    home = tmp_path_factory.mktemp("server")
    home.chmod(0o700)
    for key in ("host", "me"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True
        )
    shutil.copy(home / "me.pub", home / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nPidFile {home}/pid\n"
        f"AuthorizedKeysFile {home}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\n"
    )
    with (home / "log").open("w") as log:
        running = subprocess.Popen([program, "-D", "-e", "-f", home / "config"], stderr=log)
    try:
        _wait(port, running, home / "log")
        yield (
            f"ssh -p {port} -i {home}/me -o IdentitiesOnly=yes -o StrictHostKeyChecking=no "
            f"-o UserKnownHostsFile={home}/known -F none",
            home / "bot",
        )
    finally:
        running.terminate()
        running.wait(30)


def _wait(port, running, log):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if running.poll() is not None:
            pytest.skip(f"this sshd does not run here: {log.read_text().strip()[-200:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("sshd never listened")


def test_over_ssh_there_and_back(folder, server, capsys):
    ssh, bot = server
    there = ["--host", f"{ME}@127.0.0.1", "--path", str(bot), "--ssh", ssh]
    first = local_sha()

    assert main(["deploy", "--symbol", "XRPUSDT", *there]) == 0, capsys.readouterr().err
    assert active_sha(bot) == first
    published(folder / "models", constant(0.9))
    assert main(["deploy", "--symbol", "XRPUSDT", *there]) == 0
    assert active_sha(bot) == local_sha() != first
    assert main(["deploy", "--symbol", "XRPUSDT", *there, "--rollback"]) == 0
    assert active_sha(bot) == first


def test_over_ssh_by_the_settings(folder, server, monkeypatch, capsys):
    ssh, bot = server
    monkeypatch.setenv("DEPLOY_HOST", f"{ME}@127.0.0.1")
    monkeypatch.setenv("DEPLOY_PATH", str(bot))

    assert main(["deploy", "--symbol", "XRPUSDT", "--ssh", ssh]) == 0, capsys.readouterr().err
    assert active_sha(bot) == local_sha()


def test_over_ssh_a_key_that_is_not_known_is_told(folder, server, capsys):
    ssh, bot = server
    (bot.parent / "authorized").write_text("")

    code = main(["deploy", "--symbol", "XRPUSDT", "--host", f"{ME}@127.0.0.1", "--path", str(bot),
                 "--ssh", ssh])  # fmt: skip

    assert code == 1
    assert "does not let you in" in capsys.readouterr().err
    assert not bot.exists()
