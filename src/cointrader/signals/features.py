"""The feature vector of the entry filter: names, order, version, values.

One pure function for training, backtest and live. A row is asked for at the close of its bar, and
holds what is known then:

- candles, own and correlated, up to and including this bar (joined on time by the frame);
- open interest as known at this bar's close;
- the last funding rate settled at or before this bar's *open*: one that is settled at the moment
  of the close is not known yet (the frame's `funding_rate` says so already).

Missing is NaN, never 0: 0 is an ordinary value of nearly every column here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError
from cointrader.market.frame import Frame
from cointrader.signals.indicators import Floats, Indicators, window_mean
from cointrader.signals.rules import Signal

FEATURES_VERSION = 1  # raised with every change of a name, the order, or a value
RETURN_BARS = (1, 3, 5)
MIN_PERIODS = 20
_FLAT = 1e-12  # a standard deviation below this share of the mean is rounding, not movement
_BLOCK_VALUES = 1 << 17  # z-score windows worked on at a time: 1 MiB, which fits the cache

Rows = NDArray[np.integer] | Sequence[int]


def feature_names(correlation_symbols: Sequence[str], extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the columns, in order; 26 of them for two correlation symbols.

    A correlation symbol gives its name without ``USDT``, in lower case: ``btc_ret_1``, ``btc_rs``.
    `extra` are a signal rule's own features; they come last.
    """
    others = [symbol.removesuffix("USDT").lower() for symbol in correlation_symbols]
    names = (
        *("rsi", "macd_hist", "bb_pct", "ema_align", "stoch_k", "stoch_d"),
        *("atr_pct", "vol_ratio", *(f"ret_{bars}" for bars in RETURN_BARS)),
        *("signal_strength", "side"),
        *(f"{other}_ret_{bars}" for other in others for bars in RETURN_BARS),
        *(f"{other}_rs" for other in others),
        *("oi_change", "funding_rate", "oi_change_ma5", "oi_price_spread"),
        "adx",
        *extra,
    )
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(
            "two features have one name",
            where="correlation symbols and the signal rule's own features",
            found=", ".join(twice),
            allowed="different names",
        )
    return names


def features(
    frame: Frame,
    indicators: Indicators,
    side: ArrayLike,
    strength: ArrayLike,
    *,
    rows: Rows | None = None,
    extra: Mapping[str, ArrayLike] | None = None,
) -> Floats:
    """Feature rows of signals.

    Parameters
    ----------
    frame : candles and context, oldest first
    indicators : of the whole frame (not of its last bars: the z-scores look back)
    side, strength : of the signal at each row asked for: +1 or -1, and the score of that side;
        one value per row. Side 0 is no signal: both features are NaN there.
    rows : bars wanted, as indices into the frame, negative ones from its end; None for all
    extra : a signal rule's own features, one value per row asked for

    Returns
    -------
    float64 array of shape (n_rows, n_features), columns as `feature_names` says. A row does not
    depend on which other rows are asked for, nor (within 1e-9) on how much history precedes it,
    once warm-up and z-score window are filled.

    Notes
    -----
    ``z`` is `zscore` over 3 days of bars, over 1 day for open interest and funding; returns are
    ``close[t] / close[t - bars] - 1``.
    """
    if len(indicators) != len(frame):
        raise ValueError("features need indicators of the whole frame, not of its last bars")
    every = np.arange(len(frame))
    wanted = every if rows is None else every[np.asarray(rows, np.intp)]
    columns = [
        *_indicator_columns(frame, indicators, wanted),
        *_signal_columns(side, strength),
        *_correlation_columns(frame, wanted),
        *_derivative_columns(frame, wanted),
        zscore(indicators.adx, _long_window(frame), rows=wanted),
        *(extra or {}).values(),
    ]
    names = feature_names(tuple(frame.correlated), tuple(extra or ()))
    table = np.empty((len(wanted), len(names)))
    for i, column in enumerate(columns):
        table[:, i] = column
    return table


def feature_row(frame: Frame, indicators: Indicators, signal: Signal, *, row: int = -1) -> Floats:
    """The features of one bar's signal, shape (n_features,); by default of the newest bar."""
    sign = 0 if signal.side is None else signal.side.sign
    return features(
        frame, indicators, sign, signal.strength, rows=[row], extra=signal.extra
    ).reshape(-1)


def zscore(
    values: Floats, window: int, min_periods: int = MIN_PERIODS, *, rows: Rows | None = None
) -> Floats:
    """How many standard deviations each value lies from the mean of its window.

    Parameters
    ----------
    values : float64 array of shape (n_bars,); NaN is missing and ignored
    window : values looked at, this one included; at the start those there are
    min_periods : values needed; a window shorter than that must be full
    rows : indices wanted; None for all

    Returns
    -------
    float64 array of shape (n_rows,). Population standard deviation, two exact passes per window:
    no running sum, so a value depends on its window alone, to the last bit. 0 where the standard
    deviation is at most ``1e-12 * max(1, |mean|)``; NaN where the value itself, or too much of its
    window, is missing.
    """
    values = np.asarray(values, np.float64)
    wanted = np.arange(len(values)) if rows is None else np.asarray(rows, np.intp)
    result = np.full(len(wanted), np.nan)
    for part, windows in _window_blocks(values, window, wanted):
        is_known = ~np.isnan(windows)
        n_known = is_known.sum(axis=1)
        counted = np.maximum(n_known, 1)
        mean = np.where(is_known, windows, 0.0).sum(axis=1) / counted
        offsets = np.where(is_known, windows - mean[:, np.newaxis], 0.0)
        deviation = np.sqrt((offsets * offsets).sum(axis=1) / counted)
        is_flat = deviation <= _FLAT * np.maximum(1.0, np.abs(mean))
        scores = np.divide(offsets[:, -1], deviation, out=np.zeros(len(mean)), where=~is_flat)
        is_missing = ~is_known[:, -1] | (n_known < min(min_periods, window))
        scores[is_missing] = np.nan
        result[part] = scores
    return result


def _window_blocks(
    values: Floats, window: int, rows: NDArray[np.intp]
) -> Iterator[tuple[slice, Floats]]:
    """The windows that end at `rows`, one per line, some lines at a time; NaN before the start."""
    padded = np.concatenate([np.full(window - 1, np.nan), values])
    windows: Floats = np.ndarray((len(values), window), np.float64, padded, strides=(8, 8))
    n_lines = max(1, _BLOCK_VALUES // window)
    for start in range(0, len(rows), n_lines):
        part = slice(start, start + n_lines)
        yield part, np.ascontiguousarray(windows[rows[part]])  # `take` would copy every window


def _indicator_columns(
    frame: Frame, indicators: Indicators, rows: NDArray[np.intp]
) -> Iterator[Floats]:
    close, window = frame.candles.close, _long_window(frame)
    yield indicators.rsi[rows]
    yield ((indicators.macd_line - indicators.macd_signal) / close)[rows]
    yield _band_share(indicators)[rows]
    yield np.where(np.isnan(indicators.ema_slow), np.nan, indicators.ema_stack)[rows]
    yield indicators.stoch_k[rows]
    yield indicators.stoch_d[rows]
    yield zscore(indicators.atr / close, window, rows=rows)
    mean = indicators.volume_mean
    volume_ratio = np.divide(
        frame.candles.volume, mean, out=np.full(len(frame), np.nan), where=mean > 0.0
    )
    yield zscore(volume_ratio, window, rows=rows)
    for bars in RETURN_BARS:
        yield zscore(_returns(close, bars), window, rows=rows)


def _signal_columns(side: ArrayLike, strength: ArrayLike) -> Iterator[Floats]:
    side, strength = np.asarray(side), np.asarray(strength, np.float64)
    yield np.where(side == 0, np.nan, strength)
    yield np.where(side == 0, np.nan, np.where(side > 0, 1.0, 0.0))


def _correlation_columns(frame: Frame, rows: NDArray[np.intp]) -> Iterator[Floats]:
    window = _long_window(frame)
    closes = [columns.close for columns in frame.correlated.values()]
    for close in closes:
        for bars in RETURN_BARS:
            yield zscore(_returns(close, bars), window, rows=rows)
    own = _returns(frame.candles.close, 1)
    for close in closes:
        yield zscore(own - _returns(close, 1), window, rows=rows)


def _derivative_columns(frame: Frame, rows: NDArray[np.intp]) -> Iterator[Floats]:
    """Open interest and funding, and how far open interest moved beyond the price."""
    window = _day_window(frame)
    oi_change = zscore(frame.oi_change, window, rows=rows)
    yield oi_change
    yield zscore(frame.funding_rate, window, rows=rows)
    yield zscore(window_mean(frame.oi_change, 5), window, rows=rows)
    yield oi_change - zscore(_returns(frame.candles.close, 1), _long_window(frame), rows=rows)


def _band_share(indicators: Indicators) -> Floats:
    """Where the close stands between the bands: 0 lower, 1 upper, 0.5 when they have no width."""
    width = indicators.band_upper - indicators.band_lower
    middle = width * 0.0 + 0.5  # and NaN stays NaN
    share: Floats = np.divide(
        indicators.close - indicators.band_lower, width, out=middle, where=width > 0.0
    )
    return share


def _returns(close: Floats, bars: int) -> Floats:
    """Change of the close over `bars` bars as a fraction; NaN where either close is missing."""
    result = np.full(len(close), np.nan)
    result[bars:] = close[bars:] / close[:-bars] - 1.0
    return result


def _long_window(frame: Frame) -> int:
    return max(1, 3 * DAY_MS // frame.interval_ms)


def _day_window(frame: Frame) -> int:
    return max(1, DAY_MS // frame.interval_ms)
