import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from cointrader.backtest.trial_ledger import Counted, DataSet, Trial, TrialLedger, default_path
from cointrader.domain.errors import CointraderError

XRP = DataSet("aaaa", ("XRPUSDT",), 1_000, 2_000)
SOURCE = str(Path(__file__).parents[3] / "src")


@pytest.fixture
def ledger(tmp_path):
    with TrialLedger(tmp_path / "trials.db") as opened:
        yield opened


def trials(*names):
    return [Trial(name) for name in names]


def test_a_configuration_counts_once_however_often_it_runs(ledger):
    assert ledger.record(XRP, trials("a", "b", "a"), at_ms=1) == 2
    assert ledger.record(XRP, trials("a", "c"), at_ms=2) == 1
    assert ledger.count(XRP) == 3


def test_nothing_was_tried_on_data_that_nobody_used(ledger):
    ledger.record(XRP, trials("a"), at_ms=1)

    assert ledger.count(DataSet("bbbb", ("DOGEUSDT",), 1_000, 2_000)) == 0


def test_a_trial_is_kept_as_it_was_first_written_down(ledger):
    ledger.record(XRP, [Trial("a", "atr_sl_mult 1.5")], at_ms=1, source="sweep")
    ledger.record(XRP, [Trial("a", "otherwise")], at_ms=2, source="backtest")

    assert ledger.trials(XRP) == [Counted("aaaa", "a", 1, "sweep", "atr_sl_mult 1.5")]


def test_one_more_candle_does_not_begin_the_count_anew(ledger):
    longer = replace(XRP, hash="bbbb", end_ms=2_001)
    ledger.record(XRP, trials("a", "b"), at_ms=1)

    assert ledger.count(longer) == 2
    ledger.record(longer, trials("b", "c"), at_ms=2)
    assert (ledger.count(longer), ledger.count(XRP)) == (3, 3)


def test_data_that_share_a_symbol_and_time_share_their_trials(ledger):
    both = DataSet("bbbb", ("DOGEUSDT", "XRPUSDT"), 1_500, 2_500)
    ledger.record(both, trials("a"), at_ms=1)

    assert ledger.count(XRP) == 1
    assert ledger.count(DataSet("cccc", ("TRXUSDT",), 1_500, 2_500)) == 0
    assert ledger.count(DataSet("dddd", ("XRPUSDT",), 2_500, 3_000)) == 0, "end is excluded"
    assert ledger.count(DataSet("eeee", ("XRPUSDT",), 0, 1_501)) == 1


def test_a_name_with_odd_letters_is_a_name(ledger):
    odd = DataSet('a"; DROP', ("X'Y\"Z",), 0, 1)
    ledger.record(odd, trials("'"), at_ms=1)

    assert ledger.count(replace(odd, hash="b")) == 1


def test_the_file_remembers_when_it_is_opened_again(tmp_path):
    path = tmp_path / "deep" / "trials.db"
    with TrialLedger(path) as first:
        first.record(XRP, trials("a", "b"), at_ms=1)

    with TrialLedger(path) as second:
        assert second.count(XRP) == 2


@pytest.mark.parametrize("statement", ["DELETE FROM trials", "UPDATE trials SET first_ms = 0"])
def test_the_file_refuses_to_forget_whoever_asks(ledger, statement):
    ledger.record(XRP, trials("a"), at_ms=1)

    with sqlite3.connect(ledger.path) as other, pytest.raises(sqlite3.Error, match="taken back"):
        other.execute(statement)
    other.close()
    assert ledger.count(XRP) == 1


def test_a_failed_recording_counts_nothing_of_it(ledger):
    def half():
        yield Trial("a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ledger.record(XRP, half(), at_ms=1)

    assert ledger.count(XRP) == 0
    assert ledger.record(XRP, trials("a"), at_ms=1) == 1


def write_own_and_common(path, writer):
    own = [f"writer {writer}, {i}" for i in range(25)]
    for name in own:
        with TrialLedger(path) as ledger:
            ledger.record(XRP, trials(name, "common"), at_ms=writer)
    return len(own)


def test_many_processes_write_at_the_same_time_and_none_is_lost(tmp_path):
    path = tmp_path / "trials.db"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        written = sum(pool.map(write_own_and_common, [path] * 4, range(4)))

    with TrialLedger(path) as ledger:
        assert ledger.count(XRP) == written + 1 == 101


def test_a_writer_that_is_killed_loses_nothing_it_was_told_is_counted(tmp_path):
    path = tmp_path / "trials.db"
    program = f"""
        from itertools import count
        from pathlib import Path
        from cointrader.backtest.trial_ledger import DataSet, Trial, TrialLedger
        ledger = TrialLedger(Path({str(path)!r}))
        for number in count():
            ledger.record(DataSet("aaaa", ("XRPUSDT",), 1, 2), [Trial(str(number))], at_ms=number)
            print(number, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": SOURCE},
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()

    with TrialLedger(path) as ledger:
        kept = {int(trial.configuration) for trial in ledger.trials(DataSet("aaaa", (), 1, 2))}
    assert kept >= set(range(len(told)))
    assert len(kept) <= len(told) + 1  # at most the one whose answer was lost


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look at", b"\0" * 9])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "trials.db"
    path.write_bytes(content)

    with pytest.raises(CointraderError, match="cannot be used") as error:
        TrialLedger(path)

    assert str(path) in str(error.value)
    assert path.read_bytes() == content


def test_another_program_s_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE trials (x)")
    other.close()

    with pytest.raises(CointraderError, match="another program"):
        TrialLedger(path)


def test_a_newer_ledger_is_refused(tmp_path, ledger):
    with sqlite3.connect(ledger.path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()

    with pytest.raises(CointraderError, match="newer"):
        TrialLedger(ledger.path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CointraderError, match="cannot be used"):
        TrialLedger(tmp_path / "file" / "trials.db")


def test_the_ledger_of_a_user_is_in_the_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "cointrader" / "trials.db"

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "state" / "cointrader" / "trials.db"
