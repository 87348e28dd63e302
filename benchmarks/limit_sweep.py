"""The limit that a sweep is measured by: 324 settings of the founding rules, in plain numba.

Indicators in one pass; a list of signals for each threshold, volume and ADX; then each cell goes
from signal to exit, and from there to the next signal. Written for this measurement alone; nothing
of the project is in it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.limit import _FIRST, FEE, NOTIONAL, TIE, WARM_UP, Floats

Grid = NDArray[np.float64]


@numba.njit(error_model="numpy")
def scores(high: Floats, low: Floats, close: Floats, volume: Floats, out: Floats) -> None:
    """Rows of `out`: long score, short score, volume over its mean, ADX, ATR."""
    n = len(close)
    rsi = np.empty(n)
    raw = np.zeros(n)
    k_values = np.zeros(n)
    gain = loss = atr = 0.0
    e9 = e21 = e50 = e12 = e26 = close[0]
    signal = 0.0
    seed9 = seed12 = seed21 = seed26 = seed50 = seed_signal = 0.0
    was_ahead = 0.0
    total = squares = loud = 0.0
    plus = minus = true = adx = 0.0
    for i in range(n):
        now = close[i]
        if i > 0:
            change = now - close[i - 1]
            up, down = max(change, 0.0), max(-change, 0.0)
            wide = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
            if i <= 14:
                gain += up / 14
                loss += down / 14
                atr += wide / 14
            else:
                gain = (gain * 13 + up) / 14
                loss = (loss * 13 + down) / 14
                atr = (atr * 13 + wide) / 14
            rise, fall = high[i] - high[i - 1], low[i - 1] - low[i]
            moved_up = rise if rise > fall and rise > 0.0 else 0.0
            moved_down = fall if fall > rise and fall > 0.0 else 0.0
            if i < 14:
                plus, minus, true = plus + moved_up, minus + moved_down, true + wide
            else:
                plus += moved_up - plus / 14
                minus += moved_down - minus / 14
                true += wide - true / 14
                both = plus + minus
                dx = 100.0 * abs(plus - minus) / both if both > 0.0 else 0.0
                adx = adx + dx / 14 if i < 28 else (adx * 13 + dx) / 14
        rsi[i] = 50.0 if gain + loss < 1e-14 else 100.0 * (gain / (gain + loss))
        total += now
        squares += now * now
        loud += volume[i]
        if i >= 20:
            total -= close[i - 20]
            squares -= close[i - 20] * close[i - 20]
            loud -= volume[i - 20]
        if i < _FIRST:
            seed9 += now if i < 9 else 0.0
            seed21 += now if i < 21 else 0.0
            seed50 += now if i < 50 else 0.0
            seed26 += now if i < 26 else 0.0
            seed12 += now if 14 <= i < 26 else 0.0
        e9 = seed9 / 9 if i <= 8 else (now - e9) * (2 / 10) + e9
        e21 = seed21 / 21 if i <= 20 else (now - e21) * (2 / 22) + e21
        e50 = seed50 / 50 if i <= 49 else (now - e50) * (2 / 51) + e50
        e12 = seed12 / 12 if i <= 25 else (now - e12) * (2 / 13) + e12
        e26 = seed26 / 26 if i <= 25 else (now - e26) * (2 / 27) + e26
        line = e12 - e26
        if 25 <= i <= 33:
            seed_signal += line
            signal = seed_signal / 9
        elif i > 33:
            signal = (line - signal) * (2 / 10) + signal
        ahead = line - signal
        before, was_ahead = was_ahead, ahead
        if i < _FIRST:
            continue
        lowest = highest = rsi[i]
        for j in range(i - 13, i):
            lowest = min(lowest, rsi[j])
            highest = max(highest, rsi[j])
        raw[i] = 0.0 if highest == lowest else (rsi[i] - lowest) / (highest - lowest) * 100.0
        k_values[i] = (raw[i] + raw[i - 1] + raw[i - 2]) / 3.0
        k, d = k_values[i], (k_values[i] + k_values[i - 1] + k_values[i - 2]) / 3.0
        if i < WARM_UP:
            continue
        mean = total / 20
        half = 2.0 * np.sqrt(max(squares / 20 - mean * mean, 0.0))
        longs = shorts = 0
        longs += rsi[i] < 35.0
        shorts += rsi[i] > 65.0
        longs += 2 * (before <= 0.0 and ahead > 0.0)
        shorts += 2 * (before >= 0.0 and ahead < 0.0)
        longs += now < mean - half
        shorts += now > mean + half
        longs += e9 > e21 > e50
        shorts += e9 < e21 < e50
        longs += k < 20.0 and k - d > TIE
        shorts += k > 80.0 and d - k > TIE
        out[0, i], out[1, i], out[2, i], out[3, i], out[4, i] = (
            longs, shorts, volume[i] / (loud / 20), adx, atr,
        )  # fmt: skip


@numba.njit(error_model="numpy")
def signals(
    scored: Floats, threshold: float, multiplier: float, adx: float,
    bars: NDArray[np.int64], sides: NDArray[np.int64],
) -> int:  # fmt: skip
    """Bars and sides of one rule's signals; how many there are."""
    count, n = 0, scored.shape[1]
    for i in range(WARM_UP, n - 1):
        longs, shorts = scored[0, i], scored[1, i]
        if max(longs, shorts) < threshold:
            continue
        needed = threshold if scored[2, i] > multiplier else threshold + 1
        is_long, is_short = longs >= needed, shorts >= needed
        if is_long != is_short and scored[3, i] >= adx:
            bars[count], sides[count] = i, 1 if is_long else -1
            count += 1
    return count


@numba.njit(error_model="numpy")
def cell(
    opened: Floats, high: Floats, low: Floats, close: Floats, rate: Floats, atr: Floats,
    bars: NDArray[np.int64], sides: NDArray[np.int64], count: int, stop_factor: float,
    target_factor: float,
) -> tuple[int, float]:  # fmt: skip
    """Number of trades and their net result."""
    n, place, trades, total = len(opened), 0, 0, 0.0
    while place < count:
        bar, side = bars[place] + 1, sides[place]
        price = opened[bar]
        quantity = NOTIONAL / price
        fees, paid, entered = NOTIONAL * FEE, 0.0, bar
        stop = price - side * stop_factor * atr[bar - 1]
        target = price + side * target_factor * atr[bar - 1]
        place += 1
        level = 0.0
        while level == 0.0:
            if place < count and bars[place] + 1 == bar:
                if sides[place] == -side:
                    level = opened[bar]
                    break
                place += 1
            if entered < bar and not np.isnan(rate[bar]):
                paid -= side * quantity * opened[bar] * rate[bar]
            if side > 0:
                if entered < bar and opened[bar] < stop:
                    level = opened[bar]
                elif low[bar] <= stop:
                    level = stop
                elif high[bar] >= target:
                    level = target
            elif entered < bar and opened[bar] > stop:
                level = opened[bar]
            elif high[bar] >= stop:
                level = stop
            elif low[bar] <= target:
                level = target
            if level == 0.0 and bar == n - 1:
                level = close[bar]
            bar += 1
        total += side * quantity * (level - price) - fees - quantity * level * FEE + paid
        trades += 1
    return trades, total


@numba.njit(error_model="numpy")
def sweep(
    opened: Floats, high: Floats, low: Floats, close: Floats, volume: Floats, rate: Floats,
    entries: Grid, exits: Grid, trades: NDArray[np.int64], nets: Floats,
) -> None:  # fmt: skip
    """Every row of `entries` (threshold, volume, ADX) with every row of `exits` (stop, target)."""
    n = len(close)
    scored = np.zeros((5, n))
    scores(high, low, close, volume, scored)
    bars, sides = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(len(entries)):
        count = signals(scored, entries[i, 0], entries[i, 1], entries[i, 2], bars, sides)
        for j in range(len(exits)):
            trades[i, j], nets[i, j] = cell(
                opened, high, low, close, rate, scored[4], bars, sides, count,
                exits[j, 0], exits[j, 1],
            )  # fmt: skip
