"""What the last so many values of every bar come to, for all bars at a time.

By doubling: windows of 1, 2, 4 ... bars, each made of two of the ones before. Such a pass goes
through whole arrays in their order, so that several bars are done at once, and there are few of
them whatever the period. They are fast while all that they work on is in the processor's cache:
hand them some hundred bars.
"""

from __future__ import annotations

from cointrader.backtest.columns import Floats
from cointrader.signals.indicators import stoch_share


def window_sums(
    values: Floats, period: int, sums: Floats, spare: Floats, other_spare: Floats
) -> None:
    """Sums of the last `period` values of each bar, but for their last bits.

    Nothing is taken away, so no digits are lost. Of the first `period - 1` bars, two at least, it
    means nothing. The spare ones are room for what is between.
    """
    bit = 1
    while 2 * bit <= period:
        bit *= 2
    known, width = values, 1
    while bit > 1:  # from the period's second binary digit on: twice as wide, and 1 if it is 1
        bit //= 2
        is_odd = (period & bit) > 0
        first = 2 * width - 1 + is_odd  # the first bar with such a window
        wider = sums if bit == 1 else spare
        spare, other_spare = other_spare, spare
        found, late, early = wider[first:], known[first:], known[first - width :]
        if is_odd:
            for i in range(len(found)):
                found[i] = late[i] + early[i] + values[i]
        else:
            for i in range(len(found)):
                found[i] = late[i] + early[i]
        known, width = wider, first + 1


def fill_shares(
    rsi: Floats,
    period: int,
    shares: Floats,
    low: Floats,
    high: Floats,
    spare_low: Floats,
    spare_high: Floats,
) -> None:
    """Where RSI stands between its lowest and highest value of the last `period` bars.

    Of the first `period - 1` bars it means nothing. The last four are room for what is between.
    """
    lows, highs, width = rsi, rsi, 1
    while width < period:
        step = min(width, period - width)  # the same bars may be in both windows
        first = width + step - 1  # the first bar with such a window
        late, early, found = lows[first:], lows[first - step :], low[first:]
        for i in range(len(found)):
            found[i] = min(late[i], early[i])
        late, early, found = highs[first:], highs[first - step :], high[first:]
        for i in range(len(found)):
            found[i] = max(late[i], early[i])
        lows, highs, width = low, high, width + step
        low, spare_low, high, spare_high = spare_low, low, spare_high, high
    for i in range(len(shares)):
        shares[i] = stoch_share(rsi[i], lows[i], highs[i])
