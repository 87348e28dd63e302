"""A whole search: counted before it is played, stopped and taken up, the same wherever it runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.paper.market import instruments_of
from cointrader.app.search.cell import identity_of
from cointrader.app.search.space import search_space
from cointrader.app.search.sweep import Where, sweep
from cointrader.backtest.run import run
from cointrader.backtest.sweep.figures import counted
from cointrader.backtest.sweep.header import WHOLE
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.domain.errors import ConfigError, MissingCandles
from tests.unit.sweep.searching import AXES, a_config, a_market, a_sweep, by_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return a_sweep(tmp_path_factory.mktemp("whole"))


def single(cell_config, market):
    candles = market_of(cell_config, market.source)
    settings = settings_of(
        cell_config,
        instruments_of(cell_config, market.source, cell_config.symbols),
        start_ms=market.start_ms,
        end_ms=market.end_ms,
    )
    result = run(candles, configured_signals(cell_config, candles), settings)
    return counted(result.trades, candles.between(market.start_ms, market.end_ms))


@pytest.mark.parametrize(
    ("symbols", "axes"),
    [
        (["XRPUSDT"], AXES),
        (["XRPUSDT", "DOGEUSDT"], ["rsi_period=7,14", "trailing_stop_pct=0,0.02"]),
        (["XRPUSDT", "DOGEUSDT"], ["signal_threshold_dogeusdt=2,3", "use_filters=true,false"]),
        (["XRPUSDT"], ["sizing=account,risk,fixed:700", "signal_threshold=2,3"]),
        (["XRPUSDT"], ["exit_mode=atr,pct", "stop_loss_pct=0.01,0.02", "taker_fee=0,0.0005"]),
        (["XRPUSDT"], ["atr_period=7,14", "slippage_bps=0,5"]),
    ],
)
def test_every_cell_is_its_own_backtest(tmp_path, symbols, axes):
    config = a_config(symbols=symbols)
    market = a_market(config)
    where = Where(jobs=1, is_stored=False, ledger=tmp_path / "trials.db")
    space = search_space(config, axes)

    result = sweep(space, market, least_trades=10, where=where)

    assert len(space.cells) > 3
    for place, cell in enumerate(space.cells):
        one = single(space.config_of(cell), market)
        mine, theirs = result.table.figures[place, WHOLE], one.figures[0, 0]
        assert mine["trades"] == theirs["trades"] > 0
        for name in mine.dtype.names:
            assert mine[name] == pytest.approx(theirs[name], rel=1e-9, abs=1e-9)
        assert result.table.daily[place] == pytest.approx(one.daily[0], rel=1e-9, abs=1e-9)


def test_past_and_future_are_all_but_what_is_open_between_them(whole):
    trades = whole.table.figures["trades"]

    between = trades[:, 0] - trades[:, 1] - trades[:, 2]

    assert set(between.tolist()) <= {0, 1}
    assert (trades[:, 1:] > 0).all()


def test_all_cells_are_in_the_ledger_before_the_first_one_is_played(tmp_path):
    counted_then: list[int] = []

    def look(done, _of):
        if not counted_then:
            with TrialLedger(tmp_path / "trials.db") as ledger:
                counted_then.append(len(ledger.trials(data)))
        return done

    data = a_sweep(tmp_path / "before").data
    a_sweep(tmp_path, on_progress=look)

    assert counted_then == [16]


def test_a_configuration_counts_once_however_often_it_is_tried(tmp_path):
    first = a_sweep(tmp_path)
    again = a_sweep(tmp_path)
    wider = a_sweep(tmp_path, [*AXES, "rsi_period=14,7"])

    assert (first.header.trials, first.new_trials) == (16, 16)
    assert (again.header.trials, again.new_trials) == (16, 0)
    assert (wider.header.trials, wider.new_trials) == (32, 16)
    assert wider.remembered == 16


def test_a_search_that_was_stopped_goes_on_and_ends_the_same(tmp_path):
    axes = [*AXES, "rsi_period=7,14,21,28", "band_width=1.5,2,2.5"]  # several tasks
    complete = a_sweep(tmp_path / "a", axes)
    done = [0]

    def stop_later(count, _of):
        done[0] += count
        if done[0] > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        a_sweep(tmp_path / "b", axes, on_progress=stop_later)
    resumed = a_sweep(tmp_path / "b", axes)

    assert 60 < resumed.remembered < len(complete.space.cells)
    assert by_settings(resumed) == by_settings(complete)
    assert resumed.header == complete.header


PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.unit.sweep.searching import AXES, a_sweep

def killed(count, of, done=[0]):
    done[0] += count
    if done[0] > 30:
        os.kill(os.getpid(), signal.SIGKILL)

a_sweep(Path(sys.argv[1]), [*AXES, "rsi_period=7,14,21,28"], on_progress=killed)
"""


def test_what_a_kill_left_is_used(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    axes = [*AXES, "rsi_period=7,14,21,28"]

    resumed = a_sweep(tmp_path / "killed", axes)

    assert 30 < resumed.remembered < 64
    assert by_settings(resumed) == by_settings(a_sweep(tmp_path / "fresh", axes))


def test_a_store_that_was_tampered_with_is_played_again(tmp_path, whole):
    a_sweep(tmp_path)
    with sqlite3.connect(tmp_path / "cells.db") as connection:
        connection.execute("UPDATE results SET figures = x'00' WHERE rowid % 2 = 0")
        connection.execute("UPDATE results SET daily = x'' WHERE rowid = 1")
    connection.close()

    again = a_sweep(tmp_path)

    assert 0 < again.remembered < 9
    assert by_settings(again) == by_settings(whole)


@pytest.mark.parametrize("change", ["candles", "balance", "past", "to"])
def test_another_search_takes_nothing_from_the_store(tmp_path, change):
    a_sweep(tmp_path)

    how = {
        "candles": {"config": a_config(symbols=["DOGEUSDT"])},
        "balance": {"balance": 2000.0},
        "past": {"past": 0.5},
        "to": {"days": 39},
    }[change]

    assert a_sweep(tmp_path, **how).remembered == 0


def test_the_order_of_the_grid_changes_nothing(tmp_path, whole):
    other = a_sweep(tmp_path, ["vol_multiplier=2.5,1", *AXES[2::-1]])

    assert by_settings(other) == by_settings(whole)
    for name in ("enough", "profitable", "best_mean_r", "median_mean_r", "overfitting"):
        assert getattr(other.header, name) == pytest.approx(getattr(whole.header, name))
    assert other.space.cells[other.header.best] == whole.space.cells[whole.header.best]


RULE = """
import numpy as np
from cointrader.signals.rules import Signals

class Breakout:
    name = "breakout"
    warm_up = 300

    def evaluate(self, frame, indicators):
        up = indicators.close > indicators.band_upper
        down = indicators.close < indicators.band_lower
        side = up.astype(np.int8) - down.astype(np.int8)
        return Signals(side=side, strength=np.abs(side))
"""


@pytest.mark.slow
def test_a_rule_of_ones_own_is_searched_here_and_in_other_processes(tmp_path):
    (tmp_path / "mine.py").write_text(RULE)
    config = a_config(signal=f"{tmp_path / 'mine.py'}:Breakout")
    axes = ["band_period=10,20,30", "atr_sl_mult=1,2"]
    here = a_sweep(tmp_path / "here", axes, config=config)

    where = Where(jobs=2, is_stored=False, ledger=tmp_path / "trials.db")
    there = a_sweep(tmp_path, axes, config=config, where=where)

    assert len({figures for figures, _ in by_settings(here).values()}) == 6
    assert by_settings(there) == by_settings(here)


@pytest.mark.slow
def test_other_processes_find_the_same(tmp_path):
    axes = [*AXES, "rsi_period=7,14"]
    here = a_sweep(tmp_path / "here", axes)

    where = Where(jobs=2, is_stored=False, ledger=tmp_path / "trials.db")
    there = a_sweep(tmp_path, axes, where=where)

    assert by_settings(there) == by_settings(here)
    assert there.header == here.header


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_a_cluster_finds_the_same(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask (distributed) is not installed")
    axes = [*AXES, "rsi_period=7,14"]
    here = a_sweep(tmp_path / "here", axes)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        where = Where(cluster=address, is_stored=False, ledger=tmp_path / "trials.db")
        there = a_sweep(tmp_path, axes, where=where)

    assert by_settings(there) == by_settings(here)
    assert there.header == here.header


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_is_told(tmp_path):
    pytest.importorskip("distributed", reason="Dask (distributed) is not installed")
    where = Where(cluster="tcp://127.0.0.1:9", is_stored=False, ledger=tmp_path / "trials.db")

    with pytest.raises(ConfigError, match="does not answer"):
        a_sweep(tmp_path, where=where)


def test_without_dask_the_way_to_install_it_is_told(tmp_path):
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from cointrader.app.cluster import spread\n"
        "list(spread(print, 1, [1], cluster='tcp://127.0.0.1:1'))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "pip install 'cointrader[cluster]'" in done.stderr


def test_too_few_candles_are_told(tmp_path):
    config = a_config()
    market = replace(a_market(config), end_ms=a_market(config).start_ms - 10 * 900_000)

    with pytest.raises(MissingCandles):
        sweep(search_space(config, AXES), market, where=Where(ledger=tmp_path / "t.db"))


def test_a_configuration_has_one_name_for_every_command(tmp_path, whole):
    place = 5
    config = whole.space.config_of(whole.space.cells[place])

    assert whole.space.identities[place] == identity_of(config)
