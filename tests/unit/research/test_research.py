"""Research in Python gives what the commands give, and counts what they count."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from cointrader import research
from cointrader.app.config import Config
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.cli.main import main
from cointrader.domain.errors import ConfigError, JournalError, UsageError
from cointrader.signals.rules import Signals
from tests.unit.backtest.folders import stored
from tests.unit.market.made import BAR_MS, START_MS

SYMBOLS = ("XRPUSDT", "TRXUSDT")


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ATR_SL_MULT", "9")  # which nothing here may read


@pytest.fixture
def data(tmp_path):
    return stored(tmp_path / "data", SYMBOLS, bars=2000)


@pytest.fixture
def history(data):
    return research.load(data, SYMBOLS)


class Every:
    """Long every `period` bars."""

    name = "every"
    warm_up = 300

    def __init__(self, period=50):
        self.period = period

    def __repr__(self):
        return f"Every({self.period})"

    def evaluate(self, frame, indicators):
        side = np.zeros(len(indicators), np.int8)
        side[:: self.period] = 1
        return Signals(side, side)


def test_candles_are_those_that_are_stored(history):
    candles = history.candles("XRPUSDT")

    assert len(candles) == 2000
    assert candles["open_time"].dtype == pl.Datetime("ms", "UTC")
    assert candles["open_time"][0] == datetime(2025, 3, 5, 15, tzinfo=UTC)
    assert history.arrays("XRPUSDT")["open_time_ms"][0] == START_MS
    assert history.arrays("XRPUSDT")["close"].tolist() == candles["close"].to_list()
    assert history.funding("XRPUSDT").columns == ["time", "rate", "mark_price"]


@pytest.mark.parametrize(
    "start",
    [
        "2025-03-20",
        "2025-03-20T01:00+01:00",
        datetime(2025, 3, 20, tzinfo=UTC),
        1_742_428_800_000,
    ],
    ids=str,
)
def test_a_moment_may_be_text_a_datetime_or_epoch_ms(data, start):
    assert research.load(data, "XRPUSDT", start=start).market.start_ms == 1_742_428_800_000


def test_what_is_no_moment_is_refused(data):
    with pytest.raises(UsageError, match="not a date"):
        research.load(data, "XRPUSDT", start="yesterday")


def test_a_backtest_is_the_one_of_the_command(history, data, capsys):
    run = research.backtest(history, atr_sl_mult_xrpusdt=2.5, sizing="risk")

    code = main(
        ["backtest", "--data", str(data), "--symbols", ",".join(SYMBOLS), "--sizing", "risk",
         "--set", "ATR_SL_MULT_XRPUSDT=2.5", "--atr-sl-mult", "1.5", "--json"]
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert run.result.final_wallet == told["final_wallet"]
    assert len(run.trades) == told["trades"] > 0
    judged = run.judge()
    assert judged.kept.as_json()["measures"] == told["verdict"]["measures"]
    assert judged.verdict.subject.configuration == told["verdict"]["configuration"]
    assert told["verdict"]["trials"] == run.trial.count == 1


def test_frames_hold_what_the_arrays_hold(history):
    run = research.backtest(history, sizing="fixed:1000")

    trades = run.trades
    assert trades["net"].to_list() == run.result.trades["net"].tolist()
    assert trades["r"].to_list() == run.result.r_multiples.tolist()
    assert set(trades["symbol"]) == set(SYMBOLS)
    assert (trades["entry_time"] <= trades["exit_time"]).all()
    assert len(run.equity) == len(run.result.time_ms)
    assert run.decisions["refusal"].to_list().count("") == len(run.decisions)
    assert float(run.summary.net) == pytest.approx(sum(trades["net"]))


def test_a_rule_in_code_is_played_and_counted_by_what_it_is(history):
    first = research.backtest(history, rule=Every(50))
    again = research.backtest(history, rule=Every(50))
    other = research.backtest(history, rule={"XRPUSDT": Every(50), "TRXUSDT": Every(70)})
    configured = research.backtest(history)

    assert len(first.decisions) > 20
    assert [run.trial.count for run in (first, again, other, configured)] == [1, 1, 2, 3]
    hashes = {run.judge().verdict.subject.configuration for run in (first, other, configured)}
    assert len(hashes) == 3


def test_trials_go_to_the_ledger_that_is_named(history, tmp_path):
    research.backtest(history, ledger="mine.db")
    research.sweep(history, {"atr_sl_mult": [1, 2]}, least_trades=5, ledger="mine.db")

    assert not (tmp_path / "state").exists()
    with TrialLedger(tmp_path / "mine.db") as ledger:
        assert ledger.count(research.backtest(history, ledger="mine.db").trial.data) == 3


def test_a_cell_of_a_sweep_is_the_backtest_of_its_settings(history):
    search = research.sweep(history, {"atr_sl_mult": [1, 2], "adx_threshold": [0]}, least_trades=1)

    cells = search.cells
    assert cells["ATR_SL_MULT"].to_list() == ["1", "2"]
    for row in cells.iter_rows(named=True):
        run = research.backtest(history, sizing="fixed:1000", atr_sl_mult=float(row["ATR_SL_MULT"]))
        assert row["trades"] == len(run.trades)
        assert row["net"] == pytest.approx(run.trades["net"].sum(), rel=1e-12)
        assert run.trial.count == 2  # each cell was counted as this configuration
    assert search.best in search.result.space.cells


def test_a_walk_forward_tests_what_it_has_not_seen(history):
    from cointrader.app.search.walkforward import Plan

    walk = research.walkforward(
        history, {"atr_sl_mult": [1, 2]}, plan=Plan(train=7, test=3), least_trades=3
    )

    folds = walk.folds
    assert len(folds) >= 2
    assert (folds["train_to"] < folds["test_from"]).all()
    assert set(folds["ATR_SL_MULT"]) <= {"1", "2"}
    assert sum(folds["test_trades"]) == len(walk.trades)
    assert (walk.trades["entry_time"] >= folds["test_from"].min()).all()
    assert len(walk.equity) > 0


def test_a_journal_tells_the_trades_of_the_run(tmp_path, capsys):
    code = main(
        ["paper", "--symbols", "XRPUSDT", "--to", "2026-01-04", "--journal", "p.db", "--json",
         "--atr-sl-mult", "1.5"]
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 0

    journal = research.load_journal(tmp_path / "p.db")

    assert (journal.mode, journal.symbols) == ("paper", ("XRPUSDT",))
    assert journal.settings["ATR_SL_MULT"] == "1.5"
    assert len(journal.trades) == told["trades"]
    assert journal.trades["net"].sum() == pytest.approx(told["net"])
    assert len(journal.fills) >= 2 * len(journal.trades)
    assert journal.equity["equity"].dtype == journal.funding["rate"].dtype == pl.Float64
    assert journal.alerts["text"].dtype == pl.String
    assert journal.decisions["bar"].dtype == pl.Datetime("ms", "UTC")


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    with pytest.raises(JournalError):
        research.load_journal(tmp_path / "none.db")


@pytest.mark.parametrize("settings", [{"atr_sl": 2.0}, {"leverage": 0}, {"signal": "mine.py:No"}])
def test_wrong_settings_are_refused_as_everywhere(history, settings):
    with pytest.raises(ConfigError):
        research.backtest(history, **settings)


def test_an_edge_is_planted_into_made_up_markets_only(data):
    with pytest.raises(UsageError, match="made-up market only"):
        research.load(data, "XRPUSDT", planted_edge=0.3)

    made_up = research.load(symbols="XRPUSDT", end="2026-01-10", planted_edge=0.3)
    assert made_up.is_made_up
    assert not research.load(data, "XRPUSDT").is_made_up


def test_a_configuration_of_ones_own_is_where_settings_begin(data):
    config = Config(overrides={"symbols": "TRXUSDT", "leverage": 5}, environ={}, folder="/none")

    history = research.load(data, config=config)

    assert history.symbols == ("TRXUSDT",)
    assert research.backtest(history, leverage=7).ready.config.leverage == 7
    assert research.backtest(history).ready.config.leverage == 5
    assert history.config.interval_ms == BAR_MS


def test_importing_cointrader_loads_no_research():
    code = "import cointrader, sys; print(any('research' in name for name in sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip

    assert shown.stdout.strip() == "False"
