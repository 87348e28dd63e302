"""The limit that a backtest is measured by: the founding rules on one symbol, in one plain pass.

Indicators, score, entries and exits in a single numba loop over the bars, with running sums and
nothing that could be left out: no account, no settings, no refusals, no list of decisions. Written
for this measurement alone; nothing of the project is in it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WARM_UP, NOTIONAL, FEE, STOP, TARGET, TIE = 300, 1000.0, 0.0004, 1.5, 3.0, 1e-9
_FIRST = 60  # bars after which every mean has its values


@numba.njit(error_model="numpy")
def one_pass(
    opened: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    rate: Floats,
    trades: Floats,
    stop_factor: float,
    target_factor: float,
) -> tuple[int, float]:
    """Number of trades and their net result; `rate` is NaN on bars without a settlement.

    `trades` has a row (entry bar, exit bar, side, net) for each.
    """
    n = len(close)
    rsi = np.empty(n)
    raw = np.zeros(n)
    k_values = np.zeros(n)
    gain = loss = atr = 0.0
    e9 = e21 = e50 = e12 = e26 = signal = close[0]
    signal = 0.0
    seed9 = seed12 = seed21 = seed26 = seed50 = seed_signal = 0.0
    was_ahead = 0.0
    total = squares = loud = 0.0
    side, entry_bar = 0, 0
    price = quantity = stop = target = fees = paid = 0.0
    wanted, wanted_atr = 0, 0.0
    count, net_total = 0, 0.0
    for i in range(n):
        # what the signal of the bar before asks for, at this open
        if side != 0 and wanted == -side:
            exit_fee = quantity * opened[i] * FEE
            net = side * quantity * (opened[i] - price) - fees - exit_fee + paid
            trades[count, 0], trades[count, 1], trades[count, 2] = entry_bar, i, side
            trades[count, 3] = net
            net_total += net
            count += 1
            side = 0
        if side == 0 and wanted != 0:
            side, entry_bar, price = wanted, i, opened[i]
            quantity = NOTIONAL / price
            fees, paid = quantity * price * FEE, 0.0
            stop = price - side * stop_factor * wanted_atr
            target = price + side * target_factor * wanted_atr
        wanted = 0
        # funding, then stop, then target
        if side != 0:
            if entry_bar < i and not np.isnan(rate[i]):
                paid -= side * quantity * opened[i] * rate[i]
            level = 0.0
            if side > 0:
                if entry_bar < i and opened[i] < stop:
                    level = opened[i]
                elif low[i] <= stop:
                    level = stop
                elif high[i] >= target:
                    level = target
            elif entry_bar < i and opened[i] > stop:
                level = opened[i]
            elif high[i] >= stop:
                level = stop
            elif low[i] <= target:
                level = target
            if level == 0.0 and i == n - 1:
                level = close[i]
            if level != 0.0:
                exit_fee = quantity * level * FEE
                net = side * quantity * (level - price) - fees - exit_fee + paid
                trades[count, 0], trades[count, 1], trades[count, 2] = entry_bar, i, side
                trades[count, 3] = net
                net_total += net
                count += 1
                side = 0
        # indicators
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
        rsi[i] = 50.0 if gain + loss < 1e-14 else 100.0 * (gain / (gain + loss))
        total += now
        squares += now * now
        loud += volume[i]
        if i >= 20:
            total -= close[i - 20]
            squares -= close[i - 20] * close[i - 20]
            loud -= volume[i - 20]
        if i < _FIRST:  # plain means first, as every library seeds them
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
        # the score
        if i < WARM_UP or i >= n - 1:
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
        needed = 3 if volume[i] > 1.5 * loud / 20 and volume[i] > 0.0 else 4
        is_long, is_short = longs >= needed, shorts >= needed
        if is_long != is_short:
            wanted = 1 if is_long else -1
            wanted_atr = atr
    return count, net_total
