"""The indicators of closes that remember every bar before them, in one pass.

Seeded as TA-Lib seeds them, and equal to it but for the last bit, which there depends on how it
was built. Compiled, because a running bot pays for a thousand bars at every close and a backtest
for all there are; in one pass, because each of these means waits for its own value of the bar
before, and six that wait together take hardly longer than one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RSI, EMA_FAST, EMA_MID, EMA_SLOW, MACD_LINE, MACD_SIGNAL = range(6)
Remembered = tuple[float, float, float, float, float, float, float, float]  # gain to signal
_NO_CHANGE = 1e-14  # mean gain and loss together: below this TA-Lib takes them for none at all


def fill_remembered(
    close: NDArray[np.float64],
    rsi_period: int,
    ema_fast: int,
    ema_mid: int,
    ema_slow: int,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    out: NDArray[np.float64],
) -> Remembered:
    """Fill rows `RSI` to `MACD_SIGNAL` of the last bars of closes of shape (n_bars,).

    `out`, of shape (6, shown), has no more bars than there are. RSI (Wilder, 1978) is 50 where
    there is no change at all. NaN before an indicator's first value. A close that is not finite
    spoils every later row. `macd_fast` is below `macd_slow`, every period at least 2.

    Returns what is remembered after the last bar, for `remembered_next` and `fill_on`: of use
    where no mean is still being seeded.
    """
    n_bars = len(close)
    gain, loss, share = 0.0, 0.0, 1.0 / rsi_period
    fast, mid, slow = 0.0, 0.0, 0.0
    line_fast, line_slow, signal = 0.0, 0.0, 0.0
    if n_bars == 0:
        return gain, loss, fast, mid, slow, line_fast, line_slow, signal
    hidden = n_bars - out.shape[1]
    k_fast, k_mid, k_slow = weight(ema_fast), weight(ema_mid), weight(ema_slow)
    k_line_fast, k_line_slow, k_signal = weight(macd_fast), weight(macd_slow), weight(macd_signal)
    late = macd_slow - macd_fast  # the first close that seeds MACD's fast mean
    line_first = macd_slow - 1
    shown_first = line_first + macd_signal - 1
    before = close[0]
    settled = max(ema_slow, rsi_period + 1, shown_first + 1)
    for i in range(min(settled, n_bars)):
        now = close[i]
        change = now - before
        before = now
        if 0 < i <= rsi_period:
            gain += max(change, 0.0)
            loss += max(-change, 0.0)
            if i == rsi_period:
                gain, loss = gain * share, loss * share
        elif i > rsi_period:
            gain, loss = _smoothed(gain, loss, change, rsi_period - 1, share)
        fast = _mean_of_first(fast, now, i, ema_fast, k_fast)
        mid = _mean_of_first(mid, now, i, ema_mid, k_mid)
        slow = _mean_of_first(slow, now, i, ema_slow, k_slow)
        line_slow = _mean_of_first(line_slow, now, i, macd_slow, k_line_slow)
        if i >= late:
            line_fast = _mean_of_first(line_fast, now, i - late, macd_fast, k_line_fast)
        line = line_fast - line_slow
        if i >= line_first:
            signal = _mean_of_first(signal, line, i - line_first, macd_signal, k_signal)
        at = i - hidden
        if at < 0:
            continue
        for row in range(6):
            out[row, at] = np.nan
        if i >= rsi_period:
            out[RSI, at] = strength(gain, loss)
        if i >= ema_fast - 1:
            out[EMA_FAST, at] = fast
        if i >= ema_mid - 1:
            out[EMA_MID, at] = mid
        if i >= ema_slow - 1:
            out[EMA_SLOW, at] = slow
        if i >= shown_first:
            out[MACD_LINE, at] = line
            out[MACD_SIGNAL, at] = signal
    known = gain, loss, fast, mid, slow, line_fast, line_slow, signal
    if n_bars <= settled:
        return known
    silent = max(settled, min(hidden, n_bars))
    for i in range(settled, silent):
        known = remembered_next(
            close[i], close[i - 1],
            known[0], known[1], known[2], known[3], known[4], known[5], known[6], known[7],
            rsi_period, k_fast, k_mid, k_slow, k_line_fast, k_line_slow, k_signal,
        )  # fmt: skip
    return fill_on(
        close[silent - 1 :], known, rsi_period, ema_fast, ema_mid, ema_slow,
        macd_fast, macd_slow, macd_signal, out, silent - hidden,
    )  # fmt: skip


def fill_on(
    close: NDArray[np.float64],
    known: Remembered,
    rsi_period: int,
    ema_fast: int,
    ema_mid: int,
    ema_slow: int,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    out: NDArray[np.float64],
    first: int,
) -> Remembered:
    """Go on from what is `known` after the first of these closes: `fill_remembered` in pieces.

    The second close belongs to column `first` of `out`. Returns what is remembered after the last.
    """
    gain, loss, fast, mid, slow, line_fast, line_slow, signal = known
    k_fast, k_mid, k_slow = weight(ema_fast), weight(ema_mid), weight(ema_slow)
    k_line_fast, k_line_slow, k_signal = weight(macd_fast), weight(macd_slow), weight(macd_signal)
    earlier, close = close[:-1], close[1:]
    rsis, lines, signals = out[RSI, first:], out[MACD_LINE, first:], out[MACD_SIGNAL, first:]
    fasts, mids, slows = out[EMA_FAST, first:], out[EMA_MID, first:], out[EMA_SLOW, first:]
    for i in range(len(close)):
        gain, loss, fast, mid, slow, line_fast, line_slow, signal = remembered_next(
            close[i], earlier[i], gain, loss, fast, mid, slow, line_fast, line_slow, signal,
            rsi_period, k_fast, k_mid, k_slow, k_line_fast, k_line_slow, k_signal,
        )  # fmt: skip
        rsis[i] = strength(gain, loss)
        fasts[i], mids[i], slows[i] = fast, mid, slow
        lines[i], signals[i] = line_fast - line_slow, signal
    return gain, loss, fast, mid, slow, line_fast, line_slow, signal


def remembered_next(
    now: float,
    before: float,
    gain: float,
    loss: float,
    fast: float,
    mid: float,
    slow: float,
    line_fast: float,
    line_slow: float,
    signal: float,
    rsi_period: int,
    k_fast: float,
    k_mid: float,
    k_slow: float,
    k_line_fast: float,
    k_line_slow: float,
    k_signal: float,
) -> Remembered:
    """What is remembered, from `gain` to `signal`, one close later: from `before` to `now`.

    `k_...` are weights of exponential means.
    """
    gain, loss = _smoothed(gain, loss, now - before, rsi_period - 1, 1.0 / rsi_period)
    line_fast = (now - line_fast) * k_line_fast + line_fast
    line_slow = (now - line_slow) * k_line_slow + line_slow
    return (
        gain,
        loss,
        (now - fast) * k_fast + fast,
        (now - mid) * k_mid + mid,
        (now - slow) * k_slow + slow,
        line_fast,
        line_slow,
        (line_fast - line_slow - signal) * k_signal + signal,
    )


def weight(period: int) -> float:
    """Of the newest value in an exponential mean."""
    return 2.0 / (period + 1)


def fill_exponential_mean(
    values: NDArray[np.float64], period: int, out: NDArray[np.float64]
) -> None:
    """EMA of values, seeded by the first plain mean; NaN before it. Both of shape (n_bars,)."""
    mean, share = 0.0, weight(period)
    for i in range(len(values)):
        mean = _mean_of_first(mean, values[i], i, period, share)
        out[i] = mean if i >= period - 1 else np.nan


def _smoothed(
    gain: float, loss: float, change: float, before: int, share: float
) -> tuple[float, float]:
    """Wilder's means of gains and losses, one change later: `before` old ones and a new one."""
    risen = max(change, 0.0)  # no branch: which way a price goes is no use to guess
    fallen = max(-change, 0.0)
    return (gain * before + risen) * share, (loss * before + fallen) * share


def strength(gain: float, loss: float) -> float:
    """RSI of mean gain and mean loss."""
    total = gain + loss
    if total < _NO_CHANGE:
        return 50.0
    return 100.0 * (gain / total)


def _mean_of_first(mean: float, value: float, i: int, period: int, share: float) -> float:
    """A sum, then its mean, then an exponential mean: `i` counts the values from 0."""
    if i < period - 1:
        return mean + value
    if i == period - 1:
        return (mean + value) / period
    return (value - mean) * share + mean
