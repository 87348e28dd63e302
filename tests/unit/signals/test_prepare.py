import numpy as np

import cointrader.signals.indicators as indicators_module
import cointrader.signals.newest as newest_module
import cointrader.signals.score as score_module
from cointrader.market.frame import Columns, Frame
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators
from cointrader.signals.newest import NewestBar, newest
from cointrader.signals.prepare import prepare
from cointrader.signals.score import ScoreRule


def test_the_first_real_bar_of_a_prepared_rule_waits_for_no_compiler():
    prepare(ScoreRule(), DEFAULT_PERIODS)
    used = newest_module._newest, score_module._judge_one
    before = [compiled.known for compiled in used]
    assert all(before)

    ScoreRule().answer(NewestBar(_candles(), DEFAULT_PERIODS))
    assert [compiled.known for compiled in used] == before
    assert all(compiled.is_native for compiled in used)


def test_indicators_over_many_bars_run_without_numba():
    closes = _candles().close
    indicators_module.ema(closes, 9)
    indicators_module.rsi(closes)

    assert indicators_module._fill_exponential_mean.is_native
    assert indicators_module._fill_remembered.is_native


def test_the_newest_bar_is_the_last_row_of_the_indicators_to_the_bit():
    candles = _candles()
    indicators = Indicators(_frame(candles))
    bar = NewestBar(candles, DEFAULT_PERIODS)
    names = (
        "close", "rsi", "macd_cross", "band_upper", "band_lower", "ema_fast", "ema_mid",
        "ema_slow", "stoch_k", "stoch_d", "volume", "volume_mean", "atr", "adx",
    )  # fmt: skip

    assert {name: getattr(bar, name) for name in names} == {
        name: getattr(indicators, name)[-1] for name in names
    }


def test_compiled_and_plain_it_is_the_same_to_the_bit():
    candles, p = _candles(), DEFAULT_PERIODS
    plain = newest(
        candles.close, candles.volume, p.rsi, p.ema_fast, p.ema_mid, p.ema_slow, p.macd_fast,
        p.macd_slow, p.macd_signal, p.band, p.band_width, p.stoch, p.stoch_k, p.stoch_d, p.volume,
        np.empty((6, 18)), np.empty((2, 18)),
    )  # fmt: skip
    bar = NewestBar(candles, p)
    assert plain == (
        bar.rsi, bar.macd_cross, bar.close, bar.band_lower, bar.band_upper, bar.ema_fast,
        bar.ema_mid, bar.ema_slow, bar.stoch_k, bar.stoch_d, bar.volume, bar.volume_mean,
    )  # fmt: skip


def _candles() -> Columns:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(size=600) * 0.01))
    columns = [close, close * 1.01, close * 0.99, close, rng.exponential(size=600)]
    for column in columns:
        column.flags.writeable = False  # as a running bot's window
    return Columns(*columns)


def _frame(candles: Columns) -> Frame:
    missing = np.full(len(candles), np.nan)
    times = np.arange(len(candles), dtype=np.int64) * 900_000
    return Frame("XRPUSDT", 900_000, times, candles, {}, missing, missing)
