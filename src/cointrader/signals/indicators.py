"""Indicators of one symbol: arrays in, arrays of the same length out, NaN before the warm-up.

Two kinds. Recursive ones (RSI, MACD, EMA, ATR, ADX) remember everything before them, and run over
all bars there are (`signals.recursion`; ATR and ADX are TA-Lib's). Windowed ones (bands, StochRSI's
K and D, volume mean) depend on their window alone, to the last bit: a running bot's 1,000 bars and
the full history give the same float, and so does a bot that asks for its last bar only. TA-Lib's
own means are running sums and do not have that property.

TA-Lib's unstable periods are global to the process: never set them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
import talib
from numpy.typing import NDArray

from cointrader.domain.errors import ConfigError, DataError
from cointrader.market.frame import Frame
from cointrader.signals import recursion
from cointrader.signals.compiled import compiled

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]
Number = TypeVar("Number", np.float64, np.int8)
Answer = TypeVar("Answer")
Value = Any  # a float or a float64 array: where it stands, the arithmetic is the same to the bit
Places = Sequence[Value] | Floats  # first to last value of windows; of one: its own values

# Where pandas or polars is installed TA-Lib wraps its functions to take their series, which costs
# more per call than a thousand bars of EMA do. We hand it arrays only.
_ATR, _ADX, _MIN, _MAX = (
    inspect.unwrap(function) for function in (talib.ATR, talib.ADX, talib.MIN, talib.MAX)
)


@dataclass(frozen=True, slots=True)
class Periods:
    """Lengths of the indicators, in bars. `band_width` is in standard deviations."""

    rsi: int = 14
    macd_fast: int = 12
    macd_slow: int = 26
    macd_signal: int = 9
    band: int = 20
    band_width: float = 2.0
    ema_fast: int = 9
    ema_mid: int = 21
    ema_slow: int = 50
    atr: int = 14
    stoch: int = 14
    stoch_k: int = 3
    stoch_d: int = 3
    adx: int = 14
    volume: int = 20

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if name == "band_width":
                if not 0 < value < math.inf:
                    raise _bad_period(name, value, "a number above 0")
            elif not 2 <= value <= 200:
                raise _bad_period(name, value, "2 to 200 bars")
        if self.macd_fast >= self.macd_slow:
            raise _bad_period("macd_fast", self.macd_fast, f"below macd_slow {self.macd_slow}")
        if not self.ema_fast < self.ema_mid < self.ema_slow:
            found = (self.ema_fast, self.ema_mid, self.ema_slow)
            raise _bad_period("ema_fast, ema_mid, ema_slow", found, "three rising numbers of bars")

    @property
    def reach(self) -> int:
        """Bars after which every indicator has a value."""
        stoch = self.rsi + self.stoch + self.stoch_k + self.stoch_d
        return max(
            stoch, self.macd_slow + self.macd_signal, self.band, self.volume, self.ema_slow,
            self.atr + 1, 2 * self.adx,
        )  # fmt: skip


DEFAULT_PERIODS = Periods()

_fill_remembered = compiled(recursion.fill_remembered)
_fill_exponential_mean = compiled(recursion.fill_exponential_mean)


class lazy(Generic[Answer]):  # noqa: N801 - read as a decorator
    """An attribute computed when it is first asked for.

    `functools.cached_property` takes a lock at every first access before Python 3.12, and a
    running bot makes a dozen of them per bar.
    """

    def __init__(self, compute: Callable[[Any], Answer]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> Answer:
        answer: Answer = self.compute(owner)
        owner.__dict__[self.name] = answer  # found before this descriptor from now on
        return answer


class Indicators:
    """All indicators of a frame, each computed when it is first asked for.

    Parameters
    ----------
    frame : candles of one symbol, oldest first
    periods : lengths of the indicators
    last : show only the last so many bars, None for all. Recursive indicators still run over the
        whole frame, windowed ones only over what these bars need: the values are the same floats.

    Attributes
    ----------
    first : index in `frame` of the first bar shown; every array here starts at that bar

    Raises
    ------
    DataError : when a column that is used holds a NaN or an infinity. Every TA-Lib indicator
        would be wrong from there on, and RSI silently so: it answers 0, which reads "oversold".
    """

    def __init__(
        self, frame: Frame, periods: Periods = DEFAULT_PERIODS, *, last: int | None = None
    ) -> None:
        self.frame = frame
        self.periods = periods
        n_bars = len(frame)
        self.first = 0 if last is None else max(0, n_bars - last)
        self._n_shown = n_bars - self.first

    def __len__(self) -> int:
        return self._n_shown

    @property
    def high(self) -> Floats:
        return self.frame.candles.high[self.first :]

    @property
    def low(self) -> Floats:
        return self.frame.candles.low[self.first :]

    @property
    def close(self) -> Floats:
        return self.frame.candles.close[self.first :]

    @property
    def volume(self) -> Floats:
        return self.frame.candles.volume[self.first :]

    @lazy
    def rsi(self) -> Floats:
        return self._row(recursion.RSI)

    @lazy
    def macd_line(self) -> Floats:
        return self._row(recursion.MACD_LINE)

    @lazy
    def macd_signal(self) -> Floats:
        return self._row(recursion.MACD_SIGNAL)

    @lazy
    def macd_cross(self) -> Signs:
        """+1 where the line crosses above its signal on this bar, -1 below, else 0."""
        line = self._remembered[recursion.MACD_LINE]
        signal = self._remembered[recursion.MACD_SIGNAL]
        return self._shown(crossings(self._reaching(line, 1), self._reaching(signal, 1)))

    @lazy
    def band_upper(self) -> Floats:
        return self._bands[0]

    @lazy
    def band_middle(self) -> Floats:
        return self._bands[1]

    @lazy
    def band_lower(self) -> Floats:
        return self._bands[2]

    @lazy
    def ema_fast(self) -> Floats:
        return self._row(recursion.EMA_FAST)

    @lazy
    def ema_mid(self) -> Floats:
        return self._row(recursion.EMA_MID)

    @lazy
    def ema_slow(self) -> Floats:
        return self._row(recursion.EMA_SLOW)

    @lazy
    def ema_stack(self) -> Signs:
        """+1 where fast > mid > slow, -1 where fast < mid < slow, else 0."""
        stack = stacked(self.ema_fast, self.ema_mid, self.ema_slow)
        return np.asarray(stack, np.int8)

    @lazy
    def atr(self) -> Floats:
        candles = self.frame.candles
        return atr(candles.high, candles.low, candles.close, self.periods.atr)[self.first :]

    @lazy
    def adx(self) -> Floats:
        candles = self.frame.candles
        return adx(candles.high, candles.low, candles.close, self.periods.adx)[self.first :]

    @lazy
    def stoch_k(self) -> Floats:
        return self._stoch[0]

    @lazy
    def stoch_d(self) -> Floats:
        return self._stoch[1]

    @lazy
    def volume_mean(self) -> Floats:
        period = self.periods.volume
        volume = self._reaching(self.frame.candles.volume, period - 1)
        return self._shown(window_mean(require_finite(volume, "volume"), period))

    @lazy
    def _remembered(self) -> Floats:
        return remembered(self.frame.candles.close, self.periods)

    def _row(self, row: int) -> Floats:
        shown: Floats = self._remembered[row, self.first :]
        return shown

    @lazy
    def _bands(self) -> tuple[Floats, Floats, Floats]:
        p = self.periods
        close = self._reaching(self.frame.candles.close, p.band - 1)
        upper, middle, lower = bollinger(close, p.band, p.band_width)
        return self._shown(upper), self._shown(middle), self._shown(lower)

    @lazy
    def _stoch(self) -> tuple[Floats, Floats]:
        p = self.periods
        reach = (p.stoch - 1) + (p.stoch_k - 1) + (p.stoch_d - 1)
        rsi_values = self._reaching(self._remembered[recursion.RSI], reach)
        k, d = stoch_rsi(rsi_values, p.stoch, p.stoch_k, p.stoch_d)
        return self._shown(k), self._shown(d)

    def _reaching(self, values: Floats, bars: int) -> Floats:
        """The bars shown and `bars` more before them, as far as there are any."""
        return values[max(0, self.first - bars) :]

    def _shown(self, values: NDArray[Number]) -> NDArray[Number]:
        return values[len(values) - self._n_shown :]


def remembered(close: Floats, periods: Periods = DEFAULT_PERIODS) -> Floats:
    """RSI, EMAs, MACD and its signal: see `signals.recursion.fill_remembered`.

    Raises `DataError` when a close is not finite.
    """
    p, rows = periods, np.empty((6, len(close)))
    _fill_remembered(
        require_finite(close, "close"),
        p.rsi, p.ema_fast, p.ema_mid, p.ema_slow, p.macd_fast, p.macd_slow, p.macd_signal, rows,
    )  # fmt: skip
    return rows


def rsi(close: Floats, period: int = 14) -> Floats:
    """Wilder's relative strength index.

    Parameters
    ----------
    close : float64 array of shape (n_bars,), in quote currency

    Returns
    -------
    float64 array of shape (n_bars,), 0 to 100; 50 where there is no change at all (TA-Lib says 0
    there, which would read "oversold"); NaN for the first `period` bars.

    References: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    result: Floats = remembered(close, Periods(rsi=period))[recursion.RSI]
    return result


def macd(close: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Floats, Floats]:
    """MACD line (EMA `fast` - EMA `slow`) and its signal (EMA `signal` of the line).

    Parameters
    ----------
    close : float64 array of shape (n_bars,), in quote currency

    Returns
    -------
    Line and signal, float64 arrays of shape (n_bars,), in quote currency; NaN for the first
    `slow + signal - 2` bars. The fast EMA is seeded late, as TA-Lib does, so the line is not
    exactly the difference of two `ema` at first; after 300 bars it is.
    """
    periods = Periods(macd_fast=fast, macd_slow=slow, macd_signal=signal)
    rows = remembered(close, periods)
    return rows[recursion.MACD_LINE], rows[recursion.MACD_SIGNAL]


def ema(values: Floats, period: int) -> Floats:
    """Exponential mean with ``alpha = 2 / (period + 1)``, seeded by the first plain mean.

    NaN for the first `period - 1` values of a float64 array of shape (n_bars,).
    """
    result = np.empty(len(values))
    _fill_exponential_mean(require_finite(values, "values"), period, result)
    return result


def atr(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Average true range: Wilder's mean of max(high, close before) - min(low, close before).

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,), in quote currency

    Returns
    -------
    float64 array of shape (n_bars,), in quote currency; NaN for the first `period` bars.

    References: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    result: Floats = _ATR(
        require_finite(high, "high"),
        require_finite(low, "low"),
        require_finite(close, "close"),
        period,
    )
    return result


def adx(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Average directional index: how strong a trend is, up or down alike.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,), in quote currency

    Returns
    -------
    float64 array of shape (n_bars,), 0 to 100; NaN for the first `2 * period - 1` bars.

    References: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    result: Floats = _ADX(
        require_finite(high, "high"),
        require_finite(low, "low"),
        require_finite(close, "close"),
        period,
    )
    return result


def stoch_rsi(
    rsi_values: Floats, period: int = 14, k_period: int = 3, d_period: int = 3
) -> tuple[Floats, Floats]:
    """StochRSI as charting sites show it: K = mean of raw, D = mean of K.

    TA-Lib's STOCHRSI is a different thing: its `fastk` is raw, its `fastd` is this K (as a running
    sum), and it never returns this D.

    Parameters
    ----------
    rsi_values : float64 array of shape (n_bars,); NaN at the start is fine

    Returns
    -------
    K and D, float64 arrays of shape (n_bars,), 0 to 100. Compare them with a tolerance: where raw
    is 0 or 100 several bars running they are equal, and that is no cross.

    References: Chande, Kroll (1994), The New Technical Trader.
    """
    k = window_mean(stoch_rsi_raw(rsi_values, period), k_period)
    return k, window_mean(k, d_period)


def stoch_rsi_raw(rsi_values: Floats, period: int = 14) -> Floats:
    """Where RSI stands between its lowest and highest value of the last `period` bars.

    Parameters
    ----------
    rsi_values : float64 array of shape (n_bars,); NaN at the start is fine

    Returns
    -------
    float64 array of shape (n_bars,), 0 to 100, exactly 0 or 100 at a new extreme; 0 where
    lowest and highest are equal; NaN for the first `period - 1` values of RSI.
    """
    low, high = _MIN(rsi_values, period), _MAX(rsi_values, period)
    raw: Floats = stoch_share(rsi_values, low, high)
    return raw


def stoch_share(value: Value, low: Value, high: Value) -> Value:
    """Where `value` stands between `low` and `high`, 0 to 100; 0 where they are equal."""
    span = high - low
    # Divided before it is multiplied: a new extreme is exactly 100, whatever the span rounds to.
    return (value - low) / (span + (span == 0.0)) * 100.0


def bollinger(close: Floats, period: int = 20, width: float = 2.0) -> tuple[Floats, Floats, Floats]:
    """Upper, middle and lower band: mean ± `width` population standard deviations.

    Parameters
    ----------
    close : float64 array of shape (n_bars,), in quote currency

    Returns
    -------
    Three float64 arrays of shape (n_bars,), in quote currency; NaN for the first `period - 1`
    bars. Where the window is constant all three are exactly the close.

    References: Bollinger (2001), Bollinger on Bollinger Bands.
    """
    close = require_finite(close, "close")
    if len(close) < period:
        return _unknown(len(close)), _unknown(len(close)), _unknown(len(close))
    n_before, n_bars = period - 1, len(close)
    upper, middle, lower = window_bands(_window_columns(close, period), width)
    return (
        _after(n_before, upper, n_bars),
        _after(n_before, middle, n_bars),
        _after(n_before, lower, n_bars),
    )


def window_bands(columns: Places, width: float) -> tuple[Value, Value, Value]:
    """Upper, middle and lower band of windows, given as their first to last values."""
    last, offset, squares = columns[-1], _mean_offset(columns), 0.0
    mean = last + offset
    for column in columns:
        residue = (column - last) - offset
        squares = squares + residue * residue
    variance = squares / len(columns)
    half = width * np.sqrt(variance)
    return mean + half, mean, mean - half


def window_mean(values: Floats, period: int) -> Floats:
    """Mean of the last `period` values, this one included.

    Parameters
    ----------
    values : float64 array of shape (n_bars,)

    Returns
    -------
    float64 array of shape (n_bars,); NaN for the first `period - 1` values and in every window
    that holds a NaN, and only there. Of a constant window it is exactly that constant.
    """
    if len(values) < period:
        return _unknown(len(values))
    return _after(period - 1, mean_of(_window_columns(values, period)), len(values))


def crossings(line: Floats, signal: Floats) -> Signs:
    """+1 where `line` crosses above `signal` on this bar, -1 where it crosses below, else 0.

    The bar before counts as "not above" when equal, so a line that leaves an equality crosses.
    NaN on either bar is no cross.
    """
    result = np.zeros(len(line), np.int8)
    if len(line) > 1:
        before, now = _window_columns(line - signal, 2)
        result[1:] = crossed(before, now)
    return result


def crossed(before: Value, now: Value) -> Value:
    """+1 where a difference turns positive, -1 where it turns negative; it leaves 0 as it may."""
    return sign_of((before <= 0.0) & (now > 0.0), (before >= 0.0) & (now < 0.0))


def stacked(fast: Value, mid: Value, slow: Value) -> Value:
    """+1 where fast > mid > slow, -1 where fast < mid < slow, else 0."""
    return sign_of((fast > mid) & (mid > slow), (fast < mid) & (mid < slow))


def sign_of(up: Value, down: Value) -> Value:
    """+1 where `up`, -1 where `down`, 0 where neither or both; of two bools, or two arrays."""
    return up * 1 - down * 1


def signed(up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Signs:
    """`sign_of` as an int8 array."""
    return up.view(np.int8) - down.view(np.int8)


def _window_columns(values: Floats, period: int) -> list[Value]:
    """First to last value of every full window: one array per place, or one float per place.

    Sums over this list run in one order whatever the number of windows, so that a window's sum
    does not depend on where the array starts. A single window is plain floats: fast.
    """
    n_windows = len(values) - period + 1
    if n_windows == 1:
        return list(values.tolist())
    return [values[place : place + n_windows] for place in range(period)]


def _mean_offset(columns: Places) -> Value:
    """Mean of each window less its last value.

    Taken from the offsets: a constant window is then exactly constant, and no digits are lost.
    """
    last, total = columns[-1], 0.0
    for column in columns:
        total = total + (column - last)
    return total / len(columns)


def mean_of(columns: Places) -> Value:
    """Mean of windows, given as their first to last values; of one window: of its values."""
    return columns[-1] + _mean_offset(columns)


def _after(n_unknown: int, values: Value, n_bars: int) -> Floats:
    """`values` as the end of an array that begins with NaN."""
    result = np.empty(n_bars)
    result[:n_unknown] = np.nan
    result[n_unknown:] = values
    return result


def _unknown(n_bars: int) -> Floats:
    return np.full(n_bars, np.nan)


def require_finite(values: Floats, name: str) -> Floats:
    """`values`, or `DataError` when one of them is NaN or infinite."""
    if not np.isfinite(values).all():
        bad = int(np.argmin(np.isfinite(values)))
        raise DataError(
            "candles hold a value that is not a number",
            where=f"{name}, bar {bad} of {len(values)}",
            found=float(values[bad]),
            allowed="finite numbers only",
            todo="fill the gap, or start after it",
        )
    return values


def _check_carried(result: Floats, values: Floats, name: str) -> None:
    """`require_finite` for what carries every NaN and infinity to its end: there a look is enough.

    All but those at the start, which TA-Lib skips.
    """
    if len(values) and not (math.isfinite(result[-1]) and math.isfinite(values[0])):
        require_finite(values, name)


def _bad_period(name: str, value: object, allowed: str) -> ConfigError:
    return ConfigError("impossible indicator period", where=name, found=value, allowed=allowed)
