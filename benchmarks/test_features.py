"""Features of a year of candles beside its indicators alone, and what a running bot pays per bar.

Ratios within one run, of the best of many rounds that take turns.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.market.frame import Frame
from cointrader.market.source import FolderSource
from cointrader.market.synthetic import SyntheticSource
from cointrader.signals.features import feature_row, features
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators
from cointrader.signals.rules import evaluate, latest
from cointrader.signals.score import ScoreRule

FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "combined"
OTHERS = ("BTCUSDT", "ETHUSDT")
WINDOW_BARS = 1_000
YEAR_BARS = 35_040
MOST_TIMES = 3.0  # the indicators alone
MOST_US = 400.0  # per candle and symbol: the signal, its features and their indicators
INDICATORS = (
    "rsi", "macd_line", "macd_signal", "macd_cross", "band_upper", "band_middle", "band_lower",
    "ema_fast", "ema_mid", "ema_slow", "ema_stack", "atr", "adx", "stoch_k", "stoch_d",
    "volume_mean",
)  # fmt: skip


def a_year() -> Frame:
    """Synthetic, so that every column is known; as long as a year of 15 minutes."""
    source = SyntheticSource(
        ["XRPUSDT"], seed=1, start_ms=1_735_689_600_000, bars=YEAR_BARS, interval_ms=900_000,
        correlation_symbols=OTHERS,
    )  # fmt: skip
    return Market.of(source, ["XRPUSDT"], OTHERS).frames["XRPUSDT"]


def all_indicators(frame: Frame) -> Indicators:
    indicators = Indicators(frame)
    for name in INDICATORS:
        getattr(indicators, name)
    return indicators


def best_us(rounds: int, *functions: Callable[[], object]) -> Sequence[float]:
    """Best processor time of each; they take turns, so that what disturbs one disturbs all."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for place, function in enumerate(functions):
            started = time.thread_time_ns()
            function()
            best[place] = min(best[place], (time.thread_time_ns() - started) / 1e3)
    return best


def check_year(benchmark: Any, frame: Frame, name: str) -> None:
    indicators = all_indicators(frame)
    answers = evaluate(ScoreRule(), frame, indicators)
    table = benchmark.pedantic(
        features, args=(frame, indicators, answers.side, answers.strength), rounds=1
    )
    assert table.shape == (len(frame), 26)

    alone, made = best_us(
        30,
        lambda: all_indicators(frame),
        lambda: features(frame, indicators, answers.side, answers.strength),
    )

    print(
        f"\n{platform.machine()}, {name}, {len(frame):,} bars: indicators {alone / 1e3:.1f} ms; "
        f"26 features {made / 1e3:.1f} ms, {made / alone:.2f} times"
    )
    benchmark.extra_info.update(indicators_us=alone, features_us=made)
    assert made <= MOST_TIMES * alone


def test_a_year_of_features(benchmark: Any) -> None:
    check_year(benchmark, a_year(), "synthetic")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")
def test_a_year_of_features_of_real_candles(benchmark: Any) -> None:
    source = FolderSource(FOLDER, ["XRPUSDT"], correlation_symbols=OTHERS)
    frame = Market.of(source, ["XRPUSDT"], OTHERS).frames["XRPUSDT"]

    check_year(benchmark, frame, "XRPUSDT")


def test_one_candle_of_a_running_bot(benchmark: Any) -> None:
    """The signal of its last bar, and the row its filter is shown."""
    year = a_year()
    shown = year.rows(20_000, 20_000 + WINDOW_BARS)
    arrays = [*shown.candles.arrays(), shown.oi_change, shown.funding_rate]
    for array in arrays + [a for other in shown.correlated.values() for a in other.arrays()]:
        array.flags.writeable = False  # as in a bot's windows
    rule = ScoreRule()
    answer = evaluate(rule, shown, Indicators(shown)).at(-1)
    row = benchmark.pedantic(feature_row, args=(shown, Indicators(shown), answer), rounds=1)
    assert row.shape == (26,)
    assert np.isnan(row).sum() == (2 if answer.side is None else 0)

    signal, made = best_us(
        1000,
        lambda: latest(rule, shown, DEFAULT_PERIODS),
        lambda: feature_row(shown, Indicators(shown), answer),
    )

    print(
        f"\n{platform.machine()}, window of {WINDOW_BARS:,} bars: signal {signal:.0f} us; its row "
        f"of 26 features {made:.0f} us; both {signal + made:.0f} us"
    )
    benchmark.extra_info.update(signal_us=signal, row_us=made)
    assert signal + made <= MOST_US
