"""One closed candle, and which exit level it touches first.

`first_touch` and `touch_price` are the fill rule of a bar for one stop and one target: plain scalar
functions over floats and integers, made for a compiled backtest kernel. The simulated exchange,
which knows any number of orders of many kinds, fills the same: a property test holds them together.
"""

from __future__ import annotations

from typing import NamedTuple

NO_TOUCH = 0
STOP = 1
STOP_GAP = 2
TARGET = 3
LIQUIDATED = 4


class Candle(NamedTuple):
    """One closed kline. Named by `open_time_ms`; known only from `close_time_ms` on.

    A named tuple because there are millions of them: it is made in a third of the time of a
    frozen dataclass.
    """

    symbol: str
    open_time_ms: int
    close_time_ms: int  # first millisecond after the bar: the open time of the next one
    open: float
    high: float
    low: float
    close: float
    volume: float


def first_touch(
    sign: int,
    bar_open: float,
    high: float,
    low: float,
    stop: float,
    target: float,
    is_entry_bar: bool,
) -> int:
    """Which level a bar touches first: the stop when in doubt, equality included.

    Parameters
    ----------
    sign : +1 for a long position, -1 for a short
    bar_open, high, low : of the bar, in quote currency
    stop, target : levels in quote currency; NaN where there is none
    is_entry_bar : the position was opened at this bar's open, which cannot gap past its own stop

    Returns
    -------
    NO_TOUCH, STOP, STOP_GAP (the bar opens strictly beyond the stop) or TARGET.
    """
    if sign > 0:
        if not is_entry_bar and bar_open < stop:
            return STOP_GAP
        if low <= stop:
            return STOP
        if high >= target:
            return TARGET
    else:
        if not is_entry_bar and bar_open > stop:
            return STOP_GAP
        if high >= stop:
            return STOP
        if low <= target:
            return TARGET
    return NO_TOUCH


def bar_exit(
    sign: int,
    bar_open: float,
    high: float,
    low: float,
    stop: float,
    target: float,
    liquidation: float,
    is_entry_bar: bool,
) -> int:
    """`first_touch`, or LIQUIDATED where the bar comes to `liquidation` before the stop.

    `liquidation` is NaN where there is none, and touched by the last price: no mark price is known.
    """
    if sign > 0:
        is_ruined = low <= liquidation and liquidation > stop
    else:
        is_ruined = high >= liquidation and liquidation < stop
    if is_ruined:
        return LIQUIDATED
    return first_touch(sign, bar_open, high, low, stop, target, is_entry_bar)


def touch_price(touch: int, bar_open: float, stop: float, target: float) -> float:
    """Price at which a touch fills, before slippage: a gap at the open, a level at the level."""
    if touch == STOP_GAP:
        return bar_open
    if touch == STOP:
        return stop
    return target
