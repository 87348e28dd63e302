"""Places and moments in which no program likes to run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mistakes.asking import (
    SOURCE,
    assert_one_clear_message,
    assert_told,
    everything_in,
    in_a_process,
    records_in,
    refused,
)

RUN = "cointrader paper --to 2026-01-02 --quiet --journal j.db"

has_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def test_a_reader_who_has_seen_enough_is_no_error(home):
    run = in_a_process(home, f"{RUN} | head -1")

    assert run.stderr == ""
    assert records_in(home / "j.db")["decisions"] == 3 * 95


def test_a_stdout_that_is_closed_hides_no_trade(home):
    run = in_a_process(home, f"{RUN} >&-")

    assert (run.returncode, run.stderr) == (0, "")
    assert records_in(home / "j.db")["decisions"] == 3 * 95


def test_a_stderr_that_is_closed_changes_nothing_of_the_result(home):
    run = in_a_process(home, f"{RUN} --json 2>&-")

    assert run.returncode == 0
    assert json.loads(run.stdout)["finished"] is True


def test_a_mistake_without_a_stderr_keeps_its_code(home):
    assert in_a_process(home, "cointrader config show --leverage 0 2>&-").returncode == 2


@has_dev_full
def test_a_result_that_does_not_fit_on_the_disk_is_told(home):
    run = in_a_process(home, f"{RUN} --json > /dev/full")

    assert run.returncode == 1
    assert_one_clear_message(run.stderr)
    assert_told(run.stderr, ("No space left on device", "check the free space"))
    assert records_in(home / "j.db")["decisions"] == 3 * 95


@has_dev_full
def test_trades_that_do_not_fit_on_the_disk_are_still_in_the_journal(home):
    run = in_a_process(home, f"{RUN} --trades /dev/full")

    assert (run.returncode, run.stdout) == (1, "")
    assert_one_clear_message(run.stderr)
    assert_told(
        run.stderr, ("trades could not be written", "No space left", "/dev/full", "journal")
    )
    assert records_in(home / "j.db")["decisions"] == 3 * 95


def test_ctrl_c_at_once_ends_with_one_word_and_no_half_run(home):
    command = [sys.executable, "-m", "cointrader", "paper", "--no-dashboard", "--speed", "900"]
    command += ["--journal", "j.db"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(
        command, cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert first.startswith("paper trading")
    assert process.returncode == 130
    assert "Traceback" not in err
    assert records_in(home / "j.db")["runs"] == 1


@pytest.mark.parametrize("columns", ["20", "wide"])
def test_a_terminal_of_any_width_shows_everything(home, columns):
    for command, word in (("paper --help", "--balance"), ("config check", "MAX_DRAWDOWN")):
        run = in_a_process(home, f"cointrader {command}", env={"COLUMNS": columns})

        assert (run.returncode, run.stderr) == (0, "")
        assert word in run.stdout


def test_nobody_needs_a_home(home):
    run = in_a_process(home, RUN)  # in an environment without HOME

    assert (run.returncode, run.stderr) == (0, "")


def test_a_terminal_that_knows_ascii_only_is_told_all_the_same(home):
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}

    assert in_a_process(home, "cointrader --help", env=plain).returncode == 0
    run = in_a_process(home, "cointrader config show", env={**plain, "LEVERAGE": "１０"})

    assert run.returncode == 2
    assert_told(run.stderr, ("LEVERAGE cannot be", "environment LEVERAGE"))


def test_a_working_folder_that_is_gone_is_told(home):
    gone = "mkdir gone; cd gone; rmdir ../gone"

    run = in_a_process(home, f"{gone}; cointrader paper --to 2026-01-02 --quiet")

    assert (run.returncode, run.stdout) == (2, "")
    assert_one_clear_message(run.stderr)
    assert_told(run.stderr, ("the journal cannot be made there", "journals", "name a file in"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("paper --to 2026-01-02", 2, ("the journal cannot be made there", "not yours to write")),
        ("paper --to 2026-01-02 --journal j.db", 2, ("cannot be made there", "not yours to write")),
        ("config init", 1, ("the system refused: Permission denied", "cointrader.toml")),
    ],
)
def test_a_folder_that_is_only_for_reading_is_told(capsys, home, command, code, told):
    home.chmod(0o500)
    try:
        assert_told(refused(capsys, command.split(), code), told)
    finally:
        home.chmod(0o700)


def test_a_traceback_is_only_for_those_who_ask_for_it(home):
    command = "cointrader config show --leverage 0"

    assert "Traceback" not in in_a_process(home, command).stderr
    assert "Traceback" in in_a_process(home, command, env={"COINTRADER_DEBUG": "1"}).stderr
    assert everything_in(home) == {}
