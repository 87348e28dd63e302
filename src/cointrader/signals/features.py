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

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError
from cointrader.market.frame import Frame
from cointrader.signals.compiled import compiled
from cointrader.signals.indicators import Floats, Indicators, Value, mean_of, stacked
from cointrader.signals.newest import NewestBar
from cointrader.signals.rules import WARM_UP_BARS, Signal
from cointrader.signals.zscores import zscores

FEATURES_VERSION = 1  # raised with every change of a name, the order, or a value
RETURN_BARS = (1, 3, 5)
MIN_PERIODS = 20
_OI_MEAN = 5  # bars
_LEVELS = 6  # features that are used as they stand; they come first
_SIGNAL = _LEVELS + 2 + len(RETURN_BARS)  # place of the signal's own

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
    wanted = None if rows is None else np.arange(len(frame))[np.asarray(rows, np.intp)]
    levels = _levels(indicators, indicators.macd_line, indicators.macd_signal)
    if wanted is not None:
        levels = [column[wanted] for column in levels]
    table = _table(frame, indicators, wanted, levels, side, strength, extra or {})
    return np.ascontiguousarray(table.T)


def feature_row(frame: Frame, indicators: Indicators, signal: Signal, *, row: int = -1) -> Floats:
    """The features of one bar's signal, shape (n_features,); by default of the newest bar.

    Of the newest bar they are made from no more bars than they need, and are the same floats.
    """
    sign = 0 if signal.side is None else signal.side.sign
    periods, n_bars = indicators.periods, len(frame)
    if row not in (-1, n_bars - 1) or n_bars <= max(periods.reach, WARM_UP_BARS):
        return features(
            frame, indicators, sign, signal.strength, rows=[row], extra=signal.extra
        ).reshape(-1)
    newest = Indicators(frame, periods, last=1)
    near = Indicators(frame, periods, last=_long_window(frame))
    bar = NewestBar(frame.candles, periods)
    levels = _levels(bar, newest.macd_line[0], newest.macd_signal[0])
    last = np.array([len(near) - 1])
    return _table(frame, near, last, levels, sign, signal.strength, signal.extra).reshape(-1)


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
    float64 array of shape (n_rows,). Population standard deviation, of every window by itself (see
    `signals.zscores`): a value depends on its window alone, to the last bit. 0 where the standard
    deviation is at most ``1e-12 * max(1, |mean|)``; NaN where the value itself, or too much of its
    window, is missing.
    """
    wanted = None if rows is None else np.arange(len(values))[np.asarray(rows, np.intp)]
    table = np.array(values, np.float64, ndmin=2)  # a copy: it may be written to
    scores: Floats = zscores(table, [window], [min(min_periods, window)], wanted)[0]
    return scores


def _levels(seen: Indicators | NewestBar, macd_line: Value, macd_signal: Value) -> list[Value]:
    """The first features, which are used as they stand: of all bars, or of the newest alone."""
    width = seen.band_upper - seen.band_lower
    has_none = width == 0.0
    share = (seen.close - seen.band_lower + 0.5 * has_none) / (width + has_none)
    slow = seen.ema_slow
    stack = stacked(seen.ema_fast, seen.ema_mid, slow) + (slow - slow)  # NaN as long as they are
    return [
        seen.rsi,
        (macd_line - macd_signal) / seen.close,
        share,
        stack,
        seen.stoch_k,
        seen.stoch_d,
    ]


def _table(
    frame: Frame,
    indicators: Indicators,
    rows: NDArray[np.intp] | None,
    levels: Sequence[ArrayLike],
    side: ArrayLike,
    strength: ArrayLike,
    extra: Mapping[str, ArrayLike],
) -> Floats:
    """Features of some rows, shape (n_features, n_rows).

    `rows` count from the first bar that `indicators` shows, None for all of these; `levels` and
    what comes after it are theirs.
    """
    n_own = len(_names_of(frame, tuple(extra)))
    first, n_others = indicators.first, len(frame.correlated)
    period = indicators.periods.volume
    seen = slice(max(0, first - max(*RETURN_BARS, _OI_MEAN, period)), None)
    others = np.empty((n_others, len(frame) - seen.start))
    for i, other in enumerate(frame.correlated.values()):
        others[i] = other.close[seen]
    table = np.empty((n_own, len(indicators)))
    _moves(
        np.array(frame.candles.close[seen]), np.array(frame.candles.volume[seen]), others,
        np.array(frame.oi_change[seen]), np.array(frame.funding_rate[seen]),
        np.array(indicators.atr), np.array(indicators.adx), period, table,
    )  # fmt: skip
    long, day = _long_window(frame), _day_window(frame)
    n_moves, n_of_others = _SIGNAL - _LEVELS, n_others * (len(RETURN_BARS) + 1)
    windows = [0] * _LEVELS + [long] * n_moves + [0, 0] + [long] * n_of_others
    oi_change = len(windows)
    windows += [day] * 3 + [0, long] + [0] * len(extra)
    table = zscores(table, windows, [min(MIN_PERIODS, window) for window in windows], rows)
    for place, column in enumerate(levels):
        table[place] = column
    side = np.asarray(side)
    table[_SIGNAL] = np.where(side == 0, np.nan, strength)
    table[_SIGNAL + 1] = np.where(side == 0, np.nan, np.where(side > 0, 1.0, 0.0))
    # How far open interest moved beyond the price.
    np.subtract(table[oi_change], table[_LEVELS + 2], out=table[oi_change + 3])
    for place, column in enumerate(extra.values(), oi_change + 5):
        table[place] = column
    return table


def _names_of(frame: Frame, extra: tuple[str, ...]) -> tuple[str, ...]:
    """`feature_names` of a frame; a running bot asks at every signal."""
    return _names(tuple(frame.correlated), extra)


_names = lru_cache(maxsize=256)(feature_names)


def moves(
    close: Floats,
    volume: Floats,
    others: Floats,
    oi_change: Floats,
    funding_rate: Floats,
    atr: Floats,
    adx: Floats,
    volume_period: int,
    out: Floats,
) -> None:
    """What z-scores are taken of, written to its place in `out`, shape (n_features, n_shown).

    Candles and context may begin before the bars shown, as `others`, shape (n_others, n_bars),
    does; ATR and ADX do not. Other features are set to NaN.
    """
    n_shown, n_others, n_returns = out.shape[1], len(others), len(RETURN_BARS)
    hidden = len(close) - n_shown
    atr_ratio, volume_ratio, returns = out[_LEVELS], out[_LEVELS + 1], out[_LEVELS + 2 :]
    of_others = out[_SIGNAL + 2 :]
    apart = of_others[n_others * n_returns :]
    context = apart[n_others:]
    for place in range(_LEVELS):
        fill(out[place])
    for place in range(_SIGNAL, _SIGNAL + 2):
        fill(out[place])
    for place in range(5, len(context)):
        fill(context[place])
    fill(context[3])
    for i in range(n_shown):
        at = hidden + i
        atr_ratio[i] = atr[i] / close[at]
        context[0, i] = oi_change[at]
        context[1, i] = funding_rate[at]
        context[2, i] = math.nan
        context[4, i] = adx[i]
        if at + 1 >= _OI_MEAN:
            context[2, i] = mean_of(oi_change[at + 1 - _OI_MEAN : at + 1])
        volume_ratio[i] = math.nan
        if at + 1 >= volume_period:
            mean = mean_of(volume[at + 1 - volume_period : at + 1])
            if mean > 0.0:
                volume_ratio[i] = volume[at] / mean
    for place in range(n_returns):
        put_returns(close, RETURN_BARS[place], returns[place])
        for other in range(n_others):
            put_returns(others[other], RETURN_BARS[place], of_others[other * n_returns + place])
    for other in range(n_others):
        theirs = of_others[other * n_returns]
        for i in range(n_shown):
            apart[other, i] = returns[0, i] - theirs[i]


def fill(out: Floats) -> None:
    for i in range(len(out)):
        out[i] = math.nan


def put_returns(close: Floats, bars: int, out: Floats) -> None:
    """Changes of the close over some bars, as fractions; NaN where either close is missing."""
    hidden = len(close) - len(out)
    for i in range(len(out)):
        at = hidden + i
        out[i] = close[at] / close[at - bars] - 1.0 if at >= bars else math.nan


_moves = compiled(moves)


def _long_window(frame: Frame) -> int:
    return max(1, 3 * DAY_MS // frame.interval_ms)


def _day_window(frame: Frame) -> int:
    return max(1, DAY_MS // frame.interval_ms)
