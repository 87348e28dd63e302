"""A walk-forward: chosen without a look ahead, warm where a test begins, every trade once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.paper.market import instruments_of
from cointrader.app.search.space import search_space
from cointrader.app.search.sweep import Where
from cointrader.app.search.walkforward import Plan, walk_forward
from cointrader.backtest.run import run
from cointrader.backtest.sweep.cells import Sheet
from cointrader.backtest.sweep.figures import FOREVER, Windows, counted
from cointrader.backtest.walkforward.choosing import choose
from cointrader.backtest.walkforward.folds import folds_of, windows_of
from cointrader.domain.errors import ConfigError, MissingCandles
from cointrader.strategy.plan import ExitSettings
from tests.markets import BAR_MS, DAY_MS, START_MS
from tests.unit.sweep.searching import AXES, a_config, a_market
from tests.unit.sweep.test_cells import a_market as candles_and_signals
from tests.unit.sweep.test_cells import given_settings

PLAN = Plan(train=15.0, test=6.0, embargo=0.5)


def walked(folder, *, config=None, plan=PLAN, axes=AXES, **how):
    config = config or a_config()
    market = a_market(config, days=45)
    where = Where(jobs=1, is_stored=False, ledger=folder / "trials.db")
    usual: dict[str, Any] = {"least_trades": 10, "where": where}
    return walk_forward(search_space(config, axes), market, plan, **(usual | how)), market


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return walked(tmp_path_factory.mktemp("walk"))[0]


def continuous(result, market, cell):
    """All trades of a cell in one backtest, by the ordinary kernel."""
    config = result.space.config_of(result.space.cells[cell])
    candles = market_of(config, market.source)
    settings = settings_of(
        config, instruments_of(config, market.source, config.symbols),
        start_ms=market.start_ms, end_ms=market.end_ms,
    )  # fmt: skip
    return run(candles, configured_signals(config, candles), settings)


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("symbols", [["XRPUSDT"], ["XRPUSDT", "DOGEUSDT"]])
def test_a_test_trades_what_a_continuous_run_trades_there(tmp_path, anchored, symbols):
    """Warm: no indicator, position or trailing stop begins anew with a fold."""
    config = a_config(symbols=symbols, trailing_stop_pct=0.02)
    result, market = walked(tmp_path, config=config, plan=replace(PLAN, anchored=anchored))

    assert len(result.tested) == len(result.folds) >= 4
    for each in result.tested:
        alone = continuous(result, market, each.cell)
        signalled = alone.entry_ms - BAR_MS
        fold = each.fold
        wanted = alone.trades[(signalled >= fold.test_from_ms) & (signalled < fold.test_to_ms)]
        assert len(wanted) > 0
        for name in wanted.dtype.names:
            assert each.trades[name].tobytes() == wanted[name].tobytes(), name


def test_training_knows_what_had_ended_by_then_and_nothing_else(tmp_path):
    axes = ["atr_sl_mult=5,8", "atr_tp_mult=5,9", "signal_threshold=3,4"]  # held for long
    plan = replace(PLAN, test=2.0)
    result, market = walked(tmp_path, axes=axes, least_trades=3, plan=plan)

    purged = 0
    for each in result.tested:
        alone = continuous(result, market, each.cell)
        signalled, fold = alone.entry_ms - BAR_MS, each.fold
        inside = (signalled >= fold.train_from_ms) & (signalled < fold.train_to_ms)
        ended = inside & (alone.exit_ms < fold.train_to_ms)
        purged += int(inside.sum() - ended.sum())
        assert each.train["trades"][0] == ended.sum()
        assert each.train["net"][0] == pytest.approx(alone.trades["net"][ended].sum())
    assert purged > 0


def test_every_choice_is_the_best_of_its_training(tmp_path):
    result, market = walked(tmp_path, axes=AXES[:2], by="net", least_trades=1)

    for each in result.tested:
        nets = []
        for cell in range(len(result.space.cells)):
            alone = continuous(result, market, cell)
            signalled, fold = alone.entry_ms - BAR_MS, each.fold
            known = (signalled >= fold.train_from_ms) & (alone.exit_ms < fold.train_to_ms)
            nets.append(alone.trades["net"][known].sum())
        assert each.cell == int(np.argmax(nets))


def test_no_trade_is_twice_and_all_of_the_time_is_tested(result):
    entries = list(zip(result.trades["symbol"], result.trades["entry_bar"], strict=True))

    assert result.coverage == 1.0
    assert len(entries) == sum(len(each.trades) for each in result.tested)
    signals = [
        (each.fold.test_from_ms, each.fold.test_to_ms, len(each.trades)) for each in result.tested
    ]
    assert sum(count for *_, count in signals) == len(result.columns)


def test_equity_begins_and_ends_with_the_tests(result):
    assert result.equity.time_ms[0] == result.folds[0].test_from_ms
    assert result.equity.value[0] == 1000.0
    assert result.equity.value[-1] == pytest.approx(1000.0 + result.trades["net"].sum())
    assert result.measures["trades"] == len(result.trades)
    assert result.measures["net"] == pytest.approx(result.trades["net"].sum())
    assert result.measures["trials"] == result.trials == 16


def test_a_result_that_nobody_could_know_yet_chooses_nothing():
    """One variant's trades of the training that end after it are planted to shine.

    Counted, they would choose it; purged, they do not.
    """
    market, shared = candles_and_signals(5, bars=700)
    how = given_settings(market, ExitSettings(atr_sl_mult=6.0, atr_tp_mult=6.0))
    folds = folds_of(
        START_MS, START_MS + 700 * BAR_MS, train_ms=3 * DAY_MS, test_ms=DAY_MS,
        embargo_ms=BAR_MS, anchored=False,
    )  # fmt: skip
    stretch = market.between(None, None)
    windows = windows_of(folds, stretch.candles.time_ms)
    sheet = Sheet(market, shared)
    trades = sheet.trades(how, 0)
    signalled = trades["entry_bar"] - 1
    end = windows.end[0]  # the first training's
    late = (signalled >= windows.first[0]) & (signalled < end) & (trades["exit_bar"] >= end)
    assert late.sum() == 1  # the trade that is open at the boundary

    planted = trades.copy()
    planted["net"][late] = 1e6
    peeking = Windows(windows.first, windows.end, np.full_like(windows.known, FOREVER))
    others = sheet.play(how, np.array([1, 2, 3]), windows).figures

    def chosen_with(rows):
        figures = np.concatenate([counted(planted, sheet.stretch, rows).figures, others])
        return choose(figures, "net", 1)[0]

    honest = np.concatenate([counted(trades, sheet.stretch, windows).figures, others])
    assert chosen_with(peeking) == 0
    assert chosen_with(windows) == choose(honest, "net", 1)[0]


def test_candles_after_a_training_do_not_move_its_choice(tmp_path):
    """The same folds with other candles at the end choose the same up to there."""
    config = a_config()
    where = Where(jobs=1, is_stored=False, ledger=tmp_path / "trials.db")
    space = search_space(config, AXES)
    long, short = (
        walk_forward(space, a_market(config, days=days), PLAN, least_trades=10, where=where)
        for days in (60, 33)
    )

    same = [each.fold for each in short.tested[:-1]]
    assert len(same) >= 2
    for one, other in zip(long.tested, short.tested[:-1], strict=False):
        assert one.fold == other.fold
        assert one.cell == other.cell
        assert one.train.tobytes() == other.train.tobytes()


def test_where_nothing_can_be_chosen_there_is_no_result(tmp_path):
    with pytest.raises(MissingCandles, match="too little of the time"):
        walked(tmp_path, least_trades=100_000)


def test_an_account_cannot_be_walked(tmp_path):
    config = a_config()
    config.sizing = "account"

    with pytest.raises(ConfigError, match="own trades"):
        walked(tmp_path, config=config)
