"""What one bar costs in each room, beside one bare TA-Lib RSI over the same window."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import talib

from cointrader.domain.candle import Candle
from cointrader.domain.instrument import to_decimal
from cointrader.domain.records import Decision, EquityMarked
from cointrader.journal.sqlite import SqliteJournal
from cointrader.market.frame import Columns, Frame
from cointrader.market.window import CandleWindow
from cointrader.signals.features import feature_row
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import latest
from cointrader.signals.score import ScoreRule

BARS = 1_000
BAR_MS = 900_000


def a_frame() -> Frame:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.003, BARS)))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    volume = rng.lognormal(3, 1, BARS)
    nothing = np.full(BARS, np.nan)
    times = np.arange(BARS, dtype=np.int64) * BAR_MS
    own = Columns(opened, high, low, close, volume)
    return Frame("XRPUSDT", BAR_MS, times, own, {"BTCUSDT": own}, nothing, nothing)


@pytest.mark.benchmark(group="one bar")
def test_yardstick_one_bare_rsi(benchmark):
    close = a_frame().candles.close
    benchmark(getattr(talib.RSI, "__wrapped__", talib.RSI), close, 14)


@pytest.mark.benchmark(group="one bar")
def test_signal_of_the_newest_bar(benchmark):
    benchmark(latest, ScoreRule(), a_frame())


@pytest.mark.benchmark(group="one bar")
def test_features_of_the_newest_bar(benchmark):
    frame = a_frame()
    signal, _ = latest(ScoreRule(), frame)
    benchmark(lambda: feature_row(frame, Indicators(frame), signal))


@pytest.mark.benchmark(group="one bar")
def test_candle_into_its_window(benchmark):
    window = CandleWindow("XRPUSDT", BAR_MS, capacity=BARS)
    times = iter(range(0, 10**13, BAR_MS))

    def append():
        at = next(times)
        window.append(Candle("XRPUSDT", at, at + BAR_MS, 1.0, 2.0, 0.5, 1.5, 10.0))

    benchmark(append)


@pytest.mark.benchmark(group="one bar")
@pytest.mark.parametrize("survives_power_loss", [True, False])
def test_three_decisions_on_disk(benchmark, tmp_path, survives_power_loss):
    bars = iter(range(10**9))
    money = to_decimal(1000.0)
    with (
        SqliteJournal(
            tmp_path / "j.db", threaded=False, survives_power_loss=survives_power_loss
        ) as journal,
        asyncio.Runner() as runner,
    ):

        def commit():
            at = next(bars) * BAR_MS
            for symbol in ("XRPUSDT", "TRXUSDT", "DOGEUSDT"):
                journal.note(Decision(symbol, at, "HOLD", None, 1, ("ema+1",), "", "no-signal"))
            runner.run(journal.commit(EquityMarked(at, money, money)))

        benchmark(commit)
