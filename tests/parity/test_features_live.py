"""What a running bot shows its filter equals what the filter was trained on, on every bar."""

from __future__ import annotations

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.domain.clock import DAY_MS
from cointrader.market.context import Recorded
from cointrader.market.source import FolderSource
from cointrader.market.synthetic import SyntheticSource
from cointrader.market.window import CandleWindow, frame_of
from cointrader.signals.features import feature_names, feature_row, features
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import evaluate
from cointrader.signals.score import ScoreRule
from tests.full import some
from tests.parity.playing import SHARED

FOLDER = SHARED / "combined"
OTHERS = ("BTCUSDT", "ETHUSDT")
WINDOW_BARS = 1_000  # of a running bot
MONTH_BARS = 30 * 96
NAMES = feature_names(OTHERS)


def check_month(source, symbol, first):
    """Every bar of a month from row `first` on: a bot's row against the row trained on."""
    market = Market.of(source, [symbol], OTHERS)
    frame = market.frames[symbol]
    indicators = Indicators(frame)
    answers = evaluate(ScoreRule(), frame, indicators)
    trained = features(frame, indicators, answers.side, answers.strength)
    context = Recorded(source, symbol)
    own = CandleWindow(symbol, source.interval_ms, capacity=WINDOW_BARS)
    windows = {
        name: CandleWindow(name, source.interval_ms, capacity=WINDOW_BARS) for name in OTHERS
    }
    start = first - WINDOW_BARS + 1
    at_ms = int(frame.open_time_ms[start])
    feeds = {name: _from(source, name, at_ms) for name in (symbol, *OTHERS)}
    unlike = set()
    for row in range(start, first + MONTH_BARS):
        own.append(next(feeds[symbol]))
        for name, window in windows.items():
            window.append(next(feeds[name]))
        if row < first:
            continue
        shown = frame_of(own, windows, *context.columns(own.open_time_ms))
        live = feature_row(shown, Indicators(shown), answers.at(row))
        close = np.isclose(live, trained[row], rtol=1e-9, atol=1e-9, equal_nan=True)
        unlike |= {NAMES[place] for place in np.flatnonzero(~close)}
    assert unlike == set()
    return trained[first : first + MONTH_BARS]


def _from(source, symbol, at_ms):
    return (candle for candle in source.candles(symbol) if candle.open_time_ms >= at_ms)


@pytest.mark.parametrize("symbol", some(["XRPUSDT", "TRXUSDT", "DOGEUSDT"], 3))
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")
def test_a_month_of_real_candles(symbol):
    source = FolderSource(FOLDER, [symbol], correlation_symbols=OTHERS)

    trained = check_month(source, symbol, 20_000)

    unknown = {
        name for name, column in zip(NAMES, trained.T, strict=True) if np.isnan(column).all()
    }
    assert unknown == {"oi_change", "oi_change_ma5", "oi_price_spread"}  # nobody recorded it


def test_a_month_in_which_everything_is_known():
    source = SyntheticSource(
        ["XRPUSDT"],
        seed=11,
        start_ms=1_767_225_600_000 - 20 * DAY_MS,
        bars=WINDOW_BARS + 400 + MONTH_BARS,
        interval_ms=900_000,
        correlation_symbols=OTHERS,
    )

    trained = check_month(source, "XRPUSDT", WINDOW_BARS + 400)

    signal = [NAMES.index("side"), NAMES.index("signal_strength")]
    assert not np.isnan(np.delete(trained, signal, axis=1)).any()
