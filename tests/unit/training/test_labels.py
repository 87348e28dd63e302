"""What became of single signals, on candles small enough to follow by hand; and on many, as the
backtest has it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of, synthetic_market
from cointrader.backtest.market import Market
from cointrader.backtest.run import run
from cointrader.backtest.signals import SymbolSignals, signals_of
from cointrader.domain.errors import ConfigError
from cointrader.domain.ports import Settlement
from cointrader.market.source import FolderSource
from cointrader.signals.score import ScoreRule
from cointrader.training import labels
from cointrader.training.labels import NOT_TRADED, UNKNOWN, LabelSettings
from tests.markets import BAR_MS, START_MS, TableSource

SHARED = Path(__file__).parents[4] / "shared" / "data" / "combined"
SYMBOL = "XRPUSDT"
FLAT = (100.0, 100.0, 100.0, 100.0)


def a_config(**settings):
    given = {"profile": "founding", "symbols": [SYMBOL], "correlation_symbols": []} | settings
    return Config(overrides=given, environ={}, folder="/nonexistent")


def a_market(rows, funding=()):
    source = TableSource({SYMBOL: rows}, funding={SYMBOL: funding})
    return source, Market.of(source, [SYMBOL])


def some_signals(*pairs, stop=2.0, target=4.0):
    """Signals at (row, side), with distances of their own."""
    rows, sides = zip(*pairs, strict=True)
    count = len(rows)
    return SymbolSignals(
        np.array(rows),
        np.array(sides, np.int8),
        np.full(count, math.nan),
        np.full(count, stop),
        np.full(count, target),
    )


def labelled(rows, signals, *, funding=(), config=None, **options):
    config = config or a_config(taker_fee=0.0)
    source, market = a_market(rows, funding)
    settings = settings_of(config, instruments_of(config, source, [SYMBOL]))
    return labels.engine(market, SYMBOL, signals, settings, **options)


def told(found):
    return list(zip(found.label.tolist(), found.end.tolist(), strict=True))


def test_a_target_is_won_and_a_stop_is_lost_at_the_bar_that_touches_it():
    rows = [FLAT] * 3 + [(100, 103, 99, 102), (102, 104, 101, 103), FLAT, (100, 100, 98, 99), FLAT]

    found = labelled(rows, some_signals((1, 1), (4, 1)))

    assert told(found) == [(1, 4), (0, 6)]
    assert found.net_r.tolist() == [2.0, -1.0]


def test_a_short_is_the_mirror_image():
    rows = [FLAT] * 3 + [(100, 101, 97, 98), (98, 99, 96, 97), FLAT, (100, 102, 100, 101), FLAT]

    found = labelled(rows, some_signals((1, -1), (4, -1)))

    assert told(found) == [(1, 4), (0, 6)]


def test_the_stop_counts_where_a_bar_touches_both():
    found = labelled([FLAT] * 2 + [(100, 110, 90, 100), FLAT], some_signals((1, 1)))

    assert told(found) == [(0, 2)]


def test_each_signal_has_its_own_trade_while_an_account_would_be_in_a_position():
    rows = [FLAT] * 6 + [(100, 104, 100, 104), FLAT]

    found = labelled(rows, some_signals((0, 1), (2, 1), (4, 1)))

    assert told(found) == [(1, 6), (1, 6), (1, 6)]


def test_an_opposite_signal_ends_a_trade_at_the_next_open_and_opens_none():
    up = (101, 101, 101, 101)
    rows = [FLAT] * 4 + [up] * 4

    found = labelled(rows, some_signals((0, 1), (4, -1)))

    assert told(found)[0] == (1, 5)
    assert found.net_r[0] == 0.5


def test_a_signal_of_the_same_side_ends_nothing():
    found = labelled([FLAT] * 8, some_signals((0, 1), (4, 1)), max_label_bars=6)

    assert told(found)[0] == (0, 6)


def test_a_trade_is_left_at_the_close_of_its_last_bar():
    rows = [FLAT] * 3 + [(100, 101, 100, 101)] + [(101, 101, 101, 101)] * 5

    found = labelled(rows, some_signals((1, 1)), max_label_bars=2)

    assert told(found) == [(1, 3)]
    assert found.net_r.tolist() == [0.5]


def test_an_outcome_past_the_data_has_no_label():
    found = labelled([FLAT] * 10, some_signals((0, 1), (5, 1), (9, 1)), max_label_bars=6)

    assert told(found) == [(0, 6), (UNKNOWN, -1), (UNKNOWN, -1)]
    assert np.isnan(found.net_r[1:]).all()


def test_a_touch_before_the_data_ends_is_known():
    rows = [FLAT] * 6 + [(100, 104, 100, 100)]

    assert told(labelled(rows, some_signals((4, 1)))) == [(1, 6)]


def test_costs_turn_a_small_win_into_a_loss():
    rows = [FLAT] * 3 + [(100, 100.1, 100, 100.1)] + [FLAT] * 3
    small = some_signals((1, 1), stop=1.0, target=0.05)

    free = labelled(rows, small)
    dear = labelled(rows, small, config=a_config(taker_fee=0.0005))

    assert (free.label.tolist(), dear.label.tolist()) == ([1], [0])
    assert dear.net_r[0] == pytest.approx(0.05 - 0.0005 * (100.0 + 100.05), abs=1e-12)


def test_funding_is_part_of_what_a_trade_came_to():
    rows = [FLAT] * 8 + [(100, 104, 100, 104)]
    paid = Settlement(START_MS + 4 * BAR_MS, 0.01)

    found = labelled(rows, some_signals((1, 1)), funding=[paid])

    assert found.net_r[0] == pytest.approx(2.0 - 0.01 * 100.0 / 2.0)


def test_what_a_filter_refused_is_labelled_all_the_same():
    signals = replace(some_signals((1, 1)), refused=np.array([1], np.int8))

    assert told(labelled([FLAT] * 3 + [(100, 104, 100, 104)], signals)) == [(1, 3)]


def test_a_stop_that_stands_at_the_fill_is_no_trade():
    assert told(labelled([FLAT] * 9, some_signals((1, 1), stop=0.0))) == [(NOT_TRADED, -1)]


def test_other_signals_may_end_the_trades():
    rows = [FLAT] * 9
    looser = some_signals((0, 1), (1, -1))

    found = labelled(rows, looser, closing=some_signals((3, -1)), max_label_bars=7)

    assert told(found) == [(0, 4), (0, 8)]


@pytest.mark.parametrize("sizing", ["account", "risk", "fixed:50"])
def test_size_and_limits_of_the_account_do_not_matter(sizing):
    rows = [FLAT] * 3 + [(100, 104, 100, 104)]

    found = labelled(
        rows, some_signals((1, 1)), config=a_config(taker_fee=0.0, sizing=sizing, leverage=1)
    )

    assert found.net_r.tolist() == [2.0]


def check_against_backtest(config, market):
    """Every trade that a backtest makes of the signals is the label's trade of its signal."""
    candles = market_of(config, market)
    signals = {name: signals_of(ScoreRule(), candles.frames[name]) for name in config.symbols}
    settings = settings_of(config, instruments_of(config, market, config.symbols))
    result = run(candles, signals, settings, with_equity=False)
    compared = 0
    for place, symbol in enumerate(config.symbols):
        found = labels.engine(candles, symbol, signals[symbol], settings)
        of_row = {row: i for i, row in enumerate(signals[symbol].rows.tolist())}
        for trade in result.trades[result.trades["symbol"] == place]:
            at = of_row[int(trade["entry_bar"]) - 1]
            if trade["exit_bar"] - trade["entry_bar"] >= 96 or found.label[at] == UNKNOWN:
                continue
            compared += 1
            assert found.end[at] == trade["exit_bar"]
            assert found.net_r[at] == pytest.approx(trade["net"] / trade["risk"], rel=1e-12)
            assert found.label[at] == (trade["net"] > 0.0)
    return compared


@pytest.mark.parametrize("profile", ["founding", "default"])
@pytest.mark.parametrize("trailing", [0.0, 0.01])
def test_labels_are_the_backtest_s_own_trades(profile, trailing):
    config = a_config(profile=profile, sizing="fixed:1000", trailing_stop_pct=trailing)
    source = synthetic_market(config, 3, None, None).source

    assert check_against_backtest(config, source) > 10


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real candles are not here")
def test_labels_of_real_candles_are_the_backtest_s_own_trades():
    config = a_config(profile="default", sizing="fixed:1000")

    assert check_against_backtest(config, FolderSource(SHARED, [SYMBOL])) > 400


# ------------------------------------------------------------------ the founding label


def by_hand(frame, row, side, stop, target, bars):
    """The founding label, one step after the other."""
    c = frame.candles
    close = c.close[row]
    for bar in range(row + 1, row + bars + 1):
        if bar >= len(frame):
            return UNKNOWN, -1
        is_stopped = c.low[bar] <= close - stop if side > 0 else c.high[bar] >= close + stop
        is_won = c.high[bar] >= close + target if side > 0 else c.low[bar] <= close - target
        if is_stopped or is_won:
            return (0 if is_stopped else 1), bar
    return 0, row + bars


def test_barriers_stand_around_the_signal_s_close():
    config = a_config()
    source = synthetic_market(config, 5, None, None).source
    market = Market.of(source, [SYMBOL])
    frame = market.frames[SYMBOL]
    settings = settings_of(config, instruments_of(config, source, [SYMBOL]))
    rows = np.arange(300, len(frame), 3)
    sides = np.where(rows % 2, 1, -1).astype(np.int8)
    atr = np.full(len(rows), 0.004) * frame.candles.close[rows]

    label, end = labels.barrier(market, SYMBOL, SymbolSignals(rows, sides, atr), settings)

    expected = [
        by_hand(frame, row, side, 1.5 * unit, 3.0 * unit, 24)
        for row, side, unit in zip(rows.tolist(), sides.tolist(), atr.tolist(), strict=True)
    ]
    assert list(zip(label.tolist(), end.tolist(), strict=True)) == expected
    assert set(label.tolist()) == {1, 0, UNKNOWN}


def test_barriers_by_percentages_of_the_close():
    config = a_config(exit_mode="pct", stop_loss_pct=0.01, take_profit_pct=0.02)
    source, market = a_market([FLAT] * 2 + [(100, 102, 100, 102)])
    settings = settings_of(config, instruments_of(config, source, [SYMBOL]))
    signals = SymbolSignals(np.array([1]), np.array([1], np.int8), np.array([math.nan]))

    label, end = labels.barrier(market, SYMBOL, signals, settings)

    assert (label.tolist(), end.tolist()) == ([1], [2])


# ------------------------------------------------------------------ weights and settings


def test_weights_grow_with_time_and_not_with_the_number_of_rows():
    weight = labels.weights(np.array([0, 1, 2, 3, 10]) * BAR_MS, 2.0)

    assert weight.tolist() == pytest.approx([1.0, *np.exp([0.2, 0.4, 0.6, 2.0]).tolist()])
    assert labels.weights(np.array([7, 9]), 0.0).tolist() == [1.0, 1.0]
    assert labels.weights(np.array([7]), 2.0).tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "tripple"), ("max_label_bars", 0), ("decay", math.nan)]
)
def test_impossible_label_settings_are_refused(name, value):
    with pytest.raises(ConfigError, match="impossible label setting"):
        LabelSettings(**{name: value})
